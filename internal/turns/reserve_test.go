package turns

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"omegastream_exporter/client"
)

// spanOf reserves until it gets turns.
func spanOf(t testing.TB, l *Limiter, n int, perSecond float64) span {
	t.Helper()
	for {
		var r row
		err := l.do(t.Context(), func(ctx context.Context, conn *pgxpool.Conn) (err error) {
			r, err = l.reserve(ctx, conn, n, perSecond)
			return err
		})
		if err != nil {
			t.Error(err)
			return span{}
		}
		if r.turns > 0 {
			took := time.Duration(float64(r.turns) * r.every * float64(time.Second))
			return span{from: r.start, to: r.start.Add(took), asked: r.now}
		}
		time.Sleep(r.grant(n, perSecond).First)
	}
}

// Whoever asks, and how many do at once: no moment is given twice, and none further
// ahead than a quarter of a second. So N processes stay within the rate of one, and
// one that dies takes no more than that with it.
func TestTurnsNeverOverlap(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			url := fresh(t)
			do(t, url, "ALTER DATABASE "+database(t, url)+" SET default_transaction_isolation = '"+isolation+"'")
			testOverlap(t, limiters(t, url, 3))
		})
	}
}

func testOverlap(t *testing.T, all []*Limiter) {
	const perSecond = 2000
	var mu sync.Mutex
	var spans []span
	var busy sync.WaitGroup
	begin := time.Now()
	for i, l := range append(all, all...) {
		busy.Go(func() {
			for range 40 {
				s := spanOf(t, l, 1+i*20, perSecond)
				mu.Lock()
				spans = append(spans, s)
				mu.Unlock()
			}
		})
	}
	busy.Wait()
	elapsed := time.Since(begin)
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	for i, s := range spans {
		if i > 0 && s.from.Before(spans[i-1].to.Add(-time.Microsecond)) { // the database's clock has no finer ticks
			t.Fatalf("%v to %v was given after %v to %v", s.from, s.to, spans[i-1].from, spans[i-1].to)
		}
		if s.from.Before(s.asked) || s.from.Sub(s.asked) > client.TurnsAhead {
			t.Fatalf("asked at %v, given %v", s.asked, s.from)
		}
	}
	t.Logf("%d reservations by 3 processes in %v, the last turn %v after the first", len(spans), elapsed, spans[len(spans)-1].to.Sub(spans[0].from))
}

// One process alone takes no more than half of what is ahead: that is what dies with
// it, and the others find some left.
func TestGrantIsBounded(t *testing.T) {
	t.Parallel()
	two := limiters(t, fresh(t), 2)
	g, err := two[0].Reserve(t.Context(), 1_000_000, 1000)
	if want := int(client.TurnsAhead / 2 / time.Millisecond); err != nil || g.Turns != want || g.Every != time.Millisecond || g.First != 0 {
		t.Errorf("%+v, error %v", g, err)
	}
	other := spanOf(t, two[1], 1_000_000, 1000)
	if next := other.from.Sub(other.asked); next > client.TurnsAhead/2 {
		t.Errorf("the next one waits for %v", next)
	}
}

// Poolers do without prepared statements, some without the extended protocol.
func TestQueryModes(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	for i, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		l := limiters(t, url+"&default_query_exec_mode="+mode, 1)[0]
		s := spanOf(t, l, 10, 2000)
		if took, want := s.to.Sub(s.from), 5*time.Millisecond<<i; took != want {
			t.Errorf("%s: 10 turns take %v", mode, took)
		}
		now := time.Now()
		state, err := l.Refused(t.Context(), client.Refusal{Sent: now, Answered: now, RetryAfter: time.Millisecond, SlowDown: true})
		if want := 0.5 / float64(int(1)<<i); err != nil || state.Share != max(want, 1.0/16) {
			t.Errorf("%s: %+v, error %v", mode, state, err)
		}
	}
}

// Processes with different limits: each turn takes what its own limit gives it.
func TestDifferentRates(t *testing.T) {
	t.Parallel()
	two := limiters(t, fresh(t), 2)
	fast := spanOf(t, two[0], 1, 100)
	slow := spanOf(t, two[1], 1, 10)
	if got := fast.to.Sub(fast.from); got != 10*time.Millisecond {
		t.Errorf("a turn at 100 a second takes %v", got)
	}
	if got := slow.to.Sub(slow.from); got != 100*time.Millisecond || slow.from.Before(fast.to) {
		t.Errorf("a turn at 10 a second takes %v, from %v after the one before", got, slow.from.Sub(fast.to))
	}
}

// A slow rate is not handed out ahead: the next turn is still free for whoever asks
// in time.
func TestSlowRate(t *testing.T) {
	t.Parallel()
	two := limiters(t, fresh(t), 2)
	spanOf(t, two[0], 5, 0.1)
	g, err := two[1].Reserve(t.Context(), 5, 0.1)
	if err != nil || g.Turns != 0 || g.First < 9*time.Second || g.First > 10*time.Second {
		t.Errorf("%+v, error %v", g, err)
	}
}

func TestWithoutLimit(t *testing.T) {
	t.Parallel()
	two := limiters(t, fresh(t), 2)
	for range 3 {
		g, err := two[0].Reserve(t.Context(), 1, 0)
		if err != nil || g.Turns != 1 || g.Every != 0 || g.First != 0 {
			t.Fatalf("%+v, error %v", g, err)
		}
	}
	now := time.Now()
	if _, err := two[1].Refused(t.Context(), client.Refusal{Sent: now, Answered: now, RetryAfter: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	g, err := two[0].Reserve(t.Context(), 1, 0)
	if err != nil || g.Turns != 0 || g.First < 4*time.Second || g.Throttle.Left(time.Now()) < 4*time.Second {
		t.Errorf("%+v, error %v", g, err)
	}
}

// A clock of the database that is set back by an hour stops nobody for an hour.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	l := limiters(t, url, 1)[0]
	sent := time.Now()
	spanOf(t, l, 1, 100)
	if _, err := l.Refused(t.Context(), client.Refusal{Sent: sent, Answered: sent, RetryAfter: time.Minute}); err != nil {
		t.Fatal(err)
	}
	do(t, url, "UPDATE "+schema+`.limiter SET next_free = next_free + interval '1 hour', reserved_at = reserved_at + interval '1 hour',
		changed_at = changed_at + interval '1 hour', paused_since = paused_since + interval '1 hour', paused_until = paused_until + interval '1 hour'`)
	g, err := l.Reserve(t.Context(), 1, 100)
	if left := g.Throttle.Left(time.Now()); err != nil || left < 50*time.Second || left > 62*time.Second {
		t.Errorf("paused for %v, error %v", left, err)
	}
	do(t, url, "UPDATE "+schema+`.limiter SET paused_until = paused_since,
		next_free = next_free + interval '1 hour', reserved_at = reserved_at + interval '1 hour'`)
	if next := spanOf(t, l, 1, 100); next.from.Sub(next.asked) > client.TurnsAhead {
		t.Errorf("the next turn is %v away", next.from.Sub(next.asked))
	}
}
