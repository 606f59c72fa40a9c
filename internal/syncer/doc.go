// Package syncer brings the ledger of an account up to date through the client. A scrape
// starts a sync or joins the one that runs, and waits for it.
//
// A sync (sync.go) is one pass over the account's lists (lists.go, list.go). Details,
// which alone know a delivery's status code, are fetched behind scrapes and from sync to
// sync until nothing is due (details.go, detail.go, backoff.go). What fails is logged
// where it begins and where it ends, and is shown until then (problems.go, status.go).
package syncer
