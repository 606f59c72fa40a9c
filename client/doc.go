// Package client reads the webhooks of an account from the OmegaStream API and returns plain
// values. It speaks HTTP and JSON. It has no metrics, writes no log, and keeps no state
// except its connections, the rate limit and the URLs of endpoints.
//
// Every call takes the same path: its method ([Client.ListEndpoints], [Client.ListEvents],
// [Client.GetEvent]), the attempts of do, the limiter, and one http.Client.Do.
//
// Much of the API is undocumented, so the client trusts little: it skips and counts elements
// of a wrong type, fails only on broken syntax, limits every body, does not follow redirects,
// and puts neither the key nor a full URL into an error.
package client
