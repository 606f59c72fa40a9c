// Package state keeps a ledger durable. --state.url names a state. A [State] is the account
// in memory together with the [Store] of its rows. Several replicas can have a [SharedStore]
// open, of which one at a time leads. The stores are separate packages; offline work on a
// state (inspect, copy, reset) is here.
package state
