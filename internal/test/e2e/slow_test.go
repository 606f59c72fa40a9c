package e2e

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// However slow the API is, or even without one, every scrape is answered in time with
// everything known, while the work continues in the background.
func TestSlowAPINeverFailsAScrape(t *testing.T) {
	t.Parallel()
	account := simulator.New(simulator.Options{Seed: 6})
	apiURL, stopAPI, err := simulator.Serve(account)
	if err != nil {
		t.Fatal(err)
	}
	defer stopAPI()
	quick := account.AddEndpoint(simulator.Endpoint{Active: true})
	slow := account.AddEndpoint(simulator.Endpoint{Active: true})
	// A scrape waits for half of its timeout. A busy machine has the other half to answer.
	const timeout = 10 * time.Second
	p := watching(t, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0", "--collector.timeout-offset=5s",
		"--api.timeout=8s", "--api.rate-limit=0").serve(t)
	inTime := func() *scrape {
		t.Helper()
		got := p.mustScrape(timeout)
		if took := got.ended.Sub(got.began); took > timeout {
			t.Errorf("a scrape with a timeout of %v took %v", timeout, took)
		}
		return got
	}
	missed := func(s *scrape) float64 { return s.sum("omegastream_exporter_scrape_deadline_exceeded_total") }
	early := 0.0
	eventually(t, func() error {
		got := inTime()
		early = missed(got)
		return upAndContacted(2)(got)
	})
	emit := func(id string, n int) {
		for range n {
			account.Emit(id, "video.process_succeeded", simulator.Responded(200))
		}
	}

	// Details hang: listed events are counted, and the missing outcomes are visible.
	hang := account.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Hang()})
	emit(slow, 30)
	got := inTime()
	if n := got.sum("webhook_events_total", "endpoint_id", slow); n != 30 {
		t.Errorf("%v events, want 30", n)
	}
	if n := got.sum("omegastream_exporter_event_detail_backlog", "endpoint_id", slow); n != 30 {
		t.Errorf("a backlog of %v, want 30", n)
	}
	if oldest := got.sum("omegastream_exporter_oldest_unfetched_event_timestamp_seconds", "endpoint_id", slow); oldest == 0 {
		t.Error("the age of the backlog is not shown")
	}
	if n := missed(got) - early; n != 1 {
		t.Errorf("%v scrapes were answered early, want 1", n)
	}
	hang()
	// The exporter continues without a scrape.
	eventually(t, func() error {
		if n := account.Calls().Count(simulator.GetEvent, 200); n < 30 {
			return fmt.Errorf("only %d of 30 details were fetched in the background", n)
		}
		return nil
	})
	if got = inTime(); got.sum("webhook_deliveries_total", "endpoint_id", slow) != 30 {
		t.Error("details fetched in the background are not shown")
	}

	// One list hangs: the other endpoint stays fresh, until the exporter gives up on the slow
	// one, and afterwards.
	hang = account.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: slow, Do: simulator.Hang()})
	emit(quick, 10)
	eventually(t, func() error {
		if n := inTime().sum("webhook_deliveries_total", "endpoint_id", quick); n != 10 {
			return fmt.Errorf("%v deliveries of the quick endpoint, want 10", n)
		}
		return nil
	})
	eventually(t, func() error {
		s := inTime()
		if s.sum("omegastream_up") != 0 || s.sum("omegastream_exporter_syncs_total", "result", "partial") == 0 {
			return fmt.Errorf("no metric shows that an endpoint is missing")
		}
		return nil
	})
	times := "omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds"
	if got = inTime(); got.sum(times, "endpoint_id", slow) >= got.sum(times, "endpoint_id", quick) {
		t.Error("the slow endpoint looks as fresh as the quick one")
	}
	hang()
	eventually(t, func() error { return upAndContacted(2)(inTime()) })

	// Without the API, the values stay.
	before := inTime().counters()
	stopAPI()
	for range 3 {
		inTime()
	}
	eventually(t, func() error {
		if inTime().sum("omegastream_up") != 0 {
			return fmt.Errorf("up is 1 without an API")
		}
		return nil
	})
	for k, v := range inTime().counters() {
		if before[k] != v {
			t.Errorf("%s was %v, but is %v without an API", k, before[k], v)
		}
	}
}

// SIGTERM while the API hangs: the scrape under way is answered, and the program ends in
// time.
func TestStopWhileTheAPIHangs(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 8})
	account.AddEndpoint(simulator.Endpoint{Active: true})
	p := watching(t, apiURL, "--collector.min-interval=0s").serve(t)
	p.mustScrape(5 * time.Second)
	account.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.Hang()})
	account.ResetCalls()

	var scraping sync.WaitGroup
	var got *scrape
	var err error
	scraping.Go(func() { got, err = p.scrape(30 * time.Second) })
	eventually(t, func() error {
		if account.Calls().Requests[simulator.ListEvents] == 0 {
			return fmt.Errorf("nothing hangs")
		}
		return nil
	})
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if took := time.Since(began); took > stopLimit || p.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("the program ended with %v after %v", p.cmd.ProcessState, took)
	}
	scraping.Wait()
	if err != nil {
		t.Fatalf("the scrape under way: %v", err)
	}
	if _, ok := got.get("omegastream_up"); !ok {
		t.Error("the scrape under way got an empty answer")
	}
}
