package client

import (
	"net"
	"net/http"
	"time"
)

// maxHeaderBytes limits the size of an answer's header.
const maxHeaderBytes = 256 << 10

// newTransport returns a transport with at most that many connections, all of which it keeps:
// with fewer idle connections than concurrent requests, nearly every request would dial. It
// honours HTTPS_PROXY and NO_PROXY, and SSL_CERT_FILE through the system's certificate pool.
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
		// Otherwise an HTTP/2 connection that a firewall silently dropped would fail every
		// request until the kernel gives up on it.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}
