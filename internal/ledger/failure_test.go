package ledger

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func failedWith(code int, message string) Answer {
	return Answer{Responded: true, StatusCode: code, Text: AnswerText{Status: fmt.Sprint(code), Message: message, Body: "body\x00"}}
}

// answerAll answers for every detail that is due.
func answerAll(a *Account, now time.Time, answer func(Task) Answer) {
	a.Promote(now)
	for {
		task, ok := a.Take(now, func(Class) bool { return true })
		if !ok {
			return
		}
		a.Answered(task, answer(task), now)
	}
}

func failuresOf(a *Account, endpoint string, now time.Time) []*Failure {
	a.Batch() // the view shows what the last batch contains
	for _, e := range a.View(now).Endpoints {
		if e.ID == endpoint {
			return e.Failures()
		}
	}
	return nil
}

func TestFailureTellsItsHistory(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	a.policy.ShowBody = true
	read(t, a, "ep", epoch, true)
	read(t, a, "ep", epoch, true, at(1, 0))
	now := epoch
	step := func(d time.Duration, answer Answer) {
		t.Helper()
		now = now.Add(d)
		n := 0
		answerAll(a, now, func(Task) Answer { n++; return answer })
		if n != 1 {
			t.Fatalf("asked %d times at %s", n, now)
		}
	}
	step(time.Second, Answer{})
	if got := failuresOf(a, "ep", now); len(got) != 0 {
		t.Fatalf("a pending event is a failure: %+v", got[0])
	}
	step(time.Minute, failedWith(503, "busy"))
	step(time.Hour, failedWith(503, "busy"))
	step(7*time.Hour, failedWith(500, "a\nb\u202ec"))
	a.Promote(now.Add(7 * time.Hour))
	now = now.Add(7 * time.Hour)
	task, _ := a.Take(now, func(Class) bool { return true })
	a.Unanswered(task, now)
	step(7*time.Hour, Answer{})
	step(7*time.Hour, failedWith(200, "fine"))

	sec := func(d time.Duration) int64 { return epoch.Add(d).Unix() }
	const hour = time.Hour
	first := time.Second + time.Minute
	want := []*Failure{{
		EventID: at(1, 0).id, Type: at(1, 0).typ, Created: at(1, 0).created, FirstSeen: epoch.Unix(),
		Asked: 7, Code: 500, Healed: sec(first + 29*hour),
		Answers: []AnswerRecord{
			{At: sec(time.Second), Last: sec(time.Second), Times: 1, Stage: Pending},
			{At: sec(first), Last: sec(first + hour), Times: 2, Stage: Delivered, Code: 503, Status: "503", Message: "busy", Body: `body\x00`},
			{At: sec(first + 8*hour), Last: sec(first + 8*hour), Times: 1, Stage: Delivered, Code: 500, Status: "500", Message: `a\nb\u202ec`, Body: `body\x00`},
			{At: sec(first + 29*hour), Last: sec(first + 29*hour), Times: 1, Stage: Delivered, Code: 200, Status: "200", Message: "fine", Body: `body\x00`},
		},
	}}
	if diff := cmp.Diff(want, failuresOf(a, "ep", now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFailureOfADetailThatIsGone(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true, at(1, 0))
	answerAll(a, epoch, func(Task) Answer { return failedWith(500, "") })
	now := epoch.Add(time.Hour)
	a.Promote(now)
	task, ok := a.Take(now, func(Class) bool { return true })
	if !ok {
		t.Fatal("nothing is due")
	}
	a.Missing(task, now)
	f := failuresOf(a, "ep", now)[0]
	if !f.History || f.Healed != 0 || f.Code != 500 || f.Asked != 2 || len(f.Answers) != 2 || f.Answers[1].Stage != Unresolved {
		t.Errorf("%+v", f)
	}
	if body := f.Answers[0].Body; body != "" {
		t.Errorf("the body %q is stored although bodies are off", body)
	}
}

func TestRepliesAreBounded(t *testing.T) {
	t.Parallel()
	var f Failure
	before := f
	for i := range 30 {
		before = f
		f = f.with(failedWith(500+i, strings.Repeat("é", 1000)).record(Event{Stage: Delivered, Code: Code(500 + i)}, epoch, true))
	}
	if len(f.Answers) != maxAnswers || f.Omitted != 20 || f.Asked != 30 || f.Answers[0].Code != 500 || f.Answers[1].Code != 521 {
		t.Errorf("%d replies, %d omitted, %d asked", len(f.Answers), f.Omitted, f.Asked)
	}
	if len(before.Answers) != maxAnswers || before.Answers[1].Code != 520 {
		t.Error("an earlier record has changed")
	}
	if payload, err := json.Marshal(f); err != nil || len(payload) > 24<<10 {
		t.Errorf("%d bytes, %v", len(payload), err)
	}
}

// The log keeps the newest failures, and the newest of each kind.
func TestKeptFailures(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var l failureLog
		rows := make(map[position]*Failure) // the stored rows
		model := make(map[position]Code)
		codes := rapid.IntRange(1, 40).Draw(rt, "codes")
		for i := range rapid.IntRange(1, 900).Draw(rt, "n") {
			at := position{Time: int64(rapid.IntRange(0, 600).Draw(rt, "time"))}
			f := &Failure{Created: at.Time, Asked: i, Code: Code(500 + rapid.IntRange(1, codes).Draw(rt, "code")%40)}
			for _, changed := range l.put(at, f) {
				if now, ok := l.find(changed); ok {
					rows[changed] = now
				} else {
					delete(rows, changed)
				}
			}
			model[at] = f.Code
			newest := slices.SortedFunc(maps.Keys(model), func(a, b position) int { return b.compare(a) })
			of := make(map[Code]int)
			for n, p := range newest {
				if of[model[p]]++; n >= newestFailures && of[model[p]] > newestOfKind {
					delete(model, p)
				}
			}
		}
		if len(model) != len(l.rows) || len(rows) != len(l.rows) {
			rt.Fatalf("%d are in the log and %d stored, want %d", len(l.rows), len(rows), len(model))
		}
		for i, r := range l.rows {
			code, ok := model[r.at]
			if !ok || code != r.Code || rows[r.at] != r.Failure || i > 0 && l.rows[i-1].at.compare(r.at) >= 0 {
				rt.Fatalf("row %d: %+v", i, r)
			}
		}
	})
}

// The log stays small even if a hostile receiver answers with every possible code.
func TestKeptFailuresAreBounded(t *testing.T) {
	t.Parallel()
	var l failureLog
	stored := make(map[position]struct{})
	for i := range 20_000 {
		at := position{Time: int64(i)}
		for _, changed := range l.put(at, &Failure{Created: at.Time, Code: Code(300 + i/25%300)}) {
			if _, ok := l.find(changed); ok {
				stored[changed] = struct{}{}
			} else {
				delete(stored, changed)
			}
		}
	}
	if len(l.rows) != maxFailures || len(stored) != maxFailures {
		t.Errorf("%d are in the log, %d stored", len(l.rows), len(stored))
	}
}
