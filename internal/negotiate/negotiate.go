// Package negotiate reads the headers by which a client says what it accepts.
package negotiate

import (
	"net/http"
	"strconv"
	"strings"
)

// Gzip reports whether a client accepts gzip, by name or by a star.
func Gzip(h http.Header) bool {
	weights := make(map[string]float64)
	for part := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, params, _ := strings.Cut(part, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64) // nonsense means no
		}
		weights[strings.ToLower(strings.TrimSpace(coding))] = weight
	}
	if weight, ok := weights["gzip"]; ok {
		return weight > 0
	}
	return weights["*"] > 0
}

// Unchanged reports whether a client already has the version of a tag. It compares tags as
// weak ones.
func Unchanged(h http.Header, tag string) bool {
	for known := range strings.SplitSeq(strings.Join(h.Values("If-None-Match"), ","), ",") {
		known = strings.TrimSpace(known)
		if known == "*" || strings.TrimPrefix(known, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
