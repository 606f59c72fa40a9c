package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// The key contains characters that URLs, JSON and base64 write differently.
const (
	theKey      = `sk_live+Zm9v/YmFy==&"q`
	pathToken   = "PathT0ken4711"
	queryToken  = "QueryT0ken4712"
	userToken   = "UserT0ken4713"
	secretToken = "PassT0ken4714"
	bodyToken   = "BodyT0ken4715"
)

// secrets returns the forms in which a secret can leak.
func secrets() []string {
	quoted := fmt.Sprintf("%q", theKey)
	return []string{
		theKey, quoted[1 : len(quoted)-1], url.QueryEscape(theKey), url.PathEscape(theKey),
		strings.ReplaceAll(quoted[1:len(quoted)-1], "&", `\u0026`),
		base64.StdEncoding.EncodeToString([]byte(theKey)),
		"sk_live", // the start of all forms above
		pathToken, queryToken, userToken, secretToken, bodyToken,
	}
}

// noSecret fails the test if a text contains a secret.
func noSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range secrets() {
		if at := strings.Index(text, s); at >= 0 {
			t.Errorf("%s shows %q: ...%s", where, s, text[max(0, at-200):min(len(text), at+len(s)+50)])
		}
	}
}

// Even if a hostile or careless API returns what it received, and endpoints have secrets in
// their URLs, none of them shows.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"logfmt", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			testSecrets(t, format)
		})
	}
}

func testSecrets(t *testing.T, format string) {
	// A client that followed a redirect would send the key there.
	var strayed atomic.Int64
	elsewhere := serveHandler(t, func(http.ResponseWriter, *http.Request) { strayed.Add(1) })

	account, apiURL := serveAccount(t, simulator.Options{Seed: 14, Key: theKey})
	description := "Bearer " + theKey
	id := account.AddEndpoint(simulator.Endpoint{
		URL:         "https://" + userToken + ":" + secretToken + "@hooks.example.com:8443/in/" + pathToken + "?token=" + queryToken + "#" + pathToken,
		Description: &description, Active: true,
	})
	s := watching(t, apiURL, "--log.level=debug", "--log.format="+format, "--collector.min-interval=0s",
		"--collector.hold-new-series=0", "--web.enable-pprof", "--api.rate-limit=0", "--api.timeout=1s")
	if format == "json" {
		s.env = nil
		write(t, filepath.Join(s.dir, "key"), []byte(theKey+"\n"))
		s = s.with("--api.key-file=key")
	} else {
		s.env = []string{"OMEGASTREAM_API_KEY=" + theKey}
	}
	p := s.serve(t)
	p.mustScrape(5 * time.Second)

	// All the ways for a secret to get in.
	hook := "https://" + userToken + ":" + secretToken + "@hooks.example.com/in/" + pathToken + "?token=" + queryToken
	for _, cause := range append([]string{"dial " + hook + ": connection refused", "proxy said " + theKey}, causes...) {
		account.Emit(id, "video.process_failed", simulator.NoResponse(cause).WithBody(bodyToken+theKey))
	}
	account.Emit(id, "Bearer "+theKey, simulator.Responded(500).WithBody(bodyToken+" "+hook))
	shown := account.Emit(id, "video.process_failed", simulator.Responded(418).WithBody(bodyToken+" "+theKey))
	p.mustScrape(10 * time.Second)

	echo := "Authorization: Bearer " + theKey
	escaped := url.QueryEscape(theKey)
	for i, effect := range []simulator.Effect{
		simulator.Status(401, echo), simulator.Status(403, echo), simulator.Status(400, "for "+hook),
		simulator.Status(500, `{"error":"bad token `+escaped+`"}`), simulator.Status(502, "GET https://x/?key="+escaped+" failed"),
		simulator.Status(500, strings.Repeat("x", 180)+theKey), simulator.Status(500, fmt.Sprintf("%q", echo)),
		simulator.Header(simulator.Status(401, ""), "WWW-Authenticate", echo),
		simulator.Header(simulator.Status(429, echo), "Retry-After", theKey),
		simulator.Redirect(elsewhere + "/" + url.PathEscape(theKey) + "?key=" + escaped),
		simulator.Redirect("http://" + url.PathEscape(theKey) + ".example.com/"),
		simulator.Header(simulator.Status(307, echo), "Location", elsewhere+"/in"),
		simulator.Header(simulator.Status(308, echo), "Location", "::"+theKey),
		simulator.Header(simulator.Body("<html>"+theKey), "Content-Type", "text/"+theKey),
		simulator.Body(`{"` + theKey + `":1}`), simulator.Body(theKey), simulator.Body(`[{"id":"x","type":"` + escaped + `","url":"` + escaped + `","description":"` + escaped + `"}]`),
		simulator.Header(simulator.Body(`[]`), "Content-Encoding", theKey),
		simulator.Hang(), simulator.Reset(),
	} {
		for _, op := range []simulator.Operation{simulator.ListEndpoints, simulator.ListEvents, simulator.GetEvent} {
			if op == simulator.GetEvent {
				account.Emit(id, "video.deleted", simulator.Responded(200))
			}
			heal := account.AddFault(simulator.Fault{Operation: op, Times: 1, Do: effect})
			// If an answer pauses or hangs, the next scrape need not wait for it.
			if _, err := p.scrape(600 * time.Millisecond); err != nil {
				t.Errorf("effect %d at %s: %v", i, op, err)
			}
			heal()
		}
	}

	// All the ways for a secret to get out.
	for _, accept := range []string{acceptText, acceptOpenMetrics, acceptProtobuf} {
		for _, encoding := range []string{"identity", "gzip"} {
			_, body, err := p.fetch(context.Background(), http.MethodGet, "/metrics", "Accept", accept, "Accept-Encoding", encoding)
			if err != nil {
				t.Fatal(err)
			}
			noSecret(t, "/metrics as "+accept, string(unzip(t, body)))
		}
	}
	const missing = "/nothing"
	for _, path := range []string{
		"/", "/-/healthy", "/-/ready", "/endpoints/" + id, "/events/" + shown, missing,
		"/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1",
	} {
		status, body, err := p.fetch(context.Background(), http.MethodGet, path)
		if err != nil || status != http.StatusOK && path != missing {
			t.Fatalf("%s: status %d, error %v", path, status, err)
		}
		noSecret(t, path, string(body))
	}
	for _, entry := range []string{"cmdline", "comm", "stat"} {
		noSecret(t, "the process list", string(read(t, fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, entry))))
	}
	if got := p.mustScrape(5 * time.Second); got.sum("webhook_endpoint_info", "endpoint_id", id, "url", "hooks.example.com:8443") != 1 {
		t.Errorf("the endpoint does not show its host: %v", got.named("webhook_endpoint_info"))
	}
	if n := strayed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
	noSecret(t, "the log", p.log.String())
	if !strings.Contains(p.log.String(), "debug") {
		t.Error("the log has no lines at level debug")
	}

	// The last way is a crash.
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if !strings.Contains(p.log.String(), "goroutine ") {
		t.Error("SIGQUIT dumped nothing")
	}
	noSecret(t, "the crash", p.log.String())
	state := read(t, filepath.Join(s.dir, "ledger.db"))
	noSecret(t, "the state", string(state))
	if !bytes.Contains(state, []byte("hooks.example.com")) {
		t.Error("the state lacks a known text: this test looks in the wrong place")
	}
}

// Errors and logs do not repeat mistyped input, which can be a secret.
func TestSecretsInBadInput(t *testing.T) {
	t.Parallel()
	withSpace := "sk_live " + theKey
	for name, s := range map[string]setup{
		"an invalid key":          {args: []string{"--state.url=memory:"}, env: []string{"OMEGASTREAM_API_KEY=" + withSpace}},
		"a key as a flag":         {args: []string{"--api.key=" + theKey}},
		"a password in the URL":   {args: []string{"--api.url=https://" + userToken + ":" + secretToken + "@api.example.com/company"}, env: []string{"OMEGASTREAM_API_KEY=" + theKey}},
		"a token in the URL":      {args: []string{"--api.url=https://api.example.com/company?key=" + queryToken}, env: []string{"OMEGASTREAM_API_KEY=" + theKey}},
		"a password of the state": {args: []string{"--state.url=postgres://" + userToken + ":" + secretToken + "@db/x"}, env: []string{"OMEGASTREAM_API_KEY=" + theKey}},
		"a URL as an id":          {args: []string{"--webhook.endpoint-id=https://hooks.example.com/" + pathToken}, env: []string{"OMEGASTREAM_API_KEY=" + theKey}},
		"a key in an odd place":   {args: []string{"--state.url=" + theKey}, env: []string{"OMEGASTREAM_API_KEY=" + theKey}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := s.run(t)
			if status != 1 || stderr == "" {
				t.Errorf("exit status %d, %q", status, stderr)
			}
			noSecret(t, "stdout", stdout)
			noSecret(t, "stderr", stderr)
		})
	}
	t.Run("an invalid key file", func(t *testing.T) {
		t.Parallel()
		s := setup{dir: t.TempDir(), args: []string{"--api.key-file=key"}}
		write(t, filepath.Join(s.dir, "key"), []byte(withSpace))
		status, _, stderr := s.run(t)
		if status != 1 || !strings.Contains(stderr, "--api.key-file") {
			t.Errorf("exit status %d, %q", status, stderr)
		}
		noSecret(t, "stderr", stderr)
		if names := files(t, s.dir); names != "key" {
			t.Errorf("the program wrote files: %s", names)
		}
	})
}

// serveHandler serves on loopback until the end of the test, and returns the URL.
func serveHandler(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	base, stop, err := simulator.Serve(handle)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return strings.TrimSuffix(base, simulator.BasePath)
}

// unzip decompresses a body if it is compressed.
func unzip(t *testing.T, body []byte) []byte {
	t.Helper()
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return body
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
