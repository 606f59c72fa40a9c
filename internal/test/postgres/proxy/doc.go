// Package proxy is a proxy in front of PostgreSQL that causes trouble: it cuts connections at
// chosen moments, lets them hang, slows them down, swallows long messages, and refuses new
// ones. It also counts transactions.
//
// It understands enough of the protocol to know the two worst moments: when a COMMIT is on
// its way to the server, and when the answer is on its way back. After a cut at the first
// nothing has happened, at the second everything has, but the program cannot tell which.
package proxy
