package web

import "net/url"

// links builds the addresses on the pages.
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

// Endpoint returns the address of an endpoint's page, "" if there can be none.
func (l links) Endpoint(id string) string { return l.item("/endpoints/", id) }

// Event returns the address of an event's page, "" if there can be none.
func (l links) Event(id string) string { return l.item("/events/", id) }

// Failures returns the address of the failed deliveries that a query selects.
func (l links) Failures(q url.Values) string {
	if len(q) == 0 {
		return l.base + "/failures"
	}
	return l.base + "/failures?" + q.Encode()
}

// FailuresOf returns the address of an endpoint's failed deliveries.
func (l links) FailuresOf(id string) string { return l.Failures(url.Values{"endpoint": {id}}) }

// Runbooks returns the address of the runbooks.
func (l links) Runbooks() string { return l.base + "/runbooks" }

func (l links) item(path, id string) string {
	if id == "" || id == "." || id == ".." {
		return "" // a browser would take these for other pages
	}
	return l.base + path + url.PathEscape(id)
}
