// Package ratelimit is a single queue for all API calls of the process. It limits the
// concurrent requests and the requests a second, and pauses all calls when the API asks for
// it.
package ratelimit
