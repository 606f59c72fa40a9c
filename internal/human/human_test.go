package human

import (
	"testing"
	"time"
)

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Second: "just now", 0: "just now", 1999 * time.Millisecond: "just now", 2500 * time.Millisecond: "2 s ago",
		119 * time.Second: "119 s ago", 2 * time.Minute: "2 min ago", 119 * time.Minute: "119 min ago", 2 * time.Hour: "2 h ago",
		47 * time.Hour: "47 h ago", 48 * time.Hour: "2 days ago", 400 * 24 * time.Hour: "400 days ago",
		-30500 * time.Millisecond: "in 30 s", -time.Hour: "in 60 min",
	} {
		if got := Ago(now, now.Add(-d)); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	if got := Ago(now, time.Time{}); got != "never" {
		t.Errorf("the zero time is %q", got)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "under 1 ms", time.Microsecond: "under 1 ms", 250 * time.Millisecond: "250 ms", 1234 * time.Millisecond: "1.2 s", 3 * time.Second: "3 s", 12500 * time.Millisecond: "12 s",
	} {
		if got := Span(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
