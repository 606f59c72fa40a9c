package collector

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"omegastream_exporter/internal/gate"
	"omegastream_exporter/internal/ledger"
)

// scrape is the prometheus.Collector of one request. It keeps a context because Collect takes
// none, and the sync that Collect waits for needs the request's deadline.
type scrape struct {
	ctx      context.Context
	client   context.Context // ends when the client disconnects
	exporter *Exporter
	grace    time.Duration // time for writing after the end of ctx
	writer   *gate.Writer  // of the answer
	pass     *gate.Pass    // through the gate; nil if the scrape was not admitted
	waited   time.Time     // the end of its wait for the sync
	queued   time.Duration // at the gate, since then
	view     *ledger.View  // what was shown; set when Collect returns
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

// Collect implements prometheus.Collector: it waits for a sync, and sends what is durable.
func (s *scrape) Collect(ch chan<- prometheus.Metric) {
	if !s.exporter.syncer.Wait(s.ctx) && errors.Is(s.ctx.Err(), context.DeadlineExceeded) {
		s.exporter.telemetry.deadlineExceeded.Inc()
	}
	s.waited = time.Now()
	if deadline, ok := s.ctx.Deadline(); ok && deadline.Before(s.waited) {
		s.waited = deadline // it woke up late, on a busy machine
	}
	s.release()
	atGate := time.Now()
	// Use the client's own context, because the scrape's has ended if the API was slow.
	pass, err := s.exporter.gate.Enter(s.client, s.writer, 1+s.exporter.expectedSeries()/seriesPerPlace)
	if err != nil {
		return // the handler reports it
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

// release ends the holds that are over. It can take grace longer than the scrape's own
// context.
func (s *scrape) release() {
	st, held := s.exporter.state, false
	st.Look(func(a *ledger.Account) { held = a.Held() })
	if !held {
		return
	}
	st.Do(func(a *ledger.Account) { a.Release(st.Now()) })
	// If a release is not durable in time, the next scrape shows it.
	deadline, ok := s.ctx.Deadline()
	if now := time.Now(); !ok || deadline.Before(now) {
		deadline = now
	}
	flush, cancel := context.WithDeadline(context.WithoutCancel(s.ctx), deadline.Add(s.grace))
	defer cancel()
	_ = st.Flush(flush)
}
