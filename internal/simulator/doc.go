// Package simulator is an OmegaStream account in memory that speaks the
// company API over HTTP, for the demo and for the tests of every other package.
//
// An [Account] is an [http.Handler] that serves
//
//	GET /company/client/webhooks/all
//	GET /company/client/webhooks/:id
//	GET /company/client/webhooks/:id/events/:eid
//
// in the form that the public documentation shows. Tests fill it with
// endpoints and events, make it misbehave with [Account.AddFault], and compare
// what their program counted with [Account.Truth] and [Account.Calls].
//
// The answer to a list is kept as bytes and only ever added to, so that a
// list of a million events costs the server little more than the copy to the
// socket. All methods are safe for concurrent use.
//
// Methods that take an id panic if the account has no such endpoint or event, because in a
// test or a demo that is a programming error.
package simulator
