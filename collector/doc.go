// Package collector turns the ledger of an account into Prometheus metrics. On a scrape
// it waits, until the scrape's deadline, for the syncer to bring the ledger up to date,
// and shows what is durable by then. The package is the only one that names metrics.
package collector
