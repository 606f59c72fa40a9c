package web

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/syncer"
)

func TestHealthOf(t *testing.T) {
	t.Parallel()
	active, off := &ledger.Meta{Active: true}, &ledger.Meta{}
	window := func(ok, failed int) []ledger.WindowCount {
		return []ledger.WindowCount{{Code: 200, Count: ok}, {Code: 503, Count: failed}}
	}
	now := func(ok, failed int) []ledger.Hour {
		return []ledger.Hour{{Start: epoch.Truncate(time.Hour).Unix(), Delivered: ok, Failed: failed}}
	}
	for name, row := range map[string]struct {
		want  badge
		e     ledger.EndpointView
		hours []ledger.Hour
		stale bool
	}{
		"not read yet":                {want: badgeUnread, e: ledger.EndpointView{Meta: active, Consecutive: 1}},
		"switched off":                {want: badgeOff, e: ledger.EndpointView{Meta: off, Contacted: true, Consecutive: 9, HasCode: true, LastCode: 500}},
		"three in a row":              {want: badgeFailing, e: ledger.EndpointView{Contacted: true, Consecutive: 3, HasCode: true, LastCode: 503, Window: window(90, 3)}},
		"the only one failed":         {want: badgeFailing, e: ledger.EndpointView{Contacted: true, Consecutive: 1, HasCode: true, LastCode: 503, Window: window(0, 1)}},
		"no response twice":           {want: badgeSilent, e: ledger.EndpointView{Contacted: true, Consecutive: 2, HasCode: true, Window: window(9, 2)}},
		"the newest failed":           {want: badgePartly, e: ledger.EndpointView{Contacted: true, Consecutive: 1, HasCode: true, LastCode: 503, Window: window(9, 1)}},
		"half fail":                   {want: badgePartly, e: ledger.EndpointView{Contacted: true, HasCode: true, LastCode: 200, Window: window(50, 50)}, hours: now(50, 50)},
		"half fail, and not read":     {want: badgePartly, e: ledger.EndpointView{Contacted: true, HasCode: true, LastCode: 200, Window: window(50, 50)}, hours: now(50, 50), stale: true},
		"one of a thousand":           {want: badgeFine, e: ledger.EndpointView{Contacted: true, HasCode: true, LastCode: 200, Window: window(999, 1)}, hours: now(999, 1)},
		"failed yesterday":            {want: badgeFine, e: ledger.EndpointView{Contacted: true, HasCode: true, LastCode: 200, Window: window(50, 50)}, hours: now(9, 0)},
		"delivers, but is not read":   {want: badgeStale, e: ledger.EndpointView{Contacted: true, HasCode: true, LastCode: 200, Window: window(9, 0)}, stale: true},
		"delivers, as far as known":   {want: badgeBehind, e: ledger.EndpointView{Contacted: true, HasCode: true, LastCode: 200, Window: window(9, 0), OldestUnfetched: epoch.Add(-11 * time.Minute).Unix()}},
		"a little behind":             {want: badgeFine, e: ledger.EndpointView{Contacted: true, HasCode: true, LastCode: 200, Window: window(9, 0), OldestUnfetched: epoch.Add(-9 * time.Minute).Unix()}},
		"quiet, but not read":         {want: badgeStale, e: ledger.EndpointView{Contacted: true, LastSync: epoch.Add(-time.Hour)}, stale: true},
		"new, and not read yet":       {want: badgeUnread, e: ledger.EndpointView{Meta: active, Contacted: true}, stale: true},
		"no deliveries":               {want: badgeQuiet, e: ledger.EndpointView{Meta: active, Contacted: true}},
		"named by flag, and delivers": {want: badgeFine, e: ledger.EndpointView{Contacted: true, HasCode: true, LastCode: 204, Window: window(1, 0)}},
	} {
		if got := healthOf(&row.e, row.hours, row.stale, epoch); got != row.want {
			t.Errorf("%s: %+v, want %+v", name, got, row.want)
		}
	}
}

// Nothing is green if the key is refused, a list cannot be read, nothing was read for a long
// time, or an endpoint fails.
func TestGreenMeansWell(t *testing.T) {
	t.Parallel()
	st := openState(t, policy())
	st.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "ep", Meta: ledger.Meta{URL: "h.example.com", Active: true}}}, epoch, epoch)
		live(a, map[string][]event{"ep": {{hexID(1), ready, epoch.Add(-time.Hour), []ledger.Answer{answered(200, "fine")}}}})
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	problem := func(op client.Operation, endpoint string, err error) []syncer.Problem {
		return []syncer.Problem{{Operation: op, EndpointID: endpoint, Err: err, Since: epoch.Add(-time.Minute)}}
	}
	for name, row := range map[string]struct {
		well   bool
		later  time.Duration
		status syncer.Status
		says   []string
	}{
		"well": {well: true, status: syncer.Status{Ended: epoch, Result: syncer.Success}, says: []string{"delivering"}},
		"refused key": {
			status: syncer.Status{Ended: epoch, Result: syncer.Failed, Problems: problem(client.OpListEndpoints, "", client.ErrUnauthorized)},
			says:   []string{"not read lately", "The API does not accept the key", "OMEGASTREAM_API_KEY", "--api.key-file", "as of the last read", "Is this data current?"},
		},
		"a list that cannot be read": {
			status: syncer.Status{Ended: epoch, Result: syncer.Partial, Problems: problem(client.OpListEvents, "ep", client.ErrServer)},
			says:   []string{"not read lately", "h.example.com"},
		},
		"not read for a long time": {
			later: time.Hour, status: syncer.Status{Ended: epoch, Result: syncer.Success},
			says: []string{"not read lately", "60 min ago"},
		},
		"a slow turn is fine": {
			well: true, later: 8 * time.Minute, status: syncer.Status{Ended: epoch, Result: syncer.Success, Turn: 5 * time.Minute},
			says: []string{"delivering"},
		},
	} {
		o := options()
		o.Status = func() Status { return Status{Status: row.status} }
		o.Now = func() time.Time { return epoch.Add(row.later) }
		p := New(st, o)
		_, body := get(p, "/")
		for _, want := range row.says {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page does not say %q", name, want)
			}
		}
		if green := strings.Contains(body, `<span class="pill good">delivering</span>`); green != row.well {
			t.Errorf("%s: green is %v", name, green)
		}
		_, body = get(p, "/?format=json")
		var data struct {
			Stale     bool
			Endpoints []struct{ State string }
			Problems  []struct{ What, Error string }
		}
		if err := json.Unmarshal([]byte(body), &data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(data.Endpoints) != 1 || (data.Endpoints[0].State == "delivering") != row.well || len(data.Problems) != len(row.status.Problems) {
			t.Errorf("%s: %s", name, body)
		}
		if _, body = get(p, "/endpoints/ep"); strings.Contains(body, `<span class="pill good">delivering</span>`) != row.well {
			t.Errorf("%s: the endpoint's page has the wrong colour", name)
		}
	}
}

// A problem that many endpoints have is shown once.
func TestNotices(t *testing.T) {
	t.Parallel()
	var problems []syncer.Problem
	names := map[string]string{}
	for i := range 8 {
		id := fmt.Sprintf("0123456789-%d", i)
		names[id] = "h.example.com"
		problems = append(problems, syncer.Problem{Operation: client.OpListEvents, EndpointID: id, Err: client.ErrForbidden, Since: epoch.Add(time.Duration(-i) * time.Minute)})
	}
	got := noticesOf(problems, names)
	if len(got) != 1 || len(got[0].Endpoints) != maxNamed || got[0].More != 3 || !got[0].Since.Equal(epoch.Add(-7*time.Minute)) || got[0].Endpoints[0] != "h.example.com (…6789-0)" {
		t.Errorf("%+v", got)
	}
}

// If there are very many endpoints, the page hides healthy ones until a visitor asks for all.
func TestVeryManyEndpoints(t *testing.T) {
	t.Parallel()
	st := openState(t, policy())
	st.Do(func(a *ledger.Account) {
		var found []ledger.Found
		lists := map[string][]event{}
		for i := range 1000 {
			id := fmt.Sprintf("%024x", i)
			found = append(found, ledger.Found{ID: id, Meta: ledger.Meta{URL: fmt.Sprintf("host-%d.example.com", i), Active: true}})
			code := 200
			if i%200 == 7 {
				code = 503
			}
			for n := range 1 + i*7%29 { // over the whole day, so that the charts differ
				lists[id] = append(lists[id], event{hexID(i*100 + n), ready, epoch.Add(-time.Duration(n*n*i%23*60+i%60+1) * time.Minute), []ledger.Answer{answered(code, "said")}})
			}
		}
		a.List(found, epoch, epoch)
		for id, events := range lists {
			list(a, id, epoch, events...)
		}
		for {
			task, ok := a.Take(epoch, func(ledger.Class) bool { return true })
			if !ok {
				break
			}
			a.Answered(task, lists[task.EndpointID][0].answers[0], epoch)
		}
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Status = func() Status { return Status{Status: syncer.Status{Ended: epoch, Result: syncer.Success}} }
	p := New(st, o)
	for path, rows := range map[string]int{"/": 5, "/?show=all": 1000, "/?q=host-77": 11, "/?q=failing": 5, "/?q=nothing": 0} {
		response, body := get(p, path)
		if got := strings.Count(body, "data-endpoint="); got != rows {
			t.Errorf("%s lists %d endpoints, want %d", path, got, rows)
		}
		if path == "/" && !strings.Contains(body, "995 more endpoints") {
			t.Errorf("%s does not say what is hidden", path)
		}
		if response.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed for a client that did not ask for it", path)
		}
		zipped := ask(p, path, "Accept-Encoding", "gzip")
		if size := zipped.Body.Len(); size > 150<<10 {
			t.Errorf("%s takes %d bytes on the wire", path, size)
		}
		unzipped, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(unzipped); err != nil || string(text) != body {
			t.Errorf("%s differs when compressed: %v", path, err)
		}
	}
}

// If an exporter fetches outcomes too slowly, its pages say so and are not green.
func TestBehindIsSaid(t *testing.T) {
	t.Parallel()
	st := openState(t, policy())
	st.Do(func(a *ledger.Account) {
		a.List([]ledger.Found{{ID: "ep", Meta: ledger.Meta{URL: "h.example.com", Active: true}}}, epoch, epoch)
		done := event{hexID(1), ready, epoch.Add(-time.Hour), []ledger.Answer{answered(200, "fine")}}
		live(a, map[string][]event{"ep": {done}})
		list(a, "ep", epoch, done, event{hexID(2), ready, epoch.Add(-time.Minute), nil}, event{hexID(3), ready, epoch.Add(-2 * time.Minute), nil})
	})
	if err := st.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		later  time.Duration
		behind bool
	}{{time.Minute, false}, {4 * time.Minute, false}, {30 * time.Minute, true}} {
		o := options()
		o.Status = func() Status {
			return Status{Status: syncer.Status{Ended: epoch, Result: syncer.Success, Turn: time.Hour}}
		}
		o.Now = func() time.Time { return epoch.Add(row.later) }
		p := New(st, o)
		for path, says := range map[string]string{
			"/": "It does not know the outcome of 2 deliveries yet", "/failures": "The exporter does not know the outcome of 2 deliveries yet", "/endpoints/ep": ">behind</span>",
		} {
			_, body := get(p, path)
			if strings.Contains(body, says) != row.behind {
				t.Errorf("after %v, %s: whether it says %q is %v", row.later, path, says, !row.behind)
			}
			if row.behind && strings.Contains(body, "pill good") {
				t.Errorf("after %v, %s is green", row.later, path)
			}
		}
	}
}
