// Package proxy stands between a program and PostgreSQL and makes trouble: it cuts
// connections at chosen moments, lets them hang, makes them slow, swallows long messages,
// and refuses new ones. It also counts transactions.
//
// It reads as much of the protocol as it takes to know the two worst moments: a
// COMMIT that is on its way to the server, and the answer to one on its way back.
// After the first nothing has happened, after the second everything has, and the
// program sees the same of both.
package proxy
