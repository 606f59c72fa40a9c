package collector

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
