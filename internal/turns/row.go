package turns

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"omegastream_exporter/client"
)

// row is what a reservation returns. Its times are the database's, but for the last
// two.
type row struct {
	turns                             int
	start, now                        time.Time
	every                             float64 // seconds
	share                             float64
	changed, pausedSince, pausedUntil time.Time
	streak                            int
	revision                          int64

	asked, answered time.Time // by our clock
}

// reserve takes up to n turns, and none where n or perSecond is 0.
func (l *Limiter) reserve(ctx context.Context, conn *pgxpool.Conn, n int, perSecond float64) (row, error) {
	if perSecond == 0 {
		n, perSecond = 0, 1
	}
	r := row{asked: time.Now()}
	err := conn.QueryRow(ctx, l.sql.reserve, n, perSecond, client.TurnsAhead.Seconds()).Scan(
		&r.turns, &r.start, &r.now, &r.every, &r.share, &r.changed, &r.pausedSince, &r.pausedUntil, &r.streak, &r.revision)
	r.answered = time.Now()
	return r, err
}

// grant returns the turns of the row. Its durations count from now: what has passed
// since the database answered only makes them later.
func (r *row) grant(n int, perSecond float64) client.Grant {
	g := client.Grant{Throttle: r.throttle()}
	paused := max(0, r.pausedUntil.Sub(r.now))
	switch {
	case perSecond == 0 && paused == 0:
		g.Turns = n
	case perSecond == 0:
		g.First = paused
	case r.turns == 0:
		g.First = max(paused, r.start.Sub(r.now)-client.TurnsAhead)
	default:
		g.Turns, g.First = r.turns, r.start.Sub(r.now)
		g.Every = time.Duration(r.every * float64(time.Second))
	}
	return g
}

// throttle returns the state in the row by our clock.
func (r *row) throttle() client.Throttle {
	return client.Throttle{
		Share: r.share, Streak: r.streak,
		Changed: r.local(r.changed), PausedSince: r.local(r.pausedSince), PausedUntil: r.local(r.pausedUntil),
	}
}

// local returns a time of the database by our clock, or a little later: the database
// read its clock before we had its answer.
func (r *row) local(t time.Time) time.Time { return r.answered.Add(t.Sub(r.now)) }

// remote is the reverse, or a little later: the database read its clock after we
// asked. So no pause becomes shorter on its way.
func (r *row) remote(t time.Time) time.Time { return r.now.Add(t.Sub(r.asked)) }
