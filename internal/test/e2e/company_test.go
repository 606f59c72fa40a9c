package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/postgres"
)

// twoAccounts serves two accounts at one URL, and returns the setups of replicas with their
// keys and a shared state.
func twoAccounts(t *testing.T) (ours, theirs *simulator.Account, s, other setup) {
	t.Helper()
	const theirKey = "their-key"
	ours = simulator.New(simulator.Options{Seed: 41, CompanyID: "ours"})
	theirs = simulator.New(simulator.Options{Seed: 42, CompanyID: "theirs", Key: theirKey})
	for _, account := range []*simulator.Account{ours, theirs} {
		account.AddEndpoint(simulator.Endpoint{Active: true})
	}
	apiURL, stop, err := simulator.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("Authorization"), theirKey) {
			theirs.ServeHTTP(w, r)
		} else {
			ours.ServeHTTP(w, r)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	s = sharing(t, postgres.NewDatabase(t), apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0")
	other = s
	other.env = append(slices.Clone(s.env), "OMEGASTREAM_API_KEY="+theirKey)
	return ours, theirs, s, other
}

// otherAccount is the error of a replica whose key belongs to another account than the state.
const otherAccount = "state belongs to another account: it is of the company ours, the API key of theirs; give each account its own --state.schema"

// refusedOnce checks that a replica reports once that its key belongs to another account, and
// is not up.
func refusedOnce(p *program) error {
	got := p.mustScrape(time.Second)
	up, _ := got.get("omegastream_up")
	if n := strings.Count(p.log.String(), otherAccount); n != 1 || up != 0 {
		return fmt.Errorf("it reports %d times that its key belongs to another account, up %v", n, up)
	}
	return nil
}

// Two accounts are never counted as one: a replica whose key belongs to another account than
// the state does not change the state, and logs why in one line.
func TestStateOfAnotherAccount(t *testing.T) {
	t.Parallel()
	ours, theirs, s, other := twoAccounts(t)
	first := s.serve(t)
	eventually(t, func() error { return upAndContacted(1)(first.mustScrape(5 * time.Second)) })
	ours.Mark()
	first.stop()
	second := other.serve(t)
	eventually(t, func() error { return refusedOnce(second) })
	for _, id := range theirs.EndpointIDs() {
		if text := fmt.Sprint(second.mustScrape(5 * time.Second).values); strings.Contains(text, id) {
			t.Errorf("it shows %s, an endpoint of the other account:\n%s", id, text)
		}
	}
	second.stop()
	if n := strings.Count(second.log.String(), otherAccount); n != 1 {
		t.Errorf("it reports the other account %d times", n)
	}
	again := s.serve(t)
	for range 3 {
		ours.Emit(ours.EndpointIDs()[0], "video.deleted", simulator.Responded(200))
	}
	eventually(t, func() error { return expect(ours.Truth(), nil).compare(again.mustScrape(5 * time.Second)) })
}

// A follower shows the account of its leader, so it is refused too if its key belongs to
// another account, although it would never write.
func TestFollowerOfAnotherAccount(t *testing.T) {
	t.Parallel()
	ours, theirs, s, other := twoAccounts(t)
	first := s.with("--api.concurrency=1").serve(t)
	eventually(t, func() error { return upAndContacted(1)(first.mustScrape(5 * time.Second)) })
	// Keep it leading for longer than the test takes.
	ours.AddFault(simulator.Fault{Operation: simulator.GetEvent, Do: simulator.Delay(time.Second)})
	for range 300 {
		ours.Emit(ours.EndpointIDs()[0], "video.deleted", simulator.Responded(200))
	}
	eventually(t, func() error {
		if first.mustScrape(200*time.Millisecond).sum("omegastream_exporter_event_detail_backlog") == 0 {
			return fmt.Errorf("the leader has nothing to do")
		}
		return nil
	})
	theirs.ResetCalls()
	second := other.serve(t)
	eventually(t, func() error { return refusedOnce(second) })
	got := second.mustScrape(5 * time.Second)
	if leading, ok := got.get("omegastream_exporter_leading"); leading != 0 || !ok {
		t.Errorf("it leads: %v, %v", leading, ok)
	}
	if calls := theirs.Calls().Requests; calls[simulator.ListEndpoints] != 1 || calls[simulator.ListEvents] != 0 {
		t.Errorf("it requests more than the account's endpoints: %v", calls)
	}
	right := s.serve(t)
	eventually(t, func() error { return upAndContacted(1)(right.mustScrape(5 * time.Second)) })
}
