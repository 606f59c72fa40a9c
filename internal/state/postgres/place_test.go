package postgres

import "testing"

// If a URL names several servers, the exporter looks for the one that accepts writes, unless
// the URL says otherwise.
func TestServersOfAURL(t *testing.T) {
	t.Parallel()
	for url, looks := range map[string]bool{
		"postgres://exporter@one.example/db":                                            false,
		"postgres://exporter@one.example:5433/db?sslmode=prefer":                        false, // again without TLS
		"postgres://exporter@one.example,two.example/db":                                true,
		"postgres://exporter@one.example:5432,one.example:5433/db":                      true,
		"postgres://exporter@one.example,two.example/db?target_session_attrs=any":       false,
		"postgres://exporter@one.example,two.example/db?target_session_attrs=primary":   true,
		"postgres://exporter@/db?host=one.example,two.example&target_session_attrs=any": false,
	} {
		place, err := ParseURL(url, "replicas")
		if err != nil {
			t.Fatal(err)
		}
		if got := place.config.ConnConfig.ValidateConnect != nil; got != looks {
			t.Errorf("%s: it looks for one that accepts writes: %v", url, got)
		}
	}
}
