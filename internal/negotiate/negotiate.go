// Package negotiate reads the request headers that say what a client accepts.
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
		if q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64) // an invalid weight means no
		}
		weights[strings.ToLower(strings.TrimSpace(coding))] = weight
	}
	if weight, ok := weights["gzip"]; ok {
		return weight > 0
	}
	return weights["*"] > 0
}

// Unchanged reports whether a client already has the version with a tag. It compares weak
// tags.
func Unchanged(h http.Header, tag string) bool {
	for known := range strings.SplitSeq(strings.Join(h.Values("If-None-Match"), ","), ",") {
		known = strings.TrimSpace(known)
		if known == "*" || strings.TrimPrefix(known, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
