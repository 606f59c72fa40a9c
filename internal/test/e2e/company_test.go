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

// Two accounts are never counted as one: a replica whose key is of another account
// than the state changes nothing in it, and says why in one line.
func TestStateOfAnotherAccount(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	const theirKey = "their-key"
	ours := simulator.New(simulator.Options{Seed: 41, CompanyID: "ours"})
	theirs := simulator.New(simulator.Options{Seed: 42, CompanyID: "theirs", Key: theirKey})
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
	s := sharing(t, dsn, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0")
	other := s
	other.env = append(slices.Clone(s.env), "OMEGASTREAM_API_KEY="+theirKey)

	first := s.serve(t)
	eventually(t, 20*time.Second, func() error { return upAndContacted(1)(first.mustScrape(5 * time.Second)) })
	ours.Mark()
	first.stop()
	second := other.serve(t)
	const line = "state belongs to another account: it is of the company ours, the API key of theirs; give each account its own --state.schema"
	eventually(t, 20*time.Second, func() error {
		got := second.mustScrape(5 * time.Second)
		if n := strings.Count(second.log.String(), line); n != 1 || got.values["omegastream_exporter_up"] != 0 {
			return fmt.Errorf("it says so %d times", n)
		}
		return nil
	})
	for _, id := range theirs.EndpointIDs() {
		if text := fmt.Sprint(second.mustScrape(5 * time.Second).values); strings.Contains(text, id) {
			t.Errorf("it shows %s, an endpoint of the other account:\n%s", id, text)
		}
	}
	second.stop()
	if n := strings.Count(second.log.String(), line); n != 1 {
		t.Errorf("it says so %d times", n)
	}
	again := s.serve(t)
	for range 3 {
		ours.Emit(ours.EndpointIDs()[0], "video.deleted", simulator.Responded(200))
	}
	eventually(t, 20*time.Second, func() error { return expect(ours.Truth(), nil).compare(again.mustScrape(5 * time.Second)) })
}
