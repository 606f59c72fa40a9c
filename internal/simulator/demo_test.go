package simulator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/internal/simulator"
)

// endpointRow holds the members of an endpoint that the tests read.
type endpointRow struct {
	ID          string
	URL         string
	Description string
	Events      []string
	Active      bool
}

// TestDemoHistory checks the account before Run.
func TestDemoHistory(t *testing.T) {
	t.Parallel()
	a := simulator.Demo(simulator.Options{Now: stopped, Seed: 7})
	s := serve(t, a)
	total, types := 0, make(map[string]int)
	for _, e := range decode[[]endpointRow](t, s.ok("all")) {
		if strings.Count(e.URL, simulator.SecretMark) != 2 || !strings.Contains(e.URL, "?") {
			t.Errorf("%s has the URL %s", e.Description, e.URL)
		}
		events := s.list(e.ID)
		total += len(events)
		for _, ev := range events {
			types[ev.Type]++
			if age := instant.Unix() - int64(ev.Created.(float64)); age < 0 || age > 24*3600 {
				t.Errorf("%s has an event %d s old", e.Description, age)
			}
		}
	}
	if total < 12000 || total > 24000 {
		t.Errorf("%d events in the history", total)
	}
	for _, eventType := range simulator.EventTypes {
		if types[eventType] == 0 {
			t.Errorf("no event of the type %s", eventType)
		}
	}
	again := simulator.Demo(simulator.Options{Now: stopped, Seed: 7})
	if first := a.EndpointIDs()[0]; serve(t, again).ok(first) != s.ok(first) {
		t.Error("one seed, two histories")
	}
}

// TestDemoRun runs a demo for a minute and a half of fake time, with a client that acts like
// an exporter, and checks that every kind of event occurs.
func TestDemoRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := simulator.Demo(simulator.Options{Seed: 7})
		a.Mark()
		s := &server{
			Account: a, t: t, base: "http://simulator" + simulator.BasePath,
			client: &http.Client{Transport: simulator.Transport(a)},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		go a.Run(ctx)
		catalogue := a.EndpointIDs()[1]
		unresolved, bogus := 0, 0
		for ctx.Err() == nil {
			time.Sleep(5 * time.Second)
			_, body, err := s.get(catalogue)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(body, "[") {
				continue // refused, which happens now and then
			}
			for _, e := range decode[[]event](t, body)[:10] {
				if resp, _, _ := s.get(catalogue + "/events/" + e.ID); resp.StatusCode == http.StatusGone {
					unresolved++
				}
			}
		}
		synctest.Wait()
		ids := a.EndpointIDs()
		newsroom, mobile, oldCMS, partner, archive, billing, staging := ids[0], ids[2], ids[3], ids[4], ids[5], ids[6], ids[8] // the new endpoint comes last
		for _, e := range s.list(newsroom) {
			if e.Created == 0.0 {
				bogus++
			}
		}
		truth, calls := a.Truth(), a.Calls()
		refused := 0
		for _, op := range []simulator.Operation{simulator.ListEndpoints, simulator.ListEvents, simulator.GetEvent} {
			refused += calls.Count(op, 429) + calls.Count(op, 503)
		}
		for name, n := range map[string]int{
			"events":                       truth.Sum("").Events - 200,
			"recoveries":                   truth.Sum("").Recoveries,
			"unknown types":                truth[newsroom]["video.thumbnail_generated"].Events,
			"flaky failures":               truth.Sum(catalogue).Outcomes["500"] + truth.Sum(catalogue).Outcomes["503"],
			"404s":                         truth.Sum(mobile).Outcomes["404"],
			"failed connections":           truth.Sum(partner).Outcomes["none"] - 6,
			"pending":                      truth.Sum(partner).Latest[""],
			"slow deliveries":              truth.Sum(archive).Outcomes["200"],
			"refused deliveries":           truth.Sum(billing).Outcomes["429"],
			"failures of the new endpoint": truth.Sum(staging).Outcomes["502"],
			"events without a detail":      unresolved,
			"events without a time":        bogus,
			"refused API calls":            refused,
		} {
			if n <= 0 {
				t.Errorf("no %s", name)
			}
		}
		if n := truth.Sum(oldCMS).Events; n != 0 {
			t.Errorf("%d new events of an endpoint that is switched off", n)
		}
	})
}

// TestDemoIsEvenlyBusy checks that the last hour of a running demo is about as busy as the
// day before it.
func TestDemoIsEvenlyBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := simulator.Demo(simulator.Options{Seed: 7})
		day := a.Truth().Sum("").Events
		a.Mark()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		a.Run(ctx)
		hour := a.Truth().Sum("").Events
		if times := float64(hour) * 24 / float64(day); times < 1 || times > 8 {
			t.Errorf("%d events in the hour, %d in the day before: %.1f times as busy", hour, day, times)
		}
	})
}

// TestDemoServed checks that Run emits events in real time, and ends with its context.
func TestDemoServed(t *testing.T) {
	t.Parallel()
	a := simulator.Demo(simulator.Options{})
	a.Mark()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.Run(ctx)
	}()
	deadline := time.Now().Add(time.Minute)
	for a.Truth().Sum("").Events == 0 {
		if time.Now().After(deadline) {
			t.Fatal("no event")
		}
		time.Sleep(20 * time.Millisecond)
	}
	cancel()
	<-ended
	before := a.Truth().Sum("").Events
	time.Sleep(50 * time.Millisecond)
	if after := a.Truth().Sum("").Events; after != before {
		t.Errorf("%d events after the end", after-before)
	}
}
