package syncer

import (
	"strings"
	"testing"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

func TestURLDetail(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
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
		{"https://" + long, long[:128], long[:128]},
	} {
		for detail, want := range map[URLDetail]string{"": tt.host, URLHost: tt.host, URLPath: tt.path, URLNone: ""} {
			if got := detail.Reduce(tt.url); got != want {
				t.Errorf("%q of %q is %q, want %q", detail, tt.url, got, want)
			}
		}
	}
}

func TestAnswerOf(t *testing.T) {
	t.Parallel()
	post := func(url, cause string) *client.Response {
		return &client.Response{Message: `webhook event with type video.x failed: Post "` + url + `": ` + cause}
	}
	const refused = "dial tcp 192.0.2.10:443: connect: connection refused"
	for _, tt := range []struct {
		name     string
		response *client.Response
		want     ledger.Answer
	}{
		{"pending", nil, ledger.Answer{}},
		{"success", &client.Response{StatusCode: 200}, ledger.Answer{Responded: true, StatusCode: 200}},
		{"refused", post("https://example.com/", refused), ledger.Answer{Responded: true, Reason: ledger.ReasonRefused}},
		{"the words of a URL say nothing", post("https://tls.dns.example.com/timeout?x=eof", refused), ledger.Answer{Responded: true, Reason: ledger.ReasonRefused}},
		{"host of a look-up", post("https://example.com", "dial tcp: lookup timeout.example.com: no such host"), ledger.Answer{Responded: true, Reason: ledger.ReasonDNS}},
		{"from the status", &client.Response{Status: "timed out"}, ledger.Answer{Responded: true, Reason: ledger.ReasonTimeout}},
	} {
		if got := answerOf(client.Event{Response: tt.response}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
func TestReduceIn(t *testing.T) {
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
			got := d.ReduceIn(row.text)
			if got != want {
				t.Errorf("%q of %q is %q, want %q", d, row.text, got, want)
			}
			if d != URLPath && strings.Contains(got, secret) {
				t.Errorf("%q of %q shows the secret: %q", d, row.text, got)
			}
		}
	}
}

func FuzzReduceIn(f *testing.F) {
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
			if got := URLHost.ReduceIn(before + secret + after); strings.Contains(got, secret) {
				t.Errorf("%q shows the secret: %q", before+secret+after, got)
			}
		}
	})
}

func TestWordsOf(t *testing.T) {
	t.Parallel()
	r := &client.Response{StatusCode: 500, Status: "500 see https://a.example/s3cr3t", Message: "Post https://a.example/s3cr3t", Body: "body https://a.example/x"}
	want := ledger.Words{Status: "500 see a.example", Message: "Post a.example"}
	if got := wordsOf(r, URLHost, false); got != want {
		t.Errorf("%+v", got)
	}
	want.Body = r.Body
	if got := wordsOf(r, URLHost, true); got != want {
		t.Errorf("%+v", got)
	}
	if got := wordsOf(nil, URLHost, true); got != (ledger.Words{}) {
		t.Errorf("%+v", got)
	}
}
