package client

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"omegastream_exporter/internal/ratelimit"
)

// The defaults of Options.
const (
	DefaultUserAgent     = "omegastream_exporter"
	DefaultTimeout       = 10 * time.Second
	DefaultListSilence   = 30 * time.Second
	DefaultMaxListEvents = 10_000_000
	DefaultConcurrency   = 16
)

// Options configure a client. Their zero values are the defaults.
type Options struct {
	// UserAgent is sent with every request. Empty means DefaultUserAgent.
	UserAgent string

	// Timeout limits one request: up to the last byte of an event or of the list of
	// endpoints, and up to the end of the header of a list of events. Zero means
	// DefaultTimeout.
	Timeout time.Duration

	// ListSilence is how long a list of events waits for one complete element. Then it ends
	// in an error. Zero means DefaultListSilence.
	ListSilence time.Duration

	// MaxListEvents is the number of elements after which a list of events ends
	// in ErrTooLarge. Zero means DefaultMaxListEvents.
	MaxListEvents int

	// Concurrency is the number of concurrent requests. A list of events that takes more than
	// 2 s to read no longer counts; up to as many such lists are read in addition. Zero means
	// DefaultConcurrency.
	Concurrency int

	// RateLimit is the number of requests a second, of all operations together. It can be
	// below 1. Zero means no limit.
	RateLimit float64

	// URLDetail says how much of the endpoints' URLs the client returns, alone and in other
	// texts. Empty means URLHost.
	URLDetail URLDetail

	// Observer observes every request. Nil means no observer.
	Observer Observer

	// Transport sends the requests. Nil means the client's own transport, with HTTP/2, the
	// environment's proxy and the system's certificates.
	Transport http.RoundTripper
}

// Client calls the API. It is safe for concurrent use; all calls share a rate limit, slots
// and connections.
type Client struct {
	base     string // without a trailing slash
	keys     KeySource
	opts     Options
	http     *http.Client
	limiter  *ratelimit.Limiter
	observer Observer
	urls     knownURLs
}

// New returns a client for the API at baseURL, whose path it keeps. It sends no request. It
// reports all mistakes in its arguments at once, in an error that contains neither the URL
// nor the key.
func New(baseURL string, key KeySource, o Options) (*Client, error) {
	base, urlErr := checkBaseURL(baseURL)
	if err := errors.Join(urlErr, checkKeySource(key), o.check()); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	return &Client{
		base:     base,
		keys:     key,
		opts:     o,
		http:     &http.Client{Transport: o.Transport, CheckRedirect: lastResponse},
		limiter:  ratelimit.New(o.Concurrency, o.RateLimit),
		observer: o.Observer,
	}, nil
}

// Limiter returns the queue that all calls go through.
func (c *Client) Limiter() *ratelimit.Limiter { return c.limiter }

// CloseIdleConnections closes the connections that no request uses.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// lastResponse returns a redirect to the caller, because following it would send the key to
// another place.
func lastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// checkBaseURL returns the URL without its trailing slashes. Its errors do not repeat the
// URL, which can contain a password.
func checkBaseURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("base URL: not a valid URL")
	}
	var problems []error
	refuse := func(bad bool, text string) {
		if bad {
			problems = append(problems, errors.New("base URL: "+text))
		}
	}
	refuse(u.Scheme != "http" && u.Scheme != "https", "the scheme must be http or https")
	refuse(u.Hostname() == "", "a host is missing")
	refuse(u.User != nil, "must not hold a user or password")
	refuse(u.RawQuery != "" || u.ForceQuery, "must not have a query")
	refuse(strings.Contains(raw, "#"), "must not have a fragment")
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u.String(), errors.Join(problems...)
}

func checkKeySource(key KeySource) error {
	if key == nil {
		return errors.New("API key: missing")
	}
	_, err := key.Key()
	return err
}

func (o Options) check() error {
	var problems []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	refuse(o.Timeout < 0, "timeout: %v is negative", o.Timeout)
	refuse(o.ListSilence < 0, "list silence: %v is negative", o.ListSilence)
	refuse(o.MaxListEvents < 0, "events of a list: %d is negative", o.MaxListEvents)
	refuse(o.Concurrency < 0, "concurrency: %d is negative", o.Concurrency)
	refuse(o.RateLimit < 0 || math.IsNaN(o.RateLimit) || math.IsInf(o.RateLimit, 0),
		"rate limit: %v is not a number of requests a second", o.RateLimit)
	refuse(strings.ContainsFunc(o.UserAgent, isControl), "user agent: contains a control character")
	return errors.Join(problems...)
}

func (o Options) withDefaults() Options {
	o.UserAgent = orDefault(o.UserAgent, DefaultUserAgent)
	o.Timeout = orDefault(o.Timeout, DefaultTimeout)
	o.ListSilence = orDefault(o.ListSilence, DefaultListSilence)
	o.MaxListEvents = orDefault(o.MaxListEvents, DefaultMaxListEvents)
	o.Concurrency = orDefault(o.Concurrency, DefaultConcurrency)
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	if o.Transport == nil {
		o.Transport = newTransport(2 * o.Concurrency)
	}
	return o
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
