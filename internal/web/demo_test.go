package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/syncer"
)

// TestDemoShowsEachState views the first page of a demo every five seconds, for five minutes
// of fake time.
func TestDemoShowsEachState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := simulator.Demo(simulator.Options{Seed: 7})
		c, err := client.New("http://simulator"+simulator.BasePath, client.StaticKey(simulator.DefaultKey), client.Options{
			Transport: simulator.Transport(a), RateLimit: 100, Concurrency: 16,
		})
		if err != nil {
			t.Fatal(err)
		}
		st := openState(t, policy())
		syncs := syncer.New(c, st, syncer.Options{RateLimit: 100, Concurrency: 16, MinInterval: 5 * time.Second})
		o := options()
		o.Now = nil
		o.Status = func() Status { return Status{Status: syncs.Status(), Limits: c.Limiter().Limits()} }
		pages := New(st, o)
		ctx, end := context.WithTimeout(t.Context(), 5*time.Minute)
		defer end()
		go a.Run(ctx)
		syncing := make(chan struct{})
		go func() { defer close(syncing); syncs.Every(ctx, 5*time.Second) }()

		seen := make(map[string]time.Duration)
		for ctx.Err() == nil {
			time.Sleep(5 * time.Second)
			answer := httptest.NewRecorder()
			pages.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/?format=json", nil))
			var page struct {
				Endpoints []struct{ State string }
			}
			if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Endpoints {
				seen[e.State] += 5 * time.Second
			}
		}
		<-syncing
		if err := syncs.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
		for _, b := range badgesByDegree {
			if seen[b.Word] == 0 {
				t.Errorf("no endpoint was %q within five minutes; the times of the others: %v", b.Word, seen)
			}
		}
	})
}
