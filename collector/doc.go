// Package collector turns the ledger of an account into Prometheus metrics. On a scrape it
// waits for the syncer to bring the ledger up to date, until the scrape's deadline, and shows
// what is durable by then. No other package names metrics.
package collector
