package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestScrub(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`[!-~]{6,40}`).Filter(func(k string) bool { return !strings.Contains(redacted, k) }).Draw(t, "key")
		before := rapid.SampledFrom([]string{"", "Bearer ", "https://h/", "x=", strings.Repeat("y", maxErrorText-3)}).Draw(t, "before")
		behind := rapid.SampledFrom([]string{"", " ", "@host/path", "\n\x1b[31m", "\xff"}).Draw(t, "behind")
		got := (&redactor{key: NewSecret(key)}).scrub(before + key + behind)
		if strings.Contains(got, key) || len(got) > maxErrorText || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("%q becomes %q", before+key+behind, got)
		}
	})
}

func TestHint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"empty", " \n", ""},
		{"text", "no such endpoint\n", ": no such endpoint"},
		{"JSON", `{"error":"expired"}`, `: {"error":"expired"}`},
		{"HTML", "<h1>404</h1>", ""},
		{"two lines", "a\nb", ""},
		{"long", strings.Repeat("x", maxHint+1), ""},
		{"escape sequence", "\x1b[31mred", ""},
		{"invalid UTF-8", "a\xffb", ""},
		{"backslash", `a\u0062`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := (&redactor{key: NewSecret("k1")}).hint([]byte(tt.body)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// An error quotes the API's message even if the body arrives after the header.
func TestHintThatComesLate(t *testing.T) {
	t.Parallel()
	c, mux := setup(t, Options{})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(50 * time.Millisecond)
		_, _ = w.Write([]byte("no such thing"))
	})
	_, endpoints := c.ListEndpoints(t.Context())
	_, events := c.ListEvents(t.Context(), endpointID)
	_, event := c.GetEvent(t.Context(), endpointID, eventID)
	for _, err := range []error{endpoints, events, event} {
		if !hasText(err, "(status 404): no such thing") {
			t.Error(err)
		}
	}
}

// spell spells each character of a text in one of the ways that servers use.
func spell(t *rapid.T, text, label string) string {
	var b strings.Builder
	for i, c := range []byte(text) {
		forms := []string{string([]byte{c})}
		if strings.IndexByte("/?=&@:%+-._~ ", c) >= 0 {
			forms = append(forms, fmt.Sprintf("%%%02x", c), fmt.Sprintf("%%%02X", c), fmt.Sprintf("&#x%X;", c), fmt.Sprintf("&#%d;", c),
				fmt.Sprintf(`\u%04x`, c), fmt.Sprintf(`\u%04X`, c), fmt.Sprintf(`\x%02x`, c))
		}
		switch c {
		case '/':
			forms = append(forms, `\/`, `\\/`, "%252F", "&sol;")
		case '&':
			forms = append(forms, "&amp;", "&amp;amp;")
		}
		b.WriteString(rapid.SampledFrom(forms).Draw(t, fmt.Sprint(label, i)))
	}
	return b.String()
}

// redactor removes an endpoint's path, query, user and the key from a provider's text,
// whatever surrounds them and however they are spelled.
func TestOwnSecretsInAnySpelling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const key = "sk-live+0/1=KEYKEY"
		segment := rapid.StringMatching(`[a-zA-Z0-9_~-]{1,12}`)
		path := "/services/PATH" + segment.Draw(t, "path") + rapid.SampledFrom([]string{"", "/"}).Draw(t, "end")
		query := "token=QUERY" + segment.Draw(t, "query") + "&x=1"
		user := "user" + ":PASS" + segment.Draw(t, "password")
		host := rapid.SampledFrom([]string{"hooks.example.com", "hooks-svc:8080", "[::1]:8080", "localhost"}).Draw(t, "host")
		raw := "https://" + user + "@" + host + path + "?" + query
		r := &redactor{key: NewSecret(key), urls: []string{raw, ""}}
		if rapid.Bool().Draw(t, "before the account was listed") {
			r = &redactor{key: NewSecret(key), blind: true}
		}
		said := rapid.SampledFrom([]string{
			raw, "https://" + host + path, host + path, path, path[1:], path + "?" + query, host + "?" + query, query, user + "@" + host + "/x", user, key,
		}).Draw(t, "said")
		before := rapid.SampledFrom([]string{"", "Post \"", "url:", "path:", "(", "host ", "x", `{\"url\":\"`, "\u00e9", "\xff"}).Draw(t, "before")
		behind := rapid.SampledFrom([]string{"", "\": EOF", " is gone", "/more", ")", "&quot;", "%", `\`, "\u00e9"}).Draw(t, "behind")
		text := before + spell(t, said, "spelled") + behind
		texts := map[string]string{"words": r.fit([]byte(text)), "body": r.fitBody([]byte(text)), "error": r.scrub(text)}
		if !r.blind { // a blind redactor only classifies the cause and never shows it
			texts["cause"] = r.cause([]byte(text))
		}
		for what, got := range texts {
			for _, secret := range []string{"PATH", "QUERY", "PASS", "KEYKEY"} {
				if strings.Contains(got, secret) {
					t.Fatalf("%s of %q is %q", what, text, got)
				}
			}
			if !utf8.ValidString(got) {
				t.Fatalf("%s of %q is %q", what, text, got)
			}
		}
	})
}

// Replacing a match in the unspelled text replaces its spelling in the original.
func TestUnspellFindsWhereItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-z/é]|\\/|%2[fF]|&#x2F;|&amp;|\\u002f|%|&|\\){0,20}`).Draw(t, "text")
		if got := replaceSpelled(text, func(string) []replacement { return nil }); got != text {
			t.Fatalf("%q becomes %q", text, got)
		}
		got := replaceSpelled(text, func(plain string) (all []replacement) {
			for i := range len(plain) {
				if plain[i] == '/' {
					all = append(all, replacement{i, i + 1, "|"})
				}
			}
			return all
		})
		if strings.Contains(plainOf(got), "/") {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}

func TestOwnSecrets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, text, host, path string }{
		{"no match", "https://h.example/in/T0", "all is well", "all is well", "all is well"},
		{"whole", "https://h.example/in/T0?k=v", `Post "https://h.example/in/T0?k=v": EOF`, `Post "h.example": EOF`, `Post "h.example/in/T0": EOF`},
		{"PHP", "https://h.example/in/T0", `{"url":"https:\/\/h.example\/in\/T0"}`, `{"url":"h.example"}`, `{"url":"h.example/in/T0"}`},
		{"a host without a dot", "http://hooks-svc:8080/in/T0", "url:hooks-svc:8080/in/T0 failed", "url:hooks-svc:8080 failed", "url:hooks-svc:8080/in/T0 failed"},
		{"only a path", "http://h/in/T0", "path:/in/T0", "path:(URL)", "path:/in/T0"},
		{"without the first slash", "http://h/in/T0/x", "no route in/T0/x", "no route (URL)", "no route in/T0/x"},
		{"only a query", "http://h/?token=s3cr3t", "token=s3cr3t is bad, s3cr3t too", "[redacted] is bad, [redacted] too", "[redacted] is bad, [redacted] too"},
		{"user", "http://me:s3cr3t@h/x", "me:s3cr3t@h", "h", "h"},
		{"short path", "http://h/x", "text/x, h/x and /x, and/xy", "text, h and (URL), and/xy", "text/x, h/x and /x, and/xy"},
		{"no path", "http://h.example/", "see / and and/or", "see / and and/or", "see / and and/or"},
		{"short values", "http://h/in?v=1", "attempt 1 of 10.0.0.1", "attempt 1 of 10.0.0.1", "attempt 1 of 10.0.0.1"},
		{"no URL", "::nonsense::", "::nonsense::", "::nonsense::", "::nonsense::"},
	} {
		for detail, want := range map[URLDetail]string{URLHost: tt.host, URLPath: tt.path} {
			r := &redactor{detail: detail, urls: []string{tt.url}}
			if got := r.fit([]byte(tt.text)); got != want {
				t.Errorf("%s, %s: %q is %q, want %q", tt.name, detail, tt.text, got, want)
			}
		}
	}
}

// Without the endpoint's URL, the redacted text still says why a delivery failed.
func TestGuess(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"500 Internal Server Error: who are you?":                            "500 Internal Server Error: who are you?",
		"dial tcp 192.0.2.1:443: connect: connection refused":                "dial tcp 192.0.2.1:443: connect: connection refused",
		"dial tcp: lookup hooks.example.com on [::1]:53: no such host":       "dial tcp: lookup hooks.example.com on [::1]:53: no such host",
		"dial tcp hooks.example.com:8443: i/o timeout":                       "dial tcp hooks.example.com:8443: i/o timeout",
		"net/http: HTTP/1.1 transport; x509: \"a.example\", not b.example":   "net/http: HTTP/1.1 transport; x509: \"a.example\", not b.example",
		`{"error":"no such webhook","code":17}`:                              `{"error":"no such webhook","code":17}`,
		`Post "https://u:p@h.example/in/a%20s3cr3t?k=s3cr3t": EOF`:           `Post [redacted] EOF`,
		"no services/s3cr3t, token=s3cr3t, me:s3cr3t, me:1s3cr3t or s3cr3t@": "no [redacted] [redacted] [redacted] [redacted] or [redacted]",
		"no T0k3nT0k3nT0k3n at all":                                          "no [redacted] at all",
	} {
		if got := (&redactor{blind: true}).fit([]byte(text)); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// No answer about an endpoint contains the secrets of its URL, even before the endpoint was
// listed.
func TestOwnSecretsOfCalls(t *testing.T) {
	t.Parallel()
	const raw = "https://me:PASSWORD@hooks-svc:8080/in/T0P?token=QUERY"
	said := "no " + url.QueryEscape(raw) + " and url:hooks-svc:8080/in/T0P or in/T0P for me:PASSWORD with token=QUERY"
	c, mux := setup(t, Options{})
	mux.HandleFunc("/base/client/webhooks/all", reply(`[{"description":"to `+raw+`","id":"`+endpointID+`","url":"`+raw+`"}]`))
	mux.HandleFunc("/base/client/webhooks/"+endpointID+"/events/"+eventID, reply(
		`{"id":"`+eventID+`","response":{"status_code":500,"status":"`+said+`","message":"`+said+`","body":"`+said+`"}}`))
	mux.HandleFunc("/base/client/webhooks/"+endpointID, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, said, http.StatusNotFound) })
	before, err := c.GetEvent(t.Context(), endpointID, eventID)
	if err != nil {
		t.Fatal(err)
	}
	before.Response.Cause = "" // it is never shown
	_, early := c.ListEvents(t.Context(), endpointID)
	list, err := c.ListEndpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	event, err := c.GetEvent(t.Context(), endpointID, eventID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ListEvents(t.Context(), endpointID)
	if list.Endpoints[0].URL != "hooks-svc:8080" || !hasText(err, "hooks-svc:8080") {
		t.Errorf("URL %q, error %v", list.Endpoints[0].URL, err)
	}
	all := fmt.Sprintf("%+v %v %+v %+v %+v %v", *before.Response, early, list, event, *event.Response, err)
	for _, secret := range []string{"PASSWORD", "T0P", "QUERY"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is not redacted in %s", secret, all)
		}
	}
}
