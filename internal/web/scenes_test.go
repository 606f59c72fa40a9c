package web

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/syncer"
)

// scene is an exporter in some state, with the pages to look at.
type scene struct {
	pages     map[string]string // paths by name
	endpoints []ledger.Found
	lists     map[string][]event // by endpoint
	status    syncer.Status
	later     time.Duration // age of the lists
}

// well is the status of a healthy exporter.
var well = syncer.Status{Ended: epoch.Add(-3 * time.Second), Took: 80 * time.Millisecond, Result: syncer.Success}

func found(id, host, description string) ledger.Found {
	return ledger.Found{ID: id, CompanyID: "company-1", Meta: ledger.Meta{
		URL: host, Description: description, Active: true, Events: ledger.DocumentedTypes(),
		CreatedAt: epoch.Add(-1000 * time.Hour), UpdatedAt: epoch.Add(-100 * time.Hour),
	}}
}

// deliveries returns n events of an endpoint over some hours, with the answers in turn.
func deliveries(n int, hours float64, answers ...ledger.Answer) (all []event) {
	for i := range n {
		at := epoch.Add(-time.Duration(float64(i+1) * hours / float64(n) * float64(time.Hour)))
		all = append(all, event{hexID(i), ledger.DocumentedTypes()[i%10], at, []ledger.Answer{answers[i%len(answers)]}})
	}
	return all
}

func withVideo(a ledger.Answer) ledger.Answer {
	a.Video = ledger.Video{ID: "0123456789abcdef01234567", UUID: "00881800-9eab-40a4-ae2f-ef84e22a915d"}
	return a
}

func scenes() map[string]scene {
	const one = "6b0a9abaec89025cc19756ce"
	shop := []ledger.Found{found(one, "shop.example.com", "Shop")}
	fine := answered(200, "fine")
	single := map[string]string{"overview": "/", "endpoint": "/endpoints/" + one, "failures": "/failures", "event": "/events/" + hexID(0)}
	refused := syncer.Status{Ended: epoch.Add(-3 * time.Second), Result: syncer.Failed, Problems: []syncer.Problem{
		{Operation: client.OpListEndpoints, Err: fmt.Errorf("list endpoints: %w", client.ErrUnauthorized), Since: epoch.Add(time.Minute)},
	}}
	long := scene{
		pages: single, status: well,
		endpoints: []ledger.Found{found(one, strings.Repeat("a-very-long-host-name.", 6)+"example.com", strings.Repeat("A description without an end ", 12)), found(strings.Repeat("idwithoutend", 10), strings.Repeat("x", 200), strings.Repeat("y", 300))},
		lists:     map[string][]event{one: deliveries(40, 20, withVideo(answered(503, strings.Repeat("nospaceinthismessage", 20))), fine)},
	}
	long.lists[one][0].typ = strings.Repeat("video.a_type_without_end_", 5)
	many := scene{pages: map[string]string{"overview": "/", "found": "/?q=host-77", "failures": "/failures"}, status: well, lists: map[string][]event{}}
	for i := range 1000 {
		id := fmt.Sprintf("%024x", 1<<40+i)
		many.endpoints = append(many.endpoints, found(id, fmt.Sprintf("host-%d.example.com", i), ""))
		answer := fine
		if i%25 == 7 {
			answer = answered(503, "no healthy upstream")
		}
		many.lists[id] = deliveries(3, 20, answer)
	}
	return map[string]scene{
		"refused key":          {pages: single, endpoints: shop, lists: map[string][]event{one: deliveries(40, 20, fine)}, status: refused, later: 20 * time.Minute},
		"refused key at first": {pages: map[string]string{"overview": "/", "failures": "/failures"}, status: refused},
		"no endpoints":         {pages: map[string]string{"overview": "/", "failures": "/failures"}, status: well},
		"no scrape":            {pages: map[string]string{"overview": "/", "failures": "/failures"}},
		"well":                 {pages: single, endpoints: shop, lists: map[string][]event{one: deliveries(400, 20, fine)}, status: well},
		"half failing":         {pages: single, endpoints: shop, lists: map[string][]event{one: deliveries(400, 20, withVideo(answered(503, "no healthy upstream")), fine)}, status: well},
		"never answering":      {pages: single, endpoints: shop, lists: map[string][]event{one: deliveries(40, 20, withVideo(silent(ledger.ReasonTimeout, "Post \"shop.example.com\": context deadline exceeded")))}, status: well},
		"tls":                  {pages: single, endpoints: shop, lists: map[string][]event{one: deliveries(40, 20, withVideo(silent(ledger.ReasonTLS, "tls: failed to verify certificate: x509: certificate has expired or is not yet valid")))}, status: well},
		"many":                 many,
		"long names":           long,
	}
}

// serveScene serves the pages of a scene.
func serveScene(t testing.TB, s scene) string {
	t.Helper()
	st := openState(t, policy())
	st.Do(func(a *ledger.Account) {
		if s.status.Ended.IsZero() || len(s.endpoints) == 0 && s.status.Result != syncer.Success {
			return
		}
		began := epoch.Add(-24 * time.Hour)
		a.List(s.endpoints, began, began)
		if len(s.endpoints) > 10 { // a whole day of all of them takes too long
			for _, e := range s.endpoints {
				list(a, e.ID, epoch, s.lists[e.ID]...)
			}
			for {
				task, ok := a.Take(epoch, func(ledger.Class) bool { return true })
				if !ok {
					break
				}
				a.Answered(task, s.lists[task.EndpointID][0].answers[0], epoch)
			}
		} else {
			live(a, s.lists)
		}
		a.Synced(epoch.Add(-3 * time.Second))
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Now = func() time.Time { return epoch.Add(s.later) }
	o.APIURL, o.Version = "https://api.omegastream.net/company", "1.2.3"
	o.Status = func() Status {
		status := Status{Status: s.status, Requests: 1234}
		status.Limits.Configured, status.Limits.Current = 20, 20
		return status
	}
	server := httptest.NewServer(New(st, o))
	t.Cleanup(server.Close)
	return server.URL
}
