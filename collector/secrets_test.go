package collector

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state/file"
	"omegastream_exporter/internal/syncer"
)

// TestNoSecrets checks that neither the metrics nor the log of a failing account contain the
// key, passwords or the paths of webhooks.
func TestNoSecrets(t *testing.T) {
	t.Parallel()
	const key, password = "sk-live-0123456789", "hunter2"
	for _, tt := range []struct {
		detail   client.URLDetail
		url      string // the URL that is shown
		withPath bool
	}{
		{"", "hooks.example.com:8443", false},
		{client.URLHost, "hooks.example.com:8443", false},
		{client.URLPath, "hooks.example.com:8443/in/" + simulator.SecretMark, true},
		{client.URLNone, "", false},
	} {
		t.Run(string(tt.detail), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(simulator.Options{Key: key}, endpointB)
				a.AddEndpoint(simulator.Endpoint{
					ID: endpointA, Events: testTypes, Active: true,
					Description: new("posts to https://hooks.example.com:8443/in/" + simulator.SecretMark + "?token=" + password),
					URL:         "https://me:" + password + "@hooks.example.com:8443/in/" + simulator.SecretMark + "?token=" + password,
				})
				r := start(t, a, setup{key: key, options: syncer.Options{URLDetail: tt.detail}})
				var shown strings.Builder
				scrape := func(times int) {
					for range times {
						time.Sleep(15 * time.Second)
						shown.WriteString(r.answer().Body.String())
						shown.WriteString(r.answer(accept(acceptOpenMetrics)).Body.String())
					}
				}
				scrape(1)
				a.Emit(endpointA, failedType, simulator.NoResponse(simulator.CauseDNS))
				a.Emit(endpointA, failedType, simulator.NoResponse(simulator.CauseEOF))
				for _, e := range []simulator.Effect{
					simulator.Status(500, "the key "+key+" is on fire"), simulator.Redirect("https://elsewhere.example.com/?key=" + key),
					simulator.Body(`["` + key + `"`), simulator.Close(), simulator.HTML(), simulator.Extra("Bearer "+key, `"`+key+`"`),
				} {
					for _, op := range []simulator.Operation{simulator.ListEvents, simulator.GetEvent, simulator.ListEndpoints} {
						heal := a.AddFault(simulator.Fault{Operation: op, Do: e})
						a.Emit(endpointA, failedType, simulator.Responded(500))
						scrape(1)
						heal()
					}
				}
				a.SetKey("another")
				scrape(2)
				text := shown.String()
				if want := `url="` + tt.url + `"`; !strings.Contains(text, want) {
					t.Errorf("no %s is shown", want)
				}
				if tt.withPath { // the paths, which --webhook.url-detail=path shows
					text = strings.ReplaceAll(text, "/in/"+simulator.SecretMark, "")
					text = strings.ReplaceAll(text, "/hooks/"+simulator.SecretMark, "")
				}
				for _, secret := range []string{key, password, simulator.SecretMark} {
					for what, where := range map[string]string{"metrics": text, "log": r.log.String()} {
						if i := strings.Index(where, secret); i >= 0 {
							t.Errorf("%s is in the %s: ...%s", secret, what, where[max(0, i-100):i+len(secret)])
						}
					}
				}
				if r.log.Count("level=WARN") == 0 {
					t.Error("nothing was logged")
				}
			})
		})
	}
}

// TestLessDetailLater checks that a start with a lower --webhook.url-detail reduces the
// stored URLs before the API has answered.
func TestLessDetailLater(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		later client.URLDetail
		url   string
	}{{client.URLHost, "a.example.com"}, {client.URLNone, ""}} {
		t.Run(string(tt.later), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(simulator.Options{}, endpointA)
				path := filepath.Join(t.TempDir(), "ledger.db")
				r := start(t, a, setup{store: file.New(path), options: syncer.Options{URLDetail: client.URLPath}})
				r.scrape().want(t, map[string]string{of("webhook_events_listed", endpointA): "0"})
				r.stop()
				a.AddFault(simulator.Fault{Do: simulator.Status(http.StatusNotFound, "")})
				r = start(t, a, setup{store: file.New(path), options: syncer.Options{URLDetail: tt.later}})
				shown := r.answer().Body.String()
				if !strings.Contains(shown, `url="`+tt.url+`"`) || strings.Contains(shown, simulator.SecretMark) {
					t.Errorf("not url=%q in\n%s", tt.url, shown)
				}
			})
		})
	}
}
