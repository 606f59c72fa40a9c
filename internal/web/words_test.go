package web

import (
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
)

func TestAge(t *testing.T) {
	t.Parallel()
	if got := age(epoch, epoch.Add(time.Hour)); got != "1 s" {
		t.Errorf("the age of something in the future is %q", got)
	}
}

func TestWindowName(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Hour: "1 h", 24 * time.Hour: "24 h", 48 * time.Hour: "48 h", 7 * 24 * time.Hour: "7 days", 90 * time.Minute: "1h30m0s", 50 * time.Hour: "50 h",
	} {
		if got := windowName(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	for _, row := range []struct {
		part, whole int
		want        string
	}{{0, 0, "–"}, {0, 5, "0 %"}, {5, 5, "100 %"}, {99999, 100000, "99.9 %"}, {1, 3, "33.3 %"}, {1, 2, "50 %"}} {
		if got := percent(row.part, row.whole); got != row.want {
			t.Errorf("%+v: %q", row, got)
		}
	}
	if one, more := plural(1, "event", "events"), plural(2000, "event", "events"); one != "1 event" || more != "2,000 events" {
		t.Errorf("%q, %q", one, more)
	}
}

func TestCodeText(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		code   ledger.Code
		reason ledger.Reason
		status string
		want   string
	}{
		{500, 0, "500 Internal Server Error", "500 Internal Server Error"},
		{500, 0, "", "500 Internal Server Error"},
		{500, 0, "500", "500"},
		{599, 0, "", "599"},
		{418, 0, "I am a teapot", "418 I am a teapot"},
		{ledger.CodeNone, ledger.ReasonUnknown, "ignored", "no response"},
		{ledger.CodeNone, ledger.ReasonDNS, "", "no response: DNS lookup failed"},
		{ledger.CodeNone, ledger.ReasonNotRecorded, "", "no response was ever recorded"},
	} {
		if got := codeText(row.code, row.reason, row.status); got != row.want {
			t.Errorf("%+v: %q", row, got)
		}
	}
	for _, r := range ledger.Reasons() {
		if r != ledger.ReasonUnknown && reasonWords[r] == "" {
			t.Errorf("no words for %s", r)
		}
	}
}

func TestLinksToOddIDs(t *testing.T) {
	t.Parallel()
	l := links{base: "/b"}
	for id, want := range map[string]string{
		"abc": "/b/events/abc", "a/b?c#d %": "/b/events/a%2Fb%3Fc%23d%20%25", "..": "", ".": "", "": "",
	} {
		if got := l.Event(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}
