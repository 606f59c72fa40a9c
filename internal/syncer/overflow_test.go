package syncer

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

// A full backlog is logged once a minute, with the number of events given up since the last
// line.
func TestOverflowIsOneLineAMinute(t *testing.T) {
	t.Parallel()
	policy := ledger.Policy{Window: time.Hour, Overlap: time.Minute, NoResponseAfter: time.Minute, MaxBacklog: 1}
	st, _, err := state.Open(context.Background(), state.NewMemory(), "https://api.example", policy, unwatched{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close(context.Background()) })
	began := time.Now()
	n := 0
	list := func(events int) {
		st.Do(func(a *ledger.Account) {
			r := a.Begin("ep", began, began, began)
			for range events {
				n++
				r.Note(fmt.Appendf(nil, "%024x", n), "video.deleted", began.Unix())
			}
			a.Apply(r, began)
			a.End(r, true, began)
		})
	}
	st.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "ep", Meta: ledger.Meta{CreatedAt: began}}}, began, began)
	})
	list(0)
	var log bytes.Buffer
	o := &overflow{log: slog.New(slog.NewTextHandler(&log, nil))}
	for second := range 90 {
		list(2)
		o.look(st, began.Add(time.Duration(second)*time.Second))
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "events=1") || !strings.Contains(lines[1], "events=120") || !strings.Contains(lines[1], "--collector.max-backlog") {
		t.Errorf("log:\n%s", log.String())
	}
}
