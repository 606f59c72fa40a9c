package collector

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/syncer"
)

// TestRefusedKey checks that a 401, or a 403 of the account's endpoints, ends a sync at once
// and stops the fetcher until the account can be listed again.
func TestRefusedKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		operation simulator.Operation
		code      int
		want      map[simulator.Operation]int // requests of the sync
	}{
		{simulator.ListEndpoints, 401, map[simulator.Operation]int{simulator.ListEndpoints: 1}},
		{simulator.ListEndpoints, 403, map[simulator.Operation]int{simulator.ListEndpoints: 1}},
		{simulator.ListEvents, 401, map[simulator.Operation]int{simulator.ListEndpoints: 1, simulator.ListEvents: 1}},
	} {
		t.Run(fmt.Sprint(tt.operation, tt.code), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(simulator.Options{}, endpointA, endpointB, endpointC)
				for range 100 { // a history that takes the fetcher long at one request a second
					a.Insert(endpointA, simulator.Event{Type: failedType, CreatedTime: time.Now().Add(-time.Hour), Answers: []simulator.Answer{simulator.Responded(200)}})
				}
				r := start(t, a, setup{options: syncer.Options{Concurrency: 1, RateLimit: 1}})
				r.scrape()
				time.Sleep(5 * time.Second)
				heal := a.AddFault(simulator.Fault{Operation: tt.operation, Do: simulator.Status(tt.code, "no")})
				r.scrape().want(t, map[string]string{"omegastream_up": "0", syncsOf("error"): "1", syncsOf("partial"): "0"})
				a.ResetCalls()
				r.scrape()
				calls := a.Calls().Requests
				if calls[simulator.GetEvent] > 1 { // one can be under way
					t.Errorf("%d details while the API refuses the key", calls[simulator.GetEvent])
				}
				if delete(calls, simulator.GetEvent); fmt.Sprint(calls) != fmt.Sprint(tt.want) {
					t.Errorf("%v, want %v", calls, tt.want)
				}
				a.ResetCalls()
				time.Sleep(time.Hour)
				if n := a.Calls().Total(); n != 0 {
					t.Errorf("%d requests after the API refused the key", n)
				}
				mend := map[int]string{401: "replace it in OMEGASTREAM_API_KEY"}[tt.code]
				if r.log.Count("level=WARN") != 1 || r.log.Count("Sync failed", fmt.Sprintf("status %d", tt.code), mend) != 1 {
					t.Errorf("log:\n%s", r.log)
				}
				heal()
				r.scrape().want(t, map[string]string{"omegastream_up": "1"})
				time.Sleep(5 * time.Second)
				if n := a.Calls().Requests[simulator.GetEvent]; n < 4 {
					t.Errorf("%d details after the key works again", n)
				}
			})
		})
	}
}

// TestPartialFailure checks that other endpoints stay fresh while one fails, and that its
// counters keep their values: none is missing, none is NaN.
func TestPartialFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA, endpointB)
		r := start(t, a, setup{})
		r.scrape()
		a.Emit(endpointA, failedType, simulator.Responded(500))
		a.Emit(endpointB, failedType, simulator.Responded(500))
		before := r.scrapes(1, 10*time.Second)
		heal := a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Status(404, "")})
		a.Emit(endpointA, failedType, simulator.Responded(500))
		a.Emit(endpointB, failedType, simulator.Responded(500))
		during := r.scrapes(3, 10*time.Second)
		fresh := "omegastream_exporter_endpoint_last_successful_sync_timestamp_seconds"
		during.want(t, map[string]string{
			"omegastream_up":                         "0",
			syncsOf("partial"):                       "3",
			failuresOf(endpointA, failedType, "500"): "2",
			failuresOf(endpointB, failedType, "500"): "1",
			of(fresh, endpointA):                     "9.4668484e+08",
			of(fresh, endpointB):                     before[of(fresh, endpointB)],
			"omegastream_exporter_last_successful_sync_timestamp_seconds": before[of(fresh, endpointB)],
		})
		for series := range before {
			if _, ok := during[series]; !ok {
				t.Errorf("%s is missing", series)
			}
		}
		for series, value := range during {
			if value == "NaN" {
				t.Errorf("%s is NaN", series)
			}
		}
		heal()
		r.scrapes(1, 10*time.Second).want(t, map[string]string{
			"omegastream_up":                         "1",
			failuresOf(endpointB, failedType, "500"): "2",
			of(fresh, endpointB):                     "9.4668485e+08",
		})
		time.Sleep(time.Minute) // after the previous line
		if n := r.log.Count("level=WARN"); n != 1 {
			t.Errorf("%d warnings for three failures in a row:\n%s", n, r.log)
		}
		if r.log.Count("level=WARN", "operation=list_events", "endpoint_id="+endpointB) != 1 ||
			r.log.Count("level=INFO", "List of events is read again", "endpoint_id="+endpointB) != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestPinned checks that endpoints named by flag are read even if the account cannot be
// listed, unless the key is wrong.
func TestPinned(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		effect simulator.Effect
		up     string
		events int
	}{
		{"server error", simulator.Status(500, ""), "1", 1},
		{"may not list", simulator.Status(403, ""), "1", 1},
		{"rubbish", simulator.HTML(), "1", 1},
		{"wrong key", simulator.Status(401, ""), "0", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(simulator.Options{}, endpointA, endpointB)
				a.AddFault(simulator.Fault{Operation: simulator.ListEndpoints, Do: tt.effect})
				r := start(t, a, setup{policy: ledger.Policy{Endpoints: []string{endpointA}}, options: syncer.Options{Pinned: true}})
				r.scrape().want(t, map[string]string{"omegastream_up": tt.up})
				if tt.events == 0 {
					return
				}
				a.Emit(endpointA, failedType, simulator.Responded(500))
				a.Emit(endpointB, failedType, simulator.Responded(500))
				r.scrapes(1, time.Second).want(t, map[string]string{
					failuresOf(endpointA, failedType, "500"): "1",
					failuresOf(endpointB, failedType, "500"): "",
					of("webhook_endpoint_active", endpointA): "",
				})
				if r.log.Count("level=WARN", "operation=list_endpoints") != 1 {
					t.Errorf("log:\n%s", r.log)
				}
			})
		})
	}
}

// TestPinnedMetadata checks that an endpoint named by flag has its metadata if the account
// lists it.
func TestPinnedMetadata(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA, endpointB)
		r := start(t, a, setup{policy: ledger.Policy{Endpoints: []string{endpointA}}, options: syncer.Options{Pinned: true}})
		r.scrape().want(t, map[string]string{
			of("webhook_endpoint_active", endpointA): "1",
			of("webhook_endpoint_active", endpointB): "",
		})
	})
}

// TestBrokenListCounts checks that the elements before a list breaks are counted and asked
// for at once, and that the rest follows.
func TestBrokenListCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA)
		r := start(t, a, setup{client: client.Options{ListSilence: 3 * time.Second}})
		r.scrape()
		for range 600 {
			a.Emit(endpointA, failedType, simulator.Responded(500))
		}
		heal := a.AddFault(simulator.Fault{Operation: simulator.ListEvents, Do: simulator.CutElements(300, simulator.EndHang)})
		go r.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		time.Sleep(time.Second)
		synctest.Wait()
		r.scrape(timeout("1")).want(t, map[string]string{ // the first part, while the list hangs
			eventsOf(endpointA, failedType):          "256",
			failuresOf(endpointA, failedType, "500"): "256",
			"omegastream_up":                         "1",
		})
		r.scrape().want(t, map[string]string{failuresOf(endpointA, failedType, "500"): "300", "omegastream_up": "0"})
		heal()
		r.scrape().want(t, map[string]string{failuresOf(endpointA, failedType, "500"): "600", "omegastream_up": "1"})
		if n := a.MaxDetailCalls(); n != 1 {
			t.Errorf("a detail was asked for %d times", n)
		}
	})
}

// dripping is an API that sends a space of a list every ten seconds, and never its end.
type dripping struct {
	http.RoundTripper
	path string
}

func (d dripping) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, d.path) {
		return d.RoundTripper.RoundTrip(r)
	}
	body, w := io.Pipe()
	go func() {
		for {
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
			select {
			case <-time.After(10 * time.Second):
			case <-r.Context().Done():
				_ = w.CloseWithError(r.Context().Err())
				return
			}
		}
	}()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
}

// TestSlowList checks a list that sends only blanks: other endpoints stay fresh, the sync is
// not a success, and the list is not requested again while it is being read.
func TestSlowList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(simulator.Options{}, endpointA, endpointB)
		slow := dripping{simulator.Transport(a), "/" + endpointB}
		r := start(t, a, setup{client: client.Options{Transport: slow}})
		r.scrape().want(t, map[string]string{"omegastream_up": "0"})
		time.Sleep(time.Minute)
		for range 3 {
			a.Emit(endpointA, failedType, simulator.Responded(http.StatusOK))
			r.scrape()
			time.Sleep(time.Minute)
		}
		r.scrape().want(t, map[string]string{
			of("webhook_events_listed", endpointA):               "3",
			"omegastream_up":                                     "0",
			syncsOf("partial"):                                   "4", // the fifth waits for the list
			of("webhook_events_total", endpointB):                "",
			"omegastream_exporter_syncs_total{result=\"error\"}": "0",
		})
		if n := a.Calls().Lists[endpointA]; n != 5 {
			t.Errorf("%d lists of the healthy endpoint", n)
		}
	})
}
