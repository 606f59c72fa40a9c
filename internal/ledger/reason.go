package ledger

import (
	"slices"
	"strings"
)

// Reason is why a delivery had no HTTP response.
type Reason uint8

// The reasons, in the order of [Reasons].
const (
	ReasonUnknown Reason = iota
	ReasonTimeout
	ReasonDNS
	ReasonRefused // the connection was refused, or the host is unreachable
	ReasonReset   // the connection was closed
	ReasonTLS
	ReasonNotRecorded // the API never recorded a response
	reasons
)

var reasonNames = [reasons]string{
	ReasonUnknown:     "unknown",
	ReasonTimeout:     "timeout",
	ReasonDNS:         "dns",
	ReasonRefused:     "connection_refused",
	ReasonReset:       "connection_reset",
	ReasonTLS:         "tls",
	ReasonNotRecorded: "no_response_recorded",
}

// String returns the reason as in the label `reason`.
func (r Reason) String() string {
	if r >= reasons {
		return reasonNames[ReasonUnknown]
	}
	return reasonNames[r]
}

// Reasons returns every reason.
func Reasons() []Reason {
	all := make([]Reason, reasons)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// reasonWords are searched in this order: a TLS handshake that timed out is a timeout, a
// refused lookup is DNS.
var reasonWords = []struct {
	reason Reason
	words  []string
}{
	{ReasonDNS, []string{"no such host", "lookup ", "dns", "name resolution", "name or service not known", "getaddrinfo", "nxdomain"}},
	{ReasonTimeout, []string{"timeout", "timed out", "etimedout", "deadline exceeded"}},
	{ReasonRefused, []string{
		"connection refused", "econnrefused", "actively refused",
		"no route to host", "ehostunreach", "network is unreachable", "enetunreach", "host is down",
	}},
	{ReasonReset, []string{
		"connection reset", "econnreset", "broken pipe", "socket hang up", "unexpected eof", ": eof",
		"goaway", "stream error", "server closed idle connection", "connection lost", "econnaborted",
	}},
	{ReasonTLS, []string{"tls", "x509", "certificate", "ssl", "http response to https client"}},
}

// ReasonOf finds the reason in the provider's text: `response.message` or `response.status`
// of `GET /client/webhooks/:id/events/:eid`.
func ReasonOf(texts ...string) Reason {
	for _, text := range texts {
		text = strings.ToLower(text)
		for _, row := range reasonWords {
			if slices.ContainsFunc(row.words, func(w string) bool { return strings.Contains(text, w) }) {
				return row.reason
			}
		}
	}
	return ReasonUnknown
}
