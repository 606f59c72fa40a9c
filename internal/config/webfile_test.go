package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// hash is a hash from bcrypt.
const hash = "$2b$04$abcdefghijklmnopqrstuuoD8yw7MmybLKVooaTGGZAt3HXugv2.a"

// An error in a web configuration file quotes nothing from the file but the name of a user.
func TestErrorOfAWebFileRepeatsNothing(t *testing.T) {
	t.Parallel()
	const (
		hidden = "s3cr"
		whole  = `basic_auth_users:
  prometheus: ` + hash + `
  other: s3cret2
tls_server_config:
  cert_file: s3cret3
  key: s3cret4
  client_ca_file: s3cret5
  client_auth_type: s3cret6
  min_version: s3cret7
  cipher_suites: [s3cret8]
  curve_preferences: [s3cret9]
http_server_config:
  http2: s3cret10
  headers: {X-Frame-Options: s3cret11, s3cret12: s3cret13}
rate_limit: {burst: s3cret14, interval: s3cret15}
s3cret16: s3cret17
`
	)
	file := filepath.Join(t.TempDir(), "web.yml")
	lines := strings.SplitAfter(whole, "\n")
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for i, line := range lines {
			switch {
			case i > 0 && !rapid.Bool().Draw(t, "keep"):
			case rapid.IntRange(0, 4).Draw(t, "spoil") == 0:
				at := rapid.IntRange(0, len(line)).Draw(t, "at")
				text.WriteString(line[:at] + rapid.SampledFrom([]string{"*", "&", "!!int ", "'", "\"", "`", ": ", "- ", "{", "\n", "\t", "<<: ", "? ", "\x00", "|\n", "#"}).Draw(t, "with") + line[at:])
			default:
				text.WriteString(line)
			}
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := CheckWebFile(file); err != nil && strings.Contains(err.Error(), hidden) {
			t.Fatalf("%s\n%v", text.String(), err)
		}
	})
}
