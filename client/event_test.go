package client

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestGetEvent(t *testing.T) {
	t.Parallel()
	c, mux := setup(t, Options{})
	mux.HandleFunc("/base/client/webhooks/"+endpointID+"/events/"+eventID, reply(testdata(t, "event_detail.json")))
	got, err := c.GetEvent(t.Context(), endpointID, eventID)
	if err != nil {
		t.Fatal(err)
	}
	if time.Since(got.Date).Abs() > time.Minute {
		t.Errorf("date %v", got.Date)
	}
	got.Date = time.Time{}
	want := Event{
		ID: eventID, EndpointID: "6307b4d6570090479813a762", CompanyID: "omega-cop-OyJrgi5-fx",
		Type: "video.process_succeeded", Created: 1661971592,
		Video: Video{ID: "6322f996601b871c57d875a5", UUID: "a0dc8dbf-3126-4805-89a1-662a33331f93"},
		Response: &Response{
			StatusCode: 200, Status: "200 OK", Body: "webhook received\n",
			Message: "webhook event with type video.process_succeeded succeeded",
			Cause:   "webhook event with type video.process_succeeded succeeded",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGetEventResponse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, response string
		want           *Response
	}{
		{"null", `null`, nil},
		{"empty object", `{}`, nil},
		{"nulls and empty strings", `{"status_code":null,"status":"","body":null,"message":""}`, nil},
		{"only unknown members", `{"attempts":3,"next":{"in":"5s"}}`, nil},
		{"code 0", `{"status_code":0}`, &Response{}},
		{"code null, message", `{"status_code":null,"message":"dial tcp: timeout"}`, &Response{Message: "dial tcp: timeout", Cause: "dial tcp: timeout"}},
		{"code in quotes", `{"status_code":"502"}`, &Response{StatusCode: 502}},
		{"fraction", `{"status_code":200.0}`, &Response{StatusCode: 200}},
		{
			"words in a URL are not a cause", `{"message":"Post \"https://tls.dns.example.com/timeout?x=eof\": lookup timeout.example.com: refused"}`,
			&Response{Message: `Post "tls.dns.example.com": lookup timeout.example.com: refused`, Cause: `Post "": lookup timeout.example.com: refused`},
		},
		{"other kinds", `{"status_code":201,"status":201,"body":{"ok": true}}`, &Response{StatusCode: 201, Status: "201", Body: `{"ok": true}`}},
		{"key in the body", `{"status_code":500,"body":"Bearer ` + testKey + `"}`, &Response{StatusCode: 500, Body: "Bearer [redacted]"}},
		{"key across the cut", `{"status_code":500,"body":"` + strings.Repeat("x", maxReply-3) + testKey + `"}`, &Response{StatusCode: 500, Body: strings.Repeat("x", maxReply-3) + "[re"}},
		{"cut between runes", `{"body":"x` + strings.Repeat("é", maxReply) + `"}`, &Response{Body: "x" + strings.Repeat("é", maxReply/2-1)}},
		{"invalid UTF-8", "{\"status\":\"\xff\\ud800\"}", &Response{Status: "\uFFFD\uFFFD"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mux := setup(t, Options{})
			mux.HandleFunc("/", reply(`{"id":"`+eventID+`","data":{"video":[[{}]]},"response":`+tt.response+`}`))
			got, err := c.GetEvent(t.Context(), endpointID, eventID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Response); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGetEventVideo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, data string
		want       Video
	}{
		{"null", `null`, Video{}},
		{"no video", `{"image":{"id":"x"}}`, Video{}},
		{"video null", `{"video":null}`, Video{}},
		{"not an object", `[{"video":{"id":"x"}}]`, Video{}},
		{"video is not an object", `{"video":["id","x"]}`, Video{}},
		{"only an id", `{"video":{"id":"v1","meta":{"id":"deeper","uuid":"deeper"}}}`, Video{ID: "v1"}},
		{"wrong types of members", `{"video":{"id":7,"uuid":{"uuid":"x"}}}`, Video{}},
		{"the key", `{"video":{"id":"` + testKey + `","uuid":"u"}}`, Video{ID: "[redacted]", UUID: "u"}},
		{"too long", `{"video":{"uuid":"` + strings.Repeat("x", 200) + `"}}`, Video{UUID: strings.Repeat("x", maxVideo)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mux := setup(t, Options{})
			mux.HandleFunc("/", reply(`{"data":`+tt.data+`,"id":"`+eventID+`"}`))
			got, err := c.GetEvent(t.Context(), endpointID, eventID)
			if err != nil {
				t.Fatal(err)
			}
			if got.Video != tt.want {
				t.Errorf("%+v, want %+v", got.Video, tt.want)
			}
		})
	}
}

func TestGetEventBadPayload(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       error
		text       string
	}{
		{"another event", `{"id":"630fac88bd5bb64cf8b24b98"}`, ErrBadPayload, "another event"},
		{"no id", `{}`, ErrBadPayload, "another event"},
		{"wrong type of id", `{"id":{}}`, ErrBadPayload, "another event"},
		{"wrong type of response", `{"id":"` + eventID + `","response":"ok"}`, ErrBadPayload, "its response is a string instead of an object"},
		{"wrong type of code", `{"id":"` + eventID + `","response":{"status_code":"ok"}}`, ErrBadPayload, "its response.status_code is a string instead of a number"},
		{"code that is an object", `{"id":"` + eventID + `","response":{"status_code":{}}}`, ErrBadPayload, "its response.status_code is an object instead of a number"},
		{"array", `[]`, ErrBadPayload, "an array instead of an object"},
		{"null", `null`, ErrBadPayload, "null instead of an object"},
		{"empty", ``, ErrBadPayload, "empty"},
		{"cut off", `{"id":"` + eventID + `","type":"vid`, ErrBadPayload, "cut off after byte"},
		{"invalid JSON", `{"id" "x"}`, ErrBadPayload, "invalid JSON after byte 5"},
		{"HTML", `<html>`, ErrBadPayload, "content type text/html"},
		{"too long", `{"data":"` + strings.Repeat("x", maxEventBody) + `"}`, ErrTooLarge, "more than 1048576 bytes in one event"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mux := setup(t, Options{})
			mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(tt.body, "<") {
					w.Header().Set("Content-Type", "text/html; charset=utf-8")
				} else {
					w.Header().Set("Content-Type", "application/json")
				}
				_, _ = w.Write([]byte(tt.body))
			})
			got, err := c.GetEvent(t.Context(), endpointID, eventID)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v with %q", err, tt.want, tt.text)
			}
			if diff := cmp.Diff(Event{}, got); diff != "" {
				t.Errorf("got an event as well as an error: %+v", got)
			}
		})
	}
}

// GetEvent keeps the response of an event whose other members are unusable.
func TestGetEventUnusableMembers(t *testing.T) {
	t.Parallel()
	c, mux := setup(t, Options{})
	mux.HandleFunc("/", reply(`{"id":7,"created":"soon","type":[1],"response":{"status_code":500}}`))
	got, err := c.GetEvent(t.Context(), endpointID, "7")
	if err != nil {
		t.Fatal(err)
	}
	got.Date = time.Time{}
	want := Event{ID: "7", Response: &Response{StatusCode: 500}, Unusable: []string{"created", "type"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPathSegmentsAreEscaped(t *testing.T) {
	t.Parallel()
	c, mux := setup(t, Options{})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if got, want := r.RequestURI, "/base/client/webhooks/a%2Fb%3Fc/events/%25%20%C3%A9"; got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
		reply(`{"id":"% é"}`)(w, r)
	})
	if _, err := c.GetEvent(t.Context(), "a/b?c", "% é"); err != nil {
		t.Fatal(err)
	}
}

func TestInvalidIDsAreNotAskedFor(t *testing.T) {
	t.Parallel()
	s := &script{steps: []func() (*http.Response, error){status(200, "[]")}}
	c := newClient(t, "http://api", Options{Transport: s})
	_, err := c.GetEvent(t.Context(), endpointID, "..")
	_, err2 := c.ListEvents(t.Context(), "a\nb")
	if !errors.Is(err, ErrInvalidID) || !errors.Is(err2, ErrInvalidID) || s.requests() != 0 {
		t.Errorf("errors %v and %v, %d requests", err, err2, s.requests())
	}
	if strings.Contains(err2.Error(), "\n") {
		t.Errorf("line break in %q", err2)
	}
}
