package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

// A replica that dies while it works is replaced within seconds, one that is stopped at once.
// Nothing is lost or counted twice.
func TestReplicaTakesOver(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*program){"killed": (*program).kill, "stopped": (*program).stop} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const events = 30
			account, apiURL := serveAccount(t, simulator.Options{Seed: 24})
			for range 2 {
				account.AddEndpoint(simulator.Endpoint{Active: true})
			}
			programs := serveReplicas(t, 2, account, apiURL, "--collector.min-interval=100ms", "--collector.hold-new-series=0",
				"--api.concurrency=4")
			account.Mark()
			hang := account.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Hang()})
			defer hang()
			for range events {
				for _, id := range account.EndpointIDs() {
					account.Emit(id, "video.process_succeeded", simulator.Responded(200))
				}
			}
			asked := account.Calls().Requests[simulator.GetEvent]
			eventually(t, func() error {
				programs[0].mustScrape(200 * time.Millisecond)
				if account.Calls().Requests[simulator.GetEvent] == asked {
					return fmt.Errorf("the leader requests nothing")
				}
				return nil
			})
			end(programs[0])
			ended := time.Now()
			hang()
			eventually(t, func() error {
				return expect(account.Truth(), nil).compare(programs[1].mustScrape(time.Second))
			})
			took := time.Since(ended)
			// Only the answers that hung at the end are requested again.
			if twice := account.Calls().Requests[simulator.GetEvent] - asked - 2*events; twice > 4 {
				t.Errorf("%d details were requested twice, want at most the 4 under way", twice)
			}
			for range 3 {
				if err := expect(account.Truth(), nil).compare(programs[1].mustScrape(time.Second)); err != nil {
					t.Errorf("the counts do not stay right: %v", err)
				}
			}
			figures(t, "a replica that was %s is replaced after %v", name, took.Round(time.Second/100))
		})
	}
}

// A replica that was paused for longer than its lease notices that another one leads, and
// writes nothing.
func TestReplicaStoodStill(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	account, apiURL := serveAccount(t, simulator.Options{Seed: 26})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	programs := serveReplicas(t, 2, account, apiURL, "--collector.min-interval=100ms", "--collector.hold-new-series=0",
		"--api.concurrency=4")
	account.Mark()
	emit := func() {
		for i := range 20 {
			account.Emit(id, "video.process_failed", simulator.Responded([]int{200, 503}[i%2]))
		}
	}
	hang := account.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Hang()})
	defer hang()
	emit()
	asked := account.Calls().Requests[simulator.GetEvent]
	eventually(t, func() error {
		programs[0].mustScrape(200 * time.Millisecond)
		if account.Calls().Requests[simulator.GetEvent] == asked {
			return fmt.Errorf("the leader requests nothing")
		}
		return nil
	})
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := programs[0].cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	hang()
	eventually(t, func() error {
		return expect(account.Truth(), nil).compare(programs[1].mustScrape(time.Second))
	})
	emit()
	eventually(t, func() error {
		return expect(account.Truth(), nil).compare(programs[1].mustScrape(time.Second))
	})
	signal(syscall.SIGCONT)
	for i, p := range programs {
		eventually(t, func() error {
			if err := expect(account.Truth(), nil).compare(p.mustScrape(time.Second)); err != nil {
				return fmt.Errorf("replica %d: %w", i, err)
			}
			return nil
		})
	}
	emit()
	for i, p := range programs {
		eventually(t, func() error {
			if err := expect(account.Truth(), nil).compare(p.mustScrape(time.Second)); err != nil {
				return fmt.Errorf("later, replica %d: %w", i, err)
			}
			return nil
		})
	}
}
