package web

import "net/url"

// links makes the addresses in the pages.
type links struct {
	base    string // before every path, as a browser sees it
	metrics string
}

// Overview returns the address of the first page.
func (l links) Overview() string { return l.base + "/" }

// Metrics returns the address of the metrics.
func (l links) Metrics() string { return l.base + l.metrics }

// Healthy returns the address of the health check.
func (l links) Healthy() string { return l.base + "/-/healthy" }

// Ready returns the address of the readiness check.
func (l links) Ready() string { return l.base + "/-/ready" }

// Asset returns the address of a file of the pages.
func (l links) Asset(name string) string { return l.base + assetPath + assetName(name) }

// Endpoint returns the address of an endpoint's page, "" where there can be none.
func (l links) Endpoint(id string) string { return l.item("/endpoints/", id) }

// Event returns the address of an event's page, "" where there can be none.
func (l links) Event(id string) string { return l.item("/events/", id) }

func (l links) item(path, id string) string {
	if id == "" || id == "." || id == ".." {
		return "" // a browser would take these for other pages
	}
	return l.base + path + url.PathEscape(id)
}
