package bench

import (
	"context"
	"syscall"
	"testing"
	"time"
)

// BenchmarkReplicas runs eight replicas of an account with a thousand endpoints, at a rate
// limit that allows reading all lists in 5 s. A round trip to the database takes 50 ms. It
// measures
//
//   - what a sync, and a replica that is not scraped, cost the database,
//   - how long scrapes take while a Prometheus server scrapes each replica every 15 s,
//   - how long after its last heartbeat a leader is replaced that is killed or stopped during
//     a sync, and the most requests in any second meanwhile.
//
// -benchtime=10x makes ten syncs, scrapes each replica ten times, and ends ten leaders each
// way.
func BenchmarkReplicas(b *testing.B) {
	set := startReplicas(b)
	b.Run("transactions", set.transactions)
	b.Run("scrapes", set.scrapes)
	b.Run("takeover=killed", func(b *testing.B) {
		set.takeovers(b, func(leader *replica) (comeBack func()) {
			_ = leader.process().cmd.Process.Kill()
			<-leader.process().done
			return func() { leader.start(set.B) }
		})
	})
	b.Run("takeover=stopped", func(b *testing.B) {
		set.takeovers(b, func(leader *replica) (comeBack func()) {
			_ = leader.process().cmd.Process.Signal(syscall.SIGSTOP)
			return func() { _ = leader.process().cmd.Process.Signal(syscall.SIGCONT) }
		})
	})
}

// repeat runs do for -benchtime, and at least a few times.
func repeat(b *testing.B, do func()) {
	n := 0
	for b.Loop() {
		do()
		n++
	}
	for ; n < fewest; n++ {
		do()
	}
}

// transactions counts the transactions of scrapes of one replica, and of the replicas that
// are not scraped. The leader sends four heartbeats a second; TestTransactions in package e2e
// checks the other costs of a sync.
func (s *replicaSet) transactions(b *testing.B) {
	var all, syncs []float64
	leader := s.all[0]
	idle := func() (n int64) {
		for _, r := range s.all[1:] {
			n += r.proxy.Counts().Transactions
		}
		return n
	}
	s.settle(b, leader)
	idleBefore, began := idle(), time.Now()
	repeat(b, func() {
		before, began := leader.proxy.Counts().Transactions, time.Now()
		leader.process().metrics()
		s.until(b, `SELECT holder IS NULL FROM replicas.state`)
		made := leader.proxy.Counts().Transactions - before
		var took time.Duration
		if err := s.database.QueryRow(b.Context(), `SELECT sync_took FROM replicas.state`).Scan(&took); err != nil {
			b.Fatal(err)
		}
		all = append(all, float64(made))
		syncs = append(syncs, float64(took))
		<-time.After(time.Until(began.Add(replicaInterval)))
	})
	took := time.Since(began)
	b.ReportMetric(percentile(syncs, 0.5), "ns/op")
	b.ReportMetric(percentile(all, 0.5), "transactions/sync-with-heartbeats")
	b.ReportMetric(float64(idle()-idleBefore)/took.Seconds()/float64(len(s.all)-1), "transactions/s-unscraped")
}

// scrapes scrapes all replicas, as a server does.
func (s *replicaSet) scrapes(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	s.prometheus(ctx)
	s.api.busiest(b)
	n := 0
	repeat(b, func() {
		n += len(s.all)
		for s.scraped() < n {
			<-time.After(replicaInterval / replicaCount)
		}
	})
	led, followed := s.times()
	b.ReportMetric(percentile(followed, 0.5), "ns/op")
	b.ReportMetric(percentile(followed, 0.99)/1e9, "s-p99")
	b.ReportMetric(percentile(led, 0.5)/1e9, "leader-s-p50")
	b.ReportMetric(percentile(led, 0.99)/1e9, "leader-s-p99")
	b.ReportMetric(float64(len(led)+len(followed)), "scrapes")
	b.ReportMetric(s.api.busiest(b)/replicaRate*100, "%-of-rate")
}

// takeovers ends one leader after another while it is busy. Each comes back when another one
// leads.
func (s *replicaSet) takeovers(b *testing.B, end func(leader *replica) (comeBack func())) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	s.prometheus(ctx)
	s.leader(b)
	s.api.busiest(b)
	var silent []float64
	repeat(b, func() {
		for measured := false; !measured; {
			ended := s.handovers(b)
			comeBack := end(s.leader(b))
			took, held := s.handover(b, ended)
			comeBack()
			if measured = held; held {
				silent = append(silent, float64(took))
			}
		}
	})
	b.ReportMetric(percentile(silent, 0.5), "ns/op")
	b.ReportMetric(percentile(silent, 1)/1e9, "s-longest")
	b.ReportMetric(float64(len(silent)), "takeovers")
	b.ReportMetric(s.api.busiest(b)/replicaRate*100, "%-of-rate")
}
