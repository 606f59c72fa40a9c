package dashboards_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

const (
	rolledPods  = 3
	countSince  = 20 * time.Second // shorter than a pod's life, so this alone does not find everything
	perFailure  = 10               // successful deliveries for each failed one, too few to page
	firstStatus = 400
)

// TestRollouts replaces sidecars whose state is lost with their pod, while a delivery fails
// every second. Each failure has its own status code and type, so that the test can tell
// whether an instance and an alert saw it.
func TestRollouts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		times int
	}{{"one", 1}, {"ten", 10}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			needs.Minutes(t)
			rollouts(t, tt.times)
		})
	}
}

func rollouts(t *testing.T, times int) {
	a, api, endpoint, _ := account(t)
	var targets []string
	for range rolledPods * (times + 1) {
		targets = append(targets, freeAddress(t))
	}
	prom := startPrometheus(t, serverOptions{}, targets...)
	next := 0
	pod := func() *exporter {
		e := &exporter{
			address: targets[next], state: filepath.Join(t.TempDir(), "ledger.db"), api: api,
			more: []string{"--collector.count-since=" + countSince.String()},
		}
		next++
		e.start(t)
		return e
	}
	var pods []*exporter
	for range rolledPods {
		pods = append(pods, pod())
	}
	prom.wait(t, 2*time.Minute, "count(omegastream_up == 1)", strconv.Itoa(rolledPods))

	failing := newFailing(a, endpoint)
	t.Cleanup(failing.stop)
	for rollout := range times {
		for i := range pods {
			// Like a Deployment: the old pod ends when the new one is ready.
			old := pods[i]
			pods[i] = pod()
			old.kill()
		}
		prom.told(t, endpoint, failing.last()+1, fmt.Sprintf("the next failure after rollout %d", rollout+1))
	}
	failing.stop()
	made := failing.last()
	for i := range made {
		prom.told(t, endpoint, i+1, fmt.Sprintf("failure %d of %d", i+1, made))
	}
	// Each pod counts old failures again, the records do not.
	most, err := prom.number(`max_over_time(sum(endpoint:webhook_delivery_failures:increase30m)[30m:1s])`)
	if n, _ := strconv.ParseFloat(most, 64); err != nil || n > float64(made) {
		t.Errorf("the records have %s failures, want at most %d, %v", most, made, err)
	}
	for _, alert := range []string{"StateReset", "ErrorBudgetBurningFast", "EventsMissed"} {
		fired, err := prom.query(fmt.Sprintf(`count_over_time(ALERTS{alertname="OmegaStream%s"}[30m])`, alert))
		if err != nil || len(fired) > 0 {
			t.Errorf("%s: %v, %v", alert, fired, err)
		}
	}
	onlyFired(t, prom, "DeliveryFailed")
	rules(t, prom)
}

// told waits until the alert for a failure has fired.
func (p *prometheus) told(t *testing.T, endpoint string, number int, what string) {
	t.Helper()
	eventType, code := failure(number)
	expr := fmt.Sprintf(`ALERTS{alertname="OmegaStreamDeliveryFailed", alertstate="firing", endpoint_id=%q, event_type=%q, status_code="%d"}`, endpoint, eventType, code)
	eventually(t, 2*time.Minute, what+" fires an alert", func() error {
		found, err := p.query("last_over_time(" + expr + "[30m])")
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%s has never fired", expr)
		}
		return err
	})
}

// failure returns a type and status code that no other failure has.
func failure(number int) (eventType string, code int) {
	types := []string{"video.process_failed", "video.process_succeeded", "video.uploaded", "video.deleted"}
	return types[number%len(types)], firstStatus + number/len(types)%200
}

// failing makes deliveries, one of which fails each second.
type failing struct {
	mu   sync.Mutex
	made int
	end  chan struct{}
	once sync.Once
	done sync.WaitGroup
}

func newFailing(a *simulator.Account, endpoint string) *failing {
	f := &failing{end: make(chan struct{})}
	f.done.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-f.end:
				return
			case <-tick.C:
			}
			f.mu.Lock()
			f.made++
			eventType, code := failure(f.made)
			f.mu.Unlock()
			a.Emit(endpoint, eventType, simulator.Responded(code))
			for range perFailure {
				a.Emit(endpoint, eventType, simulator.Responded(http.StatusOK))
			}
		}
	})
	return f
}

// last returns the number of failures so far.
func (f *failing) last() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made
}

func (f *failing) stop() {
	f.once.Do(func() { close(f.end) })
	f.done.Wait()
}
