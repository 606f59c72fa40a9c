// Package state keeps a ledger durable: it is what --state.url names. A [State] is the
// account in memory together with the [Store] that its rows are kept in; a [SharedStore] is
// one that several replicas have open, of which one at a time leads. The stores are
// packages of their own; what is done with a state that is not served is here.
package state
