package simulator_test

import (
	"fmt"
	"os"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/internal/simulator"
)

// shape returns the keys of a JSON value with their types, one on each line. A key can have
// several types; all elements of an array share one path.
func shape(v any) []string {
	found := make(map[string]bool)
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, below := range v {
				walk(path+"."+key, below)
			}
		case []any:
			for _, below := range v {
				walk(path+"[]", below)
			}
		default:
			found[fmt.Sprintf("%s %T", path, v)] = true
		}
	}
	walk("", v)
	lines := make([]string, 0, len(found))
	for line := range found {
		lines = append(lines, line)
	}
	sort.Strings(lines)
	return lines
}

// TestShape checks that the answers have the same keys and types as the samples of the public
// documentation.
func TestShape(t *testing.T) {
	t.Parallel()
	a := simulator.New(simulator.Options{Now: stopped})
	id := a.AddEndpoint(simulator.Endpoint{Active: true})
	eventID := a.Emit(id, "video.process_succeeded", simulator.Responded(200))
	s := serve(t, a)
	// Text under data.video.meta is up to the customer.
	extra := map[string]bool{".data.video.meta.notes string": true}
	for path, sample := range map[string]string{
		"all":                     "testdata/endpoints_all.json",
		id:                        "testdata/events_list.json",
		id + "/events/" + eventID: "testdata/event_detail.json",
	} {
		t.Run(sample, func(t *testing.T) {
			raw, err := os.ReadFile(sample)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, line := range shape(decode[any](t, s.ok(path))) {
				if !extra[line] {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(shape(decode[any](t, string(raw))), got); diff != "" {
				t.Errorf("keys and types (-sample +simulator):\n%s", diff)
			}
		})
	}
}

// TestElement compares one element of a list byte for byte.
func TestElement(t *testing.T) {
	t.Parallel()
	a := simulator.New(simulator.Options{Now: stopped, CompanyID: "omega-cop-KoNef9DB5i"})
	a.AddEndpoint(simulator.Endpoint{ID: "6336cd2b5790c27875f70d96"})
	a.Insert("6336cd2b5790c27875f70d96", simulator.Event{
		ID: "63377e715790c27875f70dbd", Type: "video.process_succeeded", Created: "1664581231",
	})
	want := `[{"id":"63377e715790c27875f70dbd","created_at":"0001-01-01T00:00:00Z","ocid":"omega-cop-KoNef9DB5i",` +
		`"api_version":"v1","created":1664581231,"type":"video.process_succeeded","data":null,` +
		`"endpoint_id":"6336cd2b5790c27875f70d96","response":null}]`
	if got := serve(t, a).ok("6336cd2b5790c27875f70d96"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestResponses compares the response in the detail of each kind of delivery.
func TestResponses(t *testing.T) {
	t.Parallel()
	a := simulator.New(simulator.Options{Now: stopped})
	id := a.AddEndpoint(simulator.Endpoint{URL: "https://hooks.example.com/a?token=b"})
	s := serve(t, a)
	const failed = `webhook event with type video.uploaded failed`
	for _, test := range []struct {
		name    string
		answer  simulator.Answer
		code    int
		status  string
		body    string
		message string
	}{
		{"ok", simulator.Responded(200), 200, "200 OK", "webhook received\n", "webhook event with type video.uploaded succeeded"},
		{"failure", simulator.Responded(503), 503, "503 Service Unavailable", "Service Unavailable\n", failed},
		{"code without a name", simulator.Responded(599), 599, "599", "\n", failed},
		{"body", simulator.Responded(400).WithBody("a\"\\\x01"), 400, "400 Bad Request", "a\"\\\x01", failed},
		{
			"timeout", simulator.NoResponse(simulator.CauseTimeout), 0, "", "",
			failed + `: Post "https://hooks.example.com/a?token=b": context deadline exceeded`,
		},
		{
			"dns", simulator.NoResponse(simulator.CauseDNS), 0, "", "",
			failed + `: Post "https://hooks.example.com/a?token=b": dial tcp: lookup hooks.example.com: no such host`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := s.detail(id, a.Emit(id, "video.uploaded", test.answer)).Response
			if got.StatusCode != test.code || got.Status != test.status || got.Body != test.body || got.Message != test.message {
				t.Errorf("got %+v", *got)
			}
		})
	}
	if got := s.detail(id, a.Emit(id, "video.uploaded", simulator.Pending())).Response; got != nil {
		t.Errorf("pending: got %+v", *got)
	}
}

// TestVideo checks the size of details, and that all events of a video name the same one.
func TestVideo(t *testing.T) {
	t.Parallel()
	a := simulator.New(simulator.Options{Now: stopped})
	id := a.AddEndpoint(simulator.Endpoint{})
	s := serve(t, a)
	type detail struct {
		Data struct {
			Video struct {
				UUID      string
				CreatedAt string `json:"created_at"`
			}
		}
	}
	total, least, most := 0, 1<<30, 0
	seen := make(map[string]bool)
	const videos = 200
	for range videos {
		video := a.AddVideo(instant)
		var first detail
		for _, eventType := range []string{"video.uploaded", "video.ready_to_watch"} {
			body := s.ok(id + "/events/" + a.Insert(id, simulator.Event{Type: eventType, Video: video}))
			least, most, total = min(least, len(body)), max(most, len(body)), total+len(body)
			d := decode[detail](t, body)
			if first.Data.Video.UUID == "" {
				first = d
			} else if d != first {
				t.Fatalf("one video, two details: %+v and %+v", first, d)
			}
		}
		seen[first.Data.Video.UUID] = true
	}
	if len(seen) != videos {
		t.Errorf("%d videos have %d UUIDs", videos, len(seen))
	}
	mean := total / (2 * videos)
	if least < 1500 || most > 6500 || mean < 2000 || mean > 2600 {
		t.Errorf("details of %d to %d bytes, %d on average", least, most, mean)
	}
}
