package e2e

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// A streaming standby is promoted behind the address of the database, with or without the
// last commits. The replicas never show less, and what was lost is read again.
func TestFailover(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	for name, tt := range map[string]failover{
		"nothing lost":                                     {},
		"3 s lost":                                         {lost: 3 * time.Second},
		"3 s lost, pgbouncer, session":                     {lost: 3 * time.Second, pooler: "session"},
		"3 s lost, pgbouncer, transaction":                 {lost: 3 * time.Second, pooler: "transaction"},
		"3 s lost, the leader stays on the old primary":    {lost: 3 * time.Second, left: true},
		"3 s lost, new replicas":                           {lost: 3 * time.Second, fresh: true},
		"3 s lost, the replica that showed most is paused": {lost: 3 * time.Second, paused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.run(t)
		})
	}
}

type failover struct {
	lost   time.Duration // what the standby lacks
	pooler string        // mode of the pooler; "" for none
	left   bool          // one replica stays on the old primary for a while
	fresh  bool          // all replicas are killed and replaced
	paused bool          // the replica that has shown most is paused until the other one has recovered
}

func (f failover) run(t *testing.T) {
	t.Helper()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 53})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	primary := postgres.Start(t)
	dsn := primary.NewDatabase(t)
	standby := primary.Standby(t)
	var ways []*proxy.Proxy
	replica := func() *program {
		way := proxy.New(t, primary.Address(), 53)
		ways = append(ways, way)
		address := way.Address()
		if f.pooler != "" {
			address = primary.Pool(t, address, f.pooler)
		}
		return sharing(t, by(t, dsn, address), apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0").serve(t)
	}
	replicas := []*program{replica(), replica()}
	emit := func() {
		for i := range 20 {
			account.Emit(id, types[i%len(types)], simulator.Responded([]int{200, 503}[i%2]))
		}
	}
	right := func(got *scrape) error {
		return errors.Join(failing(got, ""), expect(account.Truth(), nil).compare(got))
	}
	all := func(ok func(*scrape) error) {
		t.Helper()
		for i, p := range replicas {
			eventually(t, func() error {
				if err := ok(p.mustScrape(time.Second)); err != nil {
					return fmt.Errorf("replica %d: %w", i, err)
				}
				return nil
			})
		}
	}
	all(upAndContacted(1))
	account.Mark()
	emit()
	all(right)

	primary.Received(t, standby)
	standby.Sever(t)
	for began := time.Now(); time.Since(began) < f.lost; {
		emit()
		all(right)
	}
	var floor []map[string]float64
	for _, p := range replicas {
		floor = append(floor, p.mustScrape(time.Second).counters())
	}
	if f.paused {
		emit()
		eventually(t, func() error { return right(replicas[0].mustScrape(time.Second)) })
		floor = append(floor, replicas[0].mustScrape(time.Second).counters())
		replicas[0].signal(syscall.SIGSTOP)
	}
	turned := ways
	if f.left {
		turned = ways[1:]
	} else {
		primary.Stop(t)
	}
	if f.fresh {
		for _, p := range replicas {
			p.kill()
		}
	}
	standby.Promote(t)
	for _, p := range turned {
		p.Turn(standby.Address())
	}
	back := time.Now()
	if f.fresh {
		for i, way := range ways {
			dsn := by(t, dsn, way.Address())
			replicas[i] = sharing(t, dsn, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0").serve(t)
		}
		floor = nil // new replicas know only the older state
	}
	emit()
	// Until everything has recovered, no replica shows less than before.
	healed := func(got *scrape) error {
		for i := range floor {
			for k, v := range floor[i] {
				if now, ok := got.values[k]; !ok || now < v {
					t.Errorf("a replica shows %s as %v after the failover, before it was %v", k, now, v)
				}
			}
		}
		return right(got)
	}
	if f.paused { // the other replica does not wait for it
		most := floor[2] // the other replica may not have seen this yet
		floor = floor[:2]
		eventually(t, func() error { return healed(replicas[1].mustScrape(time.Second)) })
		floor = append(floor, most)
		replicas[0].signal(syscall.SIGCONT)
	}
	if f.left { // both count what they see, one on the old primary
		all(healed)
		primary.Stop(t)
		ways[0].Turn(standby.Address())
		emit()
	}
	all(healed)
	took := time.Since(back)
	emit()
	all(healed)
	figures(t, "%+v: everything has recovered %v after the database is back", f, took.Round(time.Second/10))
}
