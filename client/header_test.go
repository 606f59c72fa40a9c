package client

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, tt := range []struct {
		name, value, date string
		want              time.Duration
	}{
		{"missing", "", "", 0},
		{"seconds", "7", "", 7 * time.Second},
		{"space", " 7 ", "", 7 * time.Second},
		{"zero", "0", "", 0},
		{"negative", "-5", "", 0},
		{"words", "soon", "", 0},
		{"capped", "301", "", 5 * time.Minute},
		{"number out of range", "99999999999999999999999", "", 5 * time.Minute},
		{"date", at(9 * time.Second), "", 9 * time.Second},
		{"date relative to the API's clock", at(time.Hour + 9*time.Second), at(time.Hour), 9 * time.Second},
		{"unreadable Date", at(9 * time.Second), "today", 9 * time.Second},
		{"past date", at(-time.Hour), "", 0},
		{"capped date", at(time.Hour), "", 5 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			h.Set("Retry-After", tt.value)
			h.Set("Date", tt.date)
			if got := retryAfter(h, now); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
