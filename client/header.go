package client

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxPause is the longest pause that a Retry-After can ask for.
const maxPause = 5 * time.Minute

// retryAfter returns the pause that the answer asks for, at most maxPause. It is 0 if the
// header is missing, unreadable or in the past. A date is relative to the answer's own Date,
// so that a wrong local clock does no harm.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	seconds, err := strconv.ParseUint(value, 10, 31)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return min(time.Duration(seconds)*time.Second, maxPause)
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date := dateOf(h); !date.IsZero() {
		now = date
	}
	return max(0, min(until.Sub(now), maxPause))
}

// dateOf returns the time of an answer by the API's clock; zero if it has none.
func dateOf(h http.Header) time.Time {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date
}

var linkRelation = regexp.MustCompile(`(?i);\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))`)

// paged reports whether an answer's header links to more pages.
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
