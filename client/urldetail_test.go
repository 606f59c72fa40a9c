package client

import (
	"strings"
	"testing"
)

func TestURLDetail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url, host, path string
	}{
		{"https://hooks.example.com/services/T0/B1?key=v#f", "hooks.example.com", "hooks.example.com/services/T0/B1"},
		{"https://me:secret@example.com:8443/a%2Fb", "example.com:8443", "example.com:8443/a%2Fb"},
		{"http://[::1]:80", "[::1]:80", "[::1]:80"},
		{"HTTP://Example.COM", "Example.COM", "Example.COM"},
		{"::no url::", "", ""},
		{"", "", ""},
		{"mailto:me@example.com", "", ""},
	} {
		for detail, want := range map[URLDetail]string{"": tt.host, URLHost: tt.host, URLPath: tt.path, URLNone: ""} {
			if got := detail.Reduce(tt.url); got != want {
				t.Errorf("%q of %q is %q, want %q", detail, tt.url, got, want)
			}
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	for _, row := range []struct{ text, host, path, none string }{
		{"", "", "", ""},
		{"webhook event with type video.x failed", "webhook event with type video.x failed", "webhook event with type video.x failed", "webhook event with type video.x failed"},
		{
			`failed: Post "https://me:pw@hooks.example.com:8443/in/a?token=s3cr3t#f": dial tcp 192.0.2.1:443: connect: connection refused`,
			`failed: Post "hooks.example.com:8443": dial tcp 192.0.2.1:443: connect: connection refused`,
			`failed: Post "hooks.example.com:8443/in/a": dial tcp 192.0.2.1:443: connect: connection refused`,
			`failed: Post "(URL)": dial tcp 192.0.2.1:443: connect: connection refused`,
		},
		{"see http://a.example/x, or HTTPS://b.example/y.", "see a.example, or b.example.", "see a.example/x, or b.example/y.", "see (URL), or (URL)."},
		{"hooks.example.com/services/s3cr3t/B0 is gone", "hooks.example.com is gone", "hooks.example.com/services/s3cr3t/B0 is gone", "(URL) is gone"},
		{"Cannot POST /services/s3cr3t?x=s3cr3t", "Cannot POST (URL)", "Cannot POST /services/s3cr3t", "Cannot POST (URL)"},
		{`"/s3cr3t" and (/s3cr3t)`, `"(URL)" and ((URL))`, `"/s3cr3t" and (/s3cr3t)`, `"(URL)" and ((URL))`},
		{"https://%zz/s3cr3t", "(URL)", "(URL)", "(URL)"},
		{"https://host:port:more/s3cr3t", "(URL)", "(URL)", "(URL)"},
		{"429 Too Many Requests, I/O timeout, text/html", "429 Too Many Requests, I/O timeout, text/html", "429 Too Many Requests, I/O timeout, text/html", "429 Too Many Requests, I/O timeout, text/html"},
		{"net/http: HTTP/1.1 transport", "net/http: HTTP/1.1 transport", "net/http: HTTP/1.1 transport", "net/http: HTTP/1.1 transport"},
	} {
		for d, want := range map[URLDetail]string{"": row.host, URLHost: row.host, URLPath: row.path, URLNone: row.none} {
			got := (&redactor{detail: d}).words(row.text)
			if got != want {
				t.Errorf("%q of %q is %q, want %q", d, row.text, got, want)
			}
			if d != URLPath && strings.Contains(got, secret) {
				t.Errorf("%q of %q shows the secret: %q", d, row.text, got)
			}
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add(`Post "https://a.example/`, `?x": y`)
	f.Add("POST /", " z")
	f.Add("(a.example.com/x/", ")")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "s3cr3t"
		if strings.Contains(before+after, secret) || !strings.HasSuffix(before, "/") {
			return
		}
		i := strings.LastIndexAny(before, " \t\r\n\"") + 1
		word := before[i:]
		if strings.HasPrefix(word, "https://") && len(word) > len("https://") {
			if got := (&redactor{}).words(before + secret + after); strings.Contains(got, secret) {
				t.Errorf("%q shows the secret: %q", before+secret+after, got)
			}
		}
	})
}
