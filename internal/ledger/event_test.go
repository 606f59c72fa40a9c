package ledger

import (
	"testing"
	"time"
)

// answerAt is an answer, some time after the first ask.
type answerAt struct {
	after  time.Duration
	answer Answer
}

func response(code int) Answer { return Answer{Responded: true, StatusCode: code} }

// Each row is the life of one event.
func TestStates(t *testing.T) {
	t.Parallel()
	empty := Answer{}
	for _, row := range []struct {
		name     string
		answers  []answerAt
		state    Stage
		code     Code
		reason   Reason
		outcomes int
		healed   int
		first    int
	}{
		{"null is pending", []answerAt{{0, empty}}, Pending, 0, 0, 0, 0, 0},
		{"2xx is success", []answerAt{{0, response(204)}}, Delivered, 204, 0, 1, 0, 1},
		{"2xx is final", []answerAt{{0, response(200)}, {1, response(500)}, {2, empty}}, Delivered, 200, 0, 1, 0, 1},
		{"100 is a response", []answerAt{{0, response(100)}}, Delivered, 100, 0, 1, 0, 1},
		{"599 is a response", []answerAt{{0, response(599)}}, Delivered, 599, 0, 1, 0, 1},
		{"99 is none", []answerAt{{0, response(99)}}, NoResponse, 0, 0, 1, 0, 0},
		{"600 is none", []answerAt{{0, response(600)}}, NoResponse, 0, 0, 1, 0, 0},
		{"status code 0 is none", []answerAt{{0, Answer{Responded: true, Reason: ReasonDNS}}}, NoResponse, 0, ReasonDNS, 1, 0, 0},
		{"empty for less than no-response-after is pending", []answerAt{{0, empty}, {10*time.Minute - time.Second, empty}}, Pending, 0, 0, 0, 0, 0},
		{"empty after no-response-after is none", []answerAt{{0, empty}, {10 * time.Minute, empty}}, NoResponse, 0, ReasonNotRecorded, 1, 0, 0},
		{"time counts from the first empty answer", []answerAt{{0, empty}, {6 * time.Minute, empty}, {12 * time.Minute, empty}}, NoResponse, 0, ReasonNotRecorded, 1, 0, 0},
		{"pending to delivered", []answerAt{{0, empty}, {1, response(500)}}, Delivered, 500, 0, 1, 0, 1},
		{"the same code counts once", []answerAt{{0, response(500)}, {1, response(500)}}, Delivered, 500, 0, 1, 0, 1},
		{"a changed code is an outcome", []answerAt{{0, response(500)}, {1, response(503)}}, Delivered, 503, 0, 2, 0, 1},
		{"failure to 2xx is a recovery", []answerAt{{0, response(500)}, {1, response(200)}}, Delivered, 200, 0, 2, 1, 1},
		{"none to 2xx is a recovery", []answerAt{{0, response(0)}, {1, response(200)}}, Delivered, 200, 0, 2, 1, 1},
		{"delivered never goes back to pending", []answerAt{{0, response(500)}, {time.Hour, empty}}, Delivered, 500, 0, 1, 0, 1},
		{"none never goes back to pending", []answerAt{{0, response(0)}, {time.Hour, empty}}, NoResponse, 0, 0, 1, 0, 0},
		{"none to none corrects the reason", []answerAt{{0, response(0)}, {1, Answer{Responded: true, Reason: ReasonTLS}}}, NoResponse, 0, ReasonTLS, 1, 0, 0},
		{"none to none keeps a known reason", []answerAt{{0, Answer{Responded: true, Reason: ReasonTLS}}, {1, response(0)}}, NoResponse, 0, ReasonTLS, 1, 0, 0},
		{"delivered to none is an outcome", []answerAt{{0, response(500)}, {1, response(0)}}, NoResponse, 0, 0, 2, 0, 1},
		{"a response after none after a response is not the first", []answerAt{{0, response(500)}, {1, response(0)}, {2, response(502)}}, Delivered, 502, 0, 3, 0, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			ev := Event{Stage: Listed}
			var outcomes, healed, first int
			for _, a := range row.answers {
				var out Outcome
				ev, out = ev.Answered(a.answer, epoch.Add(a.after), 10*time.Minute)
				outcomes, healed, first = outcomes+one(out.Counts), healed+one(out.Recovered), first+one(out.FirstResponse)
			}
			if ev.Stage != row.state || ev.Code != row.code || ev.Reason != row.reason {
				t.Errorf("stage %d, code %d, reason %s, want %d, %d, %s", ev.Stage, ev.Code, ev.Reason, row.state, row.code, row.reason)
			}
			if outcomes != row.outcomes || healed != row.healed || first != row.first {
				t.Errorf("%d outcomes, %d recoveries, %d first responses, want %d, %d, %d", outcomes, healed, first, row.outcomes, row.healed, row.first)
			}
		})
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Waits double: of pending events from 5 seconds to 5 minutes, of failures from 5 minutes to
// 6 hours.
func TestWaits(t *testing.T) {
	t.Parallel()
	at, ev := epoch.Unix(), Event{Stage: Listed}
	if due, ok := ev.due(); due != 0 || !ok {
		t.Errorf("a new event is due at %d, %v", due, ok)
	}
	for _, want := range []int64{5, 10, 20, 40, 80, 160, 300, 300} {
		ev = ev.Unanswered(time.Unix(at, 0))
		due, ok := ev.due()
		if due-at != want || !ok {
			t.Errorf("waits %d, want %d", due-at, want)
		}
		at = due
	}
	ev, _ = Event{Stage: Listed}.Answered(response(500), time.Unix(at, 0), 0)
	for _, want := range []int64{300, 600, 1200, 2400, 4800, 9600, 19200, 21600, 21600} {
		due, ok := ev.due()
		if due-at != want || !ok {
			t.Errorf("a failure waits %d, want %d", due-at, want)
		}
		at = due
		ev, _ = ev.Answered(response(500), time.Unix(at, 0), 0)
	}
	for range 300 {
		ev = ev.Unanswered(epoch)
	}
	if ev.Tries != 255 {
		t.Errorf("%d tries", ev.Tries)
	}
}
