package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const webHash = "$2b$04$abcdefghijklmnopqrstuuoD8yw7MmybLKVooaTGGZAt3HXugv2.a" // test

// replaceFile replaces a file in one step.
func replaceFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// If a --web.config.file becomes invalid while the server runs, that is logged once, without
// quoting a value of the file, and once more when it is valid again.
func TestWebFileThatBreaks(t *testing.T) {
	t.Parallel()
	users := "basic_auth_users:\n  user: " + webHash + "\n"
	for name, row := range map[string]struct{ whole, broken string }{
		"without TLS": {users, "basic_auth_users: {user: " + webHash + ", other: [" + webHash + ", s3cret]}\nrate_limit: s3cret\n"},
		"with TLS":    {users + certificate(t), users + "tls_server_config: {cert: x, key: x, client_auth_type: s3cret, min_version: " + webHash + "}\n"},
		"certificate": {users + certificate(t), users + "tls_server_config: {cert_file: s3cret, key_file: " + webHash + "}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "web.yml")
			replaceFile(t, file, row.whole)
			i := start(t, serving(func(http.ResponseWriter, *http.Request) {}), "--web.config.file="+file)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			scheme := "http"
			if strings.Contains(row.whole, "tls") {
				scheme = "https"
			}
			ask := func(want int) {
				t.Helper()
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+i.addresses[0]+"/metrics", nil)
				if err != nil {
					t.Fatal(err)
				}
				request.SetBasicAuth("user", "test")
				status := 0
				if response, err := client.Do(request); err == nil {
					status = response.StatusCode
					response.Body.Close()
				}
				if status != want {
					t.Errorf("status %d, want %d", status, want)
				}
			}
			refused := http.StatusInternalServerError
			if scheme == "https" {
				refused = 0
			}
			ask(http.StatusOK)
			for n := range 2 {
				replaceFile(t, file, row.broken)
				ask(refused)
				for strings.Count(i.log.String(), "is invalid") <= n && t.Context().Err() == nil { // a refused connection ends before the error is logged
					time.Sleep(time.Millisecond)
				}
				ask(refused)
				replaceFile(t, file, row.whole)
				ask(http.StatusOK)
				ask(http.StatusOK)
			}
			if err := i.end(t); err != nil {
				t.Error(err)
			}
			log := i.log.String()
			if broken, mended := strings.Count(log, "is invalid"), strings.Count(log, "is valid again"); broken != 2 || mended != 2 {
				t.Errorf("reported invalid in %d lines, valid again in %d:\n%s", broken, mended, log)
			}
			for _, hidden := range []string{"s3cret", "$2b$", "Unable to parse"} {
				if strings.Contains(log, hidden) {
					t.Errorf("%s is in the log:\n%s", hidden, log)
				}
			}
		})
	}
}

// certificate returns a tls_server_config with a certificate.
func certificate(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, content []byte) string {
		text := strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})))
		return "|\n    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
	}
	return "tls_server_config:\n  cert: " + block("CERTIFICATE", pair.Certificate[0]) + "  key: " + block("PRIVATE KEY", key)
}
