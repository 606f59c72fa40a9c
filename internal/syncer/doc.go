// Package syncer brings the ledger of an account up to date through the client. A scrape
// starts a sync, or joins the running one, and waits for it.
//
// A sync (sync.go) reads the account's lists once (lists.go, list.go). Only details contain a
// delivery's status code. They are fetched in the background, across syncs, until nothing is
// due (details.go, detail.go, backoff.go). Problems are logged when they begin and when they
// end, and shown in between (problems.go, status.go).
package syncer
