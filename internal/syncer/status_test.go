package syncer

import (
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/simulator"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(endpointA, endpointB)
		r := start(t, a, setup{})
		if s := r.Status(); !s.Ended.IsZero() || s.Syncing || len(s.Problems) != 0 {
			t.Errorf("before the first sync: %+v", s)
		}
		r.waitFor(10 * time.Second)
		ended := time.Now()
		if s := r.Status(); s.Result != Success || !s.Ended.Equal(ended) {
			t.Errorf("after a sync: %+v", s)
		}
		began := ended.Add(15 * time.Second)
		heal := a.AddFault(simulator.Fault{Operation: simulator.ListEvents, EndpointID: endpointB, Do: simulator.Status(500, "no")})
		for range 2 {
			time.Sleep(15 * time.Second)
			r.waitFor(10 * time.Second)
		}
		s := r.Status()
		if s.Result != Partial || len(s.Problems) != 1 {
			t.Fatalf("while a list fails: %+v", s)
		}
		problem := s.Problems[0]
		if problem.Operation != client.OpListEvents || problem.EndpointID != endpointB || problem.Err == nil {
			t.Errorf("%+v", problem)
		}
		if late := problem.Since.Sub(began); late < 0 || late > 14*time.Second {
			t.Errorf("failing since %s, not %s", problem.Since, began)
		}
		heal()
		time.Sleep(15 * time.Second)
		r.waitFor(10 * time.Second)
		if s := r.Status(); s.Result != Success || len(s.Problems) != 0 {
			t.Errorf("healed: %+v", s)
		}
	})
}

// The text of a failure is stored without secrets.
func TestFailuresCarryWords(t *testing.T) {
	t.Parallel()
	for _, bodies := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := newAccount()
			a.AddEndpoint(simulator.Endpoint{ID: endpointA, Events: []string{failedType}, Active: true, URL: "https://me:pw@hooks.example.com/in/s3cr3t?token=s3cr3t"})
			a.Emit(endpointA, failedType, simulator.NoResponse(simulator.CauseRefused))
			a.Emit(endpointA, failedType, simulator.Responded(500).WithBody("trace"))
			r := start(t, a, setup{policy: ledger.Policy{ShowBody: bodies}})
			for range 3 {
				r.waitFor(10 * time.Second)
				time.Sleep(15 * time.Second)
			}
			failures := r.state.View(time.Now()).Endpoints[0].Failures()
			if len(failures) != 2 {
				t.Fatalf("%d failures", len(failures))
			}
			const want = `webhook event with type ` + failedType + ` failed: Post "hooks.example.com": dial tcp 192.0.2.10:443: connect: connection refused`
			for _, f := range failures {
				reply := f.Answers[0]
				if f.Code == 0 && reply.Message != want {
					t.Errorf("%q", reply.Message)
				}
				if f.Code == 500 && (reply.Body == "trace") != bodies {
					t.Errorf("the body is %q", reply.Body)
				}
				if f.Code == 500 && reply.Status != "500 Internal Server Error" {
					t.Errorf("%+v", reply)
				}
			}
		})
	}
}
