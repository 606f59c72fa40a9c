// Package web is the pages that people look at after an alert: which deliveries
// fail, since when and with what answer. Prometheus cannot hold event ids; the
// ledger can, and these pages show it.
//
// The pages are rendered on the server and need no JavaScript; a small script
// refreshes them in place. They load nothing from elsewhere, and none of them
// calls the API: what is shown is what the ledger has.
package web
