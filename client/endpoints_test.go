package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestListEndpoints(t *testing.T) {
	t.Parallel()
	c, mux := setup(t, Options{})
	mux.HandleFunc("/base/client/webhooks/all", reply(testdata(t, "endpoints_all.json")))
	got, err := c.ListEndpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	when := time.Date(2022, 9, 10, 10, 21, 32, 192_000_000, time.UTC)
	want := []Endpoint{{
		ID: endpointID, CompanyID: "omega-cop-KoNef9DB5i", URL: "localhost:6060",
		Events: []string{
			"video.uploaded", "video.ready_for_processing", "video.in_progress", "video.completed_processing",
			"video.process_failed", "video.process_succeeded", "video.ready_to_watch",
		},
		Active: true, CreatedAt: when, UpdatedAt: when,
	}}
	if diff := cmp.Diff(want, got.Endpoints); diff != "" {
		t.Error(diff)
	}
	if got.Faults != nil || time.Since(got.Date).Abs() > time.Minute {
		t.Errorf("faults %v, date %v", got.Faults, got.Date)
	}
}

func TestListEndpointsElements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       []Endpoint
		faults     string
	}{
		{"empty", ` [ ] `, nil, ""},
		{"null", `null`, nil, ""},
		{"other kinds", `[1,"a",null,[{"id":"no"}],true,{},{"id":"b"}]`, []Endpoint{{Active: true, ID: "b"}}, `5 are not objects, 1 has no usable "id"`},
		{"unusable ids", `[{"id":""},{"id":".."},{"id":"a\u0000b"},{"id":[]},{"id":null},{"id":"\ud800"},{"id":"` + strings.Repeat("x", 129) + `"},{"id":"b"}]`, []Endpoint{{Active: true, ID: "b"}}, `7 have no usable "id"`},
		{"numeric id", `[{"id":7}]`, []Endpoint{{Active: true, ID: "7"}}, ""},
		{"duplicate id", `[{"id":"a","url":"http://one/x"},{"id":"a","url":"http://two/x"}]`, []Endpoint{{Active: true, ID: "a", URL: "one"}}, `1 has no usable "id"`},
		{"wrong types", `[{"id":"a","url":1,"description":{},"active":"yes","events":"all","created_at":5,"updated_at":"soon","coid":[]}]`, []Endpoint{{Active: true, ID: "a"}}, ""},
		{"wrong types in events", `[{"id":"a","events":["x",1,null,["y"],"z"]}]`, []Endpoint{{Active: true, ID: "a", Events: []string{"x", "z"}}}, ""},
		{"zero time", `[{"id":"a","created_at":"0001-01-01T00:00:00Z"}]`, []Endpoint{{Active: true, ID: "a"}}, ""},
		{"ocid, escapes", `[{"\u0069d":"a\u00e9","ocid":"c","url":"http:\/\/h"}]`, []Endpoint{{Active: true, ID: "aé", CompanyID: "c", URL: "h"}}, ""},
		{"invalid UTF-8", "[{\"id\":\"a\",\"description\":\"x\xffy\"}]", []Endpoint{{Active: true, ID: "a", Description: "x\uFFFDy"}}, ""},
		{"data after the end", `[{"id":"a"}] ]]]`, []Endpoint{{Active: true, ID: "a"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mux := setup(t, Options{})
			mux.HandleFunc("/base/client/webhooks/all", reply(tt.body))
			got, err := c.ListEndpoints(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Endpoints); diff != "" || got.Faults.String() != tt.faults {
				t.Errorf("faults %v, want %v; %s", got.Faults, tt.faults, diff)
			}
		})
	}
}

// An endpoint is active unless the API says otherwise.
func TestListEndpointsActive(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		`true`: true, `"true"`: true, `1`: true, `null`: true, `"yes"`: true, `{"since":0}`: true, `[false]`: true, `"\u0030"`: true,
		`false`: false, `"false"`: false, `"False"`: false, `0`: false, `"0"`: false,
	} {
		c, mux := setup(t, Options{})
		mux.HandleFunc("/base/client/webhooks/all", reply(`[{"id":"a","active":`+value+`},{"id":"b"}]`))
		got, err := c.ListEndpoints(t.Context())
		if err != nil || len(got.Endpoints) != 2 || got.Endpoints[0].Active != want || !got.Endpoints[1].Active {
			t.Errorf("active %s: %+v, error %v", value, got.Endpoints, err)
		}
	}
}

func TestListEndpointsNoneIsUsable(t *testing.T) {
	t.Parallel()
	c, mux := setup(t, Options{})
	mux.HandleFunc("/base/client/webhooks/all", reply(`[{"_id":"a"},{"_id":"b"},null]`))
	got, err := c.ListEndpoints(t.Context())
	if !errors.Is(err, ErrBadPayload) || !hasText(err, `none of its 3 elements is usable: 1 is not an object, 2 have no usable "id"`) || got.Endpoints != nil {
		t.Errorf("%+v, error %v", got, err)
	}
}

// A list with a next page is reported as incomplete.
func TestPages(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]bool{
		`<https://api/x?page=2>; rel="next"`:                       true,
		`<https://api/x?page=2>; rel=next`:                         true,
		`<https://api/x?page=9>; rel="last", <x>; REL = "up Next"`: true,
		`<https://api/x?page=1>; rel="prev"`:                       false,
		`<https://api/x>; title="rel next"`:                        false,
		``:                                                         false,
	} {
		c, mux := setup(t, Options{})
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", link)
			reply(`[{"id":"a"},{"id":"b"}]`)(w, r)
		})
		if _, err := c.ListEndpoints(t.Context()); errors.Is(err, ErrPaged) != want || !want && err != nil {
			t.Errorf("%s: endpoints: %v", link, err)
		}
		for _, stop := range []bool{false, true} {
			l, err := c.ListEvents(t.Context(), endpointID)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for range l.Events() {
				if n++; stop {
					break
				}
			}
			// The events of the first page still count.
			if n == 0 || errors.Is(l.Err(), ErrPaged) != want || l.Complete() != (!want && !stop) {
				t.Errorf("%s: %d events, complete %v: %v", link, n, l.Complete(), l.Err())
			}
		}
	}
}

func TestListEndpointsBounds(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range maxEndpoints + 1 {
		fmt.Fprintf(&many, `,{"id":"%d"}`, i)
	}
	long := `,{"id":"a","description":"` + strings.Repeat("x", maxEndpointBody-100) + `"}`
	for _, tt := range []struct{ name, body, text string }{
		{"too many", "[" + many.String()[1:] + "]", "more than 100000 endpoints"},
		{"too long an element", `[{"id":"` + strings.Repeat("x", 3*maxEndpointBody) + `"}]`, "more than 65536 bytes in one endpoint"},
		{"too much white space", "[" + strings.Repeat(" ", 3*maxEndpointBody) + "]", "more than 65536 bytes in"},
		{"too long", "[" + strings.Repeat(long, maxEndpointsBody/len(long)+1)[1:] + "]", "more than 16777216 bytes in all"},
		{"too deep", "[" + strings.Repeat("[", maxDepth), "nested"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mux := setup(t, Options{})
			mux.HandleFunc("/base/client/webhooks/all", reply(tt.body))
			got, err := c.ListEndpoints(t.Context())
			if !errors.Is(err, ErrTooLarge) || !hasText(err, tt.text) || len(got.Endpoints) > 0 {
				t.Errorf("%d endpoints, error %v", len(got.Endpoints), err)
			}
		})
	}
}
