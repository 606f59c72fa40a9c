package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/syncer"
)

// lively is an exporter with pages and a simulated account, which syncs on its own.
type lively struct {
	*simulator.Account
	url  string
	down *atomic.Bool // whether every request gets an error
}

func newLively(t testing.TB) *lively {
	t.Helper()
	account := simulator.New(simulator.Options{Seed: 7})
	api, stop, err := simulator.Serve(account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c, err := client.New(api, client.StaticKey(simulator.DefaultKey), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	st := openState(t, policy())
	syncs := syncer.New(c, st, syncer.Options{})
	ctx, end := context.WithCancel(context.Background())
	syncing := make(chan struct{})
	go func() {
		defer close(syncing)
		syncs.Every(ctx, 200*time.Millisecond)
	}()
	t.Cleanup(func() {
		end()
		<-syncing
		_ = syncs.Close(context.Background())
	})
	o := options()
	o.Now, o.ShowBody, o.Refresh = nil, true, 500*time.Millisecond
	o.Status = func() Status {
		return Status{Status: syncs.Status(), Limits: c.Limiter().Limits()}
	}
	pages, down := New(st, o), new(atomic.Bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		pages.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return &lively{account, server.URL, down}
}

// endpoint adds an endpoint that has existed for a long time, with events.
func (l *lively) endpoint(id, host string, events ...simulator.Answer) string {
	description := "Endpoint " + id
	l.AddEndpoint(simulator.Endpoint{
		ID: id, URL: "https://" + host + "/s3cr3t?token=s3cr3t", Description: &description, Active: true,
		CreatedAt: time.Now().Add(-1000 * time.Hour),
	})
	for i, a := range events {
		l.Insert(id, simulator.Event{
			Type: "video.ready_to_watch", CreatedTime: time.Now().Add(time.Duration(-i-1) * time.Hour), Answers: []simulator.Answer{a},
		})
	}
	return id
}
