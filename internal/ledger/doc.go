// Package ledger knows what an account's webhooks did: which events were seen,
// what became of each, and what was counted. It is a state machine without a
// clock and without I/O: every transition takes the time as an argument, changes
// values in memory and notes which rows changed. Package state keeps the rows durable,
// and shows only what a store has acknowledged.
//
// The words used here:
//
//   - An event is one thing that happened to a video, sent to one endpoint. Its
//     identity is (endpoint id, event id).
//   - History is what an endpoint had already listed when it was first met. It
//     fills gauges and never enters a counter.
//   - Contact is the moment from which an endpoint's unknown events are new.
//   - The stop mark is the newest trusted creation time of the last read, no later
//     than the read itself; an ordinary read of a list may end a little before it.
//   - The cutoff divides unknown events into new ones and forgotten ones.
//   - An outcome is a delivery's result: an HTTP status code, or none.
//   - A counter is held while it is shown as 0 although it may be higher, so
//     that a first increment is visible to increase().
package ledger
