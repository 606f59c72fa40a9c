package client

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

var linkRelation = regexp.MustCompile(`(?i);\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))`)

// paged reports whether the header of an answer says that there are more pages.
func paged(h http.Header) bool {
	for _, link := range h.Values("Link") {
		for _, found := range linkRelation.FindAllStringSubmatch(link, -1) {
			relations := strings.Fields(strings.ToLower(found[1] + " " + found[2]))
			if slices.Contains(relations, "next") {
				return true
			}
		}
	}
	return false
}
