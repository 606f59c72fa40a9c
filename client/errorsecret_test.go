package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
)

// No error contains a secret, wherever a server echoes the request.
func TestErrorsNeverContainSecrets(t *testing.T) {
	t.Parallel()
	const auth = "Bearer " + testKey
	escaped := url.QueryEscape(testKey)
	for _, tt := range []struct {
		name string
		step func() (*http.Response, error)
		want string // what the error contains instead
	}{
		{"body", status(403, "no access with "+auth), "no access with Bearer [redacted]"},
		{"escaped in the body", status(403, "see ?key="+escaped), "see [redacted]"},
		{"hidden in the body", status(403, `{"key":"`+strings.ReplaceAll(testKey, "/", `\/`)+`"}`), "the key is not allowed to do this (status 403)"},
		{"spelled differently", status(403, "?key="+strings.ReplaceAll(escaped, "%2F", "&#x2f;")), "(status 403): [redacted]"},
		{"URL in the body", status(403, "look at https://me:pw@docs.example.org/hooks/T0P?x=1"), "look at docs.example.org"},
		{"body of a limit", status(429, auth, "Retry-After: 99"), "again in 1m"},
		{"redirect", status(302, "", "Location: https://me:pw@docs.example.org/"+testKey), "host docs.example.org"},
		{"redirect to the key", status(302, "", "Location: https://"+strings.ReplaceAll(testKey, "/", "")+"/"), "redirects"},
		{"redirect to nowhere", status(302, "", "Location: http://%zz/"+testKey), "no connection"},
		{"content type", status(200, "<", "Content-Type: text/"+testKey), "unusable answer"},
		{"name of a member", status(200, `{"`+testKey+`" 5}`), "invalid JSON after byte"},
		{"id", status(200, `{"id":"`+testKey+`"}`), "another event"},
		{"error of the transport", broken(errors.New("malformed HTTP response " + auth)), "malformed HTTP response Bearer [redacted]"},
		{"URL error of the transport", broken(&url.Error{Op: "Get", URL: "https://api/" + testKey, Err: errors.New("gone")}), "no connection: gone"},
		{"proxy", broken(fmt.Errorf("invalid proxy http://me:pw@docs.example.org/hooks")), "invalid proxy docs.example.org"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, "http://api.example.org/T0P", Options{Transport: &script{steps: steps{tt.step}}})
				err := getEvent(t.Context(), c)
				if !hasText(err, tt.want) {
					t.Errorf("error %v lacks %q", err, tt.want)
				}
				expectNoSecret(t, err)
			})
		})
	}
}

// Media types are compared in lower case, in which the key would not be recognized.
func TestKeyAsAContentTypeIsNotShown(t *testing.T) {
	t.Parallel()
	c, err := New("http://api", StaticKey("Geheim"), Options{Transport: &script{steps: steps{status(200, "<", "Content-Type: text/Geheim")}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := getEvent(t.Context(), c); !errors.Is(err, ErrBadPayload) || strings.Contains(strings.ToLower(err.Error()), "geheim") {
		t.Errorf("error %v", err)
	}
}

func TestKeyAsAnIDIsNotShown(t *testing.T) {
	t.Parallel()
	c := newClient(t, "http://api", Options{Transport: &script{steps: steps{status(404, "")}}})
	_, err := c.GetEvent(t.Context(), testKey, testKey)
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}
	expectNoSecret(t, err)
	secret := NewSecret("geheim")
	if got := fmt.Sprintf("%v %s %+v %#v", secret, secret, secret, secret); got != strings.Repeat("[redacted] ", 3)+"[redacted]" {
		t.Errorf("a secret prints as %s", got)
	}
	inside := struct{ key Secret }{secret}
	if got := fmt.Sprintf("%v %+v %#v %d", inside, inside, inside, secret); strings.Contains(got, "geheim") {
		t.Errorf("a secret inside a struct prints as %s", got)
	}
}

// An id that contains the key, plain or escaped, is invalid, because ids become labels.
func TestKeyIsNoListedID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{testKey, "a" + testKey, url.QueryEscape(testKey)} {
		body := fmt.Sprintf(`[{"id":%q},{"id":"good"}]`, id)
		c := newClient(t, "http://api", Options{Transport: &script{steps: steps{status(200, body), status(200, body)}}})
		endpoints, err := c.ListEndpoints(t.Context())
		if err != nil || len(endpoints.Endpoints) != 1 || endpoints.Faults.Total() != 1 {
			t.Errorf("%q: endpoints %v, %v, error %v", id, endpoints.Endpoints, endpoints.Faults, err)
		}
		list, err := c.ListEvents(t.Context(), "endpoint")
		if err != nil {
			t.Fatal(err)
		}
		if events := readAll(list); len(events) != 1 || list.Faults().Total() != 1 {
			t.Errorf("%q: events %v, %v", id, events, list.Faults())
		}
	}
}

// expectNoSecret checks the error and every error that it wraps.
func expectNoSecret(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
		for _, secret := range []string{testKey, url.QueryEscape(testKey), "T0P", "pw@", "me:", "hooks"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q contains %q", text, secret)
			}
		}
	}
	if strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("more than a line: %q", err)
	}
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case interface{ Unwrap() error }:
		expectNoSecret(t, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range e.Unwrap() {
			expectNoSecret(t, e)
		}
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		t.Errorf("the error exposes a *url.Error: %v", outer)
	}
}
