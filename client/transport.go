package client

import (
	"net"
	"net/http"
	"time"
)

// maxHeaderBytes bounds the header of an answer.
const maxHeaderBytes = 256 << 10

// newTransport returns a transport that has at most that many connections, and
// keeps them all: with fewer idle ones than requests at a time nearly every request
// would dial.
// It honours HTTPS_PROXY and NO_PROXY, and SSL_CERT_FILE by way of the system's
// certificate pool.
func newTransport(connections int) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           connections,
		MaxIdleConnsPerHost:    connections,
		MaxConnsPerHost:        connections,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
		// An HTTP/2 connection that a firewall dropped in silence would
		// otherwise fail every request until the kernel gives it up.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}
