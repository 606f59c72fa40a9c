// Package state keeps a ledger durable: it is what --state.url names. A [State] is the
// account in memory together with the [Store] that its rows are kept in; several
// replicas can have a [SharedStore] open, and one at a time leads. The stores are packages
// of their own; the offline work on a state (inspect, copy, reset) is here.
package state
