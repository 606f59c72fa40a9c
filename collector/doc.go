// Package collector turns the ledger of an account into Prometheus metrics. On a
// scrape it brings the ledger up to date through the client: it starts a sync or
// joins the one that runs, waits for it until the scrape's deadline, and shows
// what is durable by then. The package is the only one that names metrics.
//
// A sync is one pass over the account's lists (sync.go, listpass.go, readlist.go).
// Details, which alone know a delivery's status code, are fetched by the drain
// (drain.go, fetch.go, brake.go), which goes on behind scrapes and from sync to
// sync until nothing is due.
package collector
