package client

import (
	"errors"
	"fmt"
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
		ID: endpointID, CompanyID: "omega-cop-KoNef9DB5i", URL: "http://localhost:6060/webhook",
		Events: []string{
			"video.uploaded", "video.ready_for_processing", "video.in_progress", "video.completed_processing",
			"video.process_failed", "video.process_succeeded", "video.ready_to_watch",
		},
		Active: true, CreatedAt: when, UpdatedAt: when,
	}}
	if diff := cmp.Diff(want, got.Endpoints); diff != "" {
		t.Error(diff)
	}
	if got.Invalid != 0 || time.Since(got.Date).Abs() > time.Minute {
		t.Errorf("invalid %d, date %v", got.Invalid, got.Date)
	}
}

func TestListEndpointsElements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       []Endpoint
		invalid    int
	}{
		{"empty", ` [ ] `, nil, 0},
		{"other kinds", `[1,"a",null,[{"id":"no"}],true,{}]`, nil, 6},
		{"unusable ids", `[{"id":""},{"id":".."},{"id":"a\u0000b"},{"id":7},{"id":null},{"id":"\ud800"},{"id":"` + strings.Repeat("x", 129) + `"}]`, nil, 7},
		{"an id again", `[{"id":"a","url":"one"},{"id":"a","url":"two"}]`, []Endpoint{{ID: "a", URL: "one"}}, 1},
		{"wrong types", `[{"id":"a","url":1,"description":{},"active":"yes","events":"all","created_at":5,"updated_at":"soon","coid":[]}]`, []Endpoint{{ID: "a"}}, 0},
		{"wrong types in events", `[{"id":"a","events":["x",1,null,["y"],"z"]}]`, []Endpoint{{ID: "a", Events: []string{"x", "z"}}}, 0},
		{"zero time", `[{"id":"a","created_at":"0001-01-01T00:00:00Z"}]`, []Endpoint{{ID: "a"}}, 0},
		{"ocid, escapes", `[{"\u0069d":"a\u00e9","ocid":"c","url":"http:\/\/h"}]`, []Endpoint{{ID: "aé", CompanyID: "c", URL: "http://h"}}, 0},
		{"invalid UTF-8", "[{\"id\":\"a\",\"description\":\"x\xffy\"}]", []Endpoint{{ID: "a", Description: "x\uFFFDy"}}, 0},
		{"behind the end", `[{"id":"a"}] ]]]`, []Endpoint{{ID: "a"}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mux := setup(t, Options{})
			mux.HandleFunc("/base/client/webhooks/all", reply(tt.body))
			got, err := c.ListEndpoints(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Endpoints); diff != "" || got.Invalid != tt.invalid {
				t.Errorf("invalid %d, want %d; %s", got.Invalid, tt.invalid, diff)
			}
		})
	}
}

func TestListEndpointsBounds(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range maxEndpoints + 1 {
		fmt.Fprintf(&many, `,{"id":"%d"}`, i)
	}
	for _, tt := range []struct{ name, body string }{
		{"too many", "[" + many.String()[1:] + "]"},
		{"too long", "[" + strings.Repeat(" ", maxEndpointsBody) + "]"},
		{"too deep", "[" + strings.Repeat("[", maxDepth)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mux := setup(t, Options{})
			mux.HandleFunc("/base/client/webhooks/all", reply(tt.body))
			got, err := c.ListEndpoints(t.Context())
			if !errors.Is(err, ErrTooLarge) || len(got.Endpoints) > 0 {
				t.Errorf("%d endpoints, error %v", len(got.Endpoints), err)
			}
		})
	}
}
