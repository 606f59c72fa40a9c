// Package web is the pages that people look at after an alert: which deliveries
// fail, since when, and what the receiver answered. Event ids do not fit into
// Prometheus; the ledger has them, and these pages show them.
//
// The pages are rendered on the server and need no JavaScript; a small script
// refreshes them in place. They load nothing from elsewhere, and none of them
// calls the API: they show the content of the ledger.
package web
