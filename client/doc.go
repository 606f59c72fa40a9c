// Package client asks the OmegaStream API about the webhooks of an account and
// returns plain values. It speaks HTTP and JSON; it knows no metric, writes no
// log and keeps nothing but its connections and the pace it may ask at.
//
// Every call goes the same way: its method ([Client.ListEndpoints],
// [Client.ListEvents], [Client.GetEvent]), the attempts of do, the limiter, one
// http.Client.Do.
//
// The API is undocumented in much, so the client trusts little: an element of a
// wrong type is skipped and counted, only broken syntax breaks a read, every
// body is bounded, redirects are not followed, and neither the key nor a full
// URL appears in an error.
package client
