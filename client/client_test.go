package client

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestNewReportsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := New("ftp://me:geheim@/x?q=1#f", StaticKey(" "), Options{
		Timeout: -1, ListSilence: -1, MaxListEvents: -1, Concurrency: -1, RateLimit: math.NaN(), UserAgent: "a\nb",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"scheme", "host", "user", "query", "fragment", "API key: empty",
		"timeout", "silence", "events", "concurrency", "rate limit", "user agent",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("error repeats the password:\n%v", err)
	}
}

func TestNewBaseURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, base string }{
		{"as documented", "https://api.omegastream.net/company", "https://api.omegastream.net/company"},
		{"trailing slash", "https://api.omegastream.net/company/", "https://api.omegastream.net/company"},
		{"escaped path", "http://[::1]:8080/a%2Fb/", "http://[::1]:8080/a%2Fb"},
		{"no path", "http://localhost", "http://localhost"},
		{"no scheme", "api.omegastream.net", ""},
		{"opaque", "http:api.omegastream.net", ""},
		{"bad port", "http://api:geheim@host", ""},
		{"empty query", "http://host/?", ""},
		{"empty fragment", "http://host/#", ""},
		{"port only", "http://:80", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := New(tt.url, StaticKey("k"), Options{})
			switch {
			case tt.base == "" && err == nil:
				t.Fatalf("accepted as %q", c.base)
			case tt.base == "" && strings.Contains(err.Error(), "geheim"):
				t.Fatalf("error repeats the password: %v", err)
			case tt.base != "" && err != nil:
				t.Fatal(err)
			case tt.base != "" && c.base != tt.base:
				t.Fatalf("base %q, want %q", c.base, tt.base)
			}
		})
	}
}

func TestNewDefaults(t *testing.T) {
	t.Parallel()
	c := newClient(t, "http://localhost", Options{})
	o := c.opts
	if o.Timeout != 10*time.Second || o.ListSilence != 30*time.Second || o.MaxListEvents != 10_000_000 || o.Concurrency != 16 {
		t.Errorf("defaults: %+v", o)
	}
	if got := o.Transport.(*http.Transport); got.MaxIdleConnsPerHost != 32 || got.MaxConnsPerHost != 32 || got.Proxy == nil || !got.ForceAttemptHTTP2 {
		t.Errorf("transport: %+v", got)
	}
	if _, err := New("http://localhost", nil, Options{}); err == nil {
		t.Error("New accepts a missing key source")
	}
}

func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	c, mux := setup(t, Options{UserAgent: "tester/1"})
	mux.HandleFunc("/base/client/webhooks/all", func(w http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{
			"Authorization": "Bearer " + testKey, "Content-Type": "application/json",
			"Accept": "application/json", "User-Agent": "tester/1", "Accept-Encoding": "gzip",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if r.Method != http.MethodGet {
			t.Errorf("method %s", r.Method)
		}
		reply(`[]`)(w, r)
	})
	if _, err := c.ListEndpoints(t.Context()); err != nil {
		t.Fatal(err)
	}
}
