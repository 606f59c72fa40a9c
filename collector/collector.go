package collector

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"omegastream_exporter/internal/gate"
	"omegastream_exporter/internal/ledger"
)

// scrape is the prometheus.Collector of one request. It is the one place that
// keeps a context: Collect has no argument for it, and the deadline of the
// request must reach the sync that Collect waits for.
type scrape struct {
	ctx      context.Context
	client   context.Context // ends when the client no longer waits for the answer
	exporter *Exporter
	grace    time.Duration // how long writing may take after the end of ctx
	writer   *gate.Writer  // of the answer
	pass     *gate.Pass    // through the gate; nil where it was not let in
	waited   time.Time     // when its wait for the sync ended, or should have ended
	queued   time.Duration // at the gate, since then
	view     *ledger.View  // what was shown, once Collect has returned
	series   int
}

// Describe implements prometheus.Collector.
func (s *scrape) Describe(ch chan<- *prometheus.Desc) {
	for _, group := range [][]*Family{counterFamilies(), endpointFamilies(), accountFamilies} {
		for _, f := range group {
			ch <- f.desc
		}
	}
}

// Collect implements prometheus.Collector: it brings the ledger up to date and
// sends what is durable.
func (s *scrape) Collect(ch chan<- prometheus.Metric) {
	if !s.exporter.syncer.Wait(s.ctx) && errors.Is(s.ctx.Err(), context.DeadlineExceeded) {
		s.exporter.telemetry.deadlineExceeded.Inc()
	}
	s.waited = time.Now()
	if deadline, ok := s.ctx.Deadline(); ok && deadline.Before(s.waited) {
		s.waited = deadline // a busy machine woke this up late
	}
	s.release()
	atGate := time.Now()
	// The client's own time, not the scrape's: it has ended where the API was slow.
	pass, err := s.exporter.gate.Enter(s.client, s.writer, 1+s.exporter.expectedSeries()/seriesPerPlace)
	if err != nil {
		return // the handler says so
	}
	s.pass, s.queued = pass, time.Since(atGate)
	now := s.exporter.state.Now()
	s.view = s.exporter.state.View(now)
	send := func(m prometheus.Metric) {
		s.series++
		ch <- m
	}
	collectAccount(s.view, send)
	for _, counters := range s.exporter.cache.of(s.view) {
		for _, m := range counters {
			send(m)
		}
	}
	for _, m := range s.exporter.gauges.of(s.view, now) {
		send(m)
	}
}

// release ends the holds that are over. Writing that may take the grace longer than
// the scrape's own context.
func (s *scrape) release() {
	st, held := s.exporter.state, false
	st.Look(func(a *ledger.Account) { held = a.Held() })
	if !held {
		return
	}
	st.Do(func(a *ledger.Account) { a.Release(st.Now()) })
	// A release that is not durable in time is shown by the next scrape.
	deadline, ok := s.ctx.Deadline()
	if now := time.Now(); !ok || deadline.Before(now) {
		deadline = now
	}
	flush, cancel := context.WithDeadline(context.WithoutCancel(s.ctx), deadline.Add(s.grace))
	defer cancel()
	_ = st.Flush(flush)
}
