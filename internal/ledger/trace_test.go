package ledger

import (
	"fmt"
	"testing"
	"time"
)

func TestTraceNamesItsVideo(t *testing.T) {
	t.Parallel()
	const id, uuid = "6322f996601b871c57d875a5", "a0dc8dbf-3126-4805-89a1-662a33331f93"
	for name, v := range map[string]Video{
		"both": {id, uuid}, "an id": {ID: id}, "a uuid": {UUID: uuid}, "nothing": {},
		"an odd id": {"v_1", uuid}, "an odd uuid": {id, "1"}, "upper case": {"6322F996601B871C57D875A5", "A0DC8DBF-3126-4805-89A1-662A33331F93"},
		"no dashes": {id, "a0dc8dbf031260480508901066203333-1f93"},
	} {
		var trace Trace
		odd := trace.SetVideo(v)
		if got := trace.Video(odd); got != v {
			t.Errorf("%s: %+v, want %+v", name, got, v)
		}
		if again := trace.SetVideo(Video{}); again != (Video{}) || trace.Video(odd) != v {
			t.Errorf("%s: a detail without a video took it away", name)
		}
	}
}

// A batch reports the failures that it counts, but no failures of history.
func TestBatchReportsWhatItCounts(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true, at(1, 0))
	read(t, a, "ep", epoch, true, at(1, 0), at(2, 0), at(3, 0))
	answerAll(a, epoch, func(task Task) Answer {
		if task.EventID == at(3, 0).id {
			return Answer{Responded: true, Reason: ReasonDNS, Video: Video{ID: "v"}, Text: AnswerText{Message: "no such host"}}
		}
		return failedWith(503, "busy")
	})
	got := fmt.Sprintf("%+v", a.Batch().Failed)
	want := fmt.Sprintf("%+v", []FailedDelivery{
		{EndpointID: "ep", EventID: at(2, 0).id, Type: at(2, 0).typ, Created: at(2, 0).created, FirstSeen: epoch.Unix(), LastSeen: epoch.Unix(), Asked: 1, Code: 503, Message: "busy"},
		{EndpointID: "ep", EventID: at(3, 0).id, Type: at(3, 0).typ, Created: at(3, 0).created, FirstSeen: epoch.Unix(), LastSeen: epoch.Unix(), Asked: 1, Reason: ReasonDNS, Video: Video{ID: "v"}, Message: "no such host"},
	})
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if again := a.Batch().Failed; len(again) != 0 {
		t.Errorf("reported again: %+v", again)
	}
	answerAll(a, epoch.Add(time.Hour), func(Task) Answer { return failedWith(503, "busy") })
	if again := a.Batch().Failed; len(again) != 1 || again[0].EventID != at(3, 0).id {
		t.Errorf("an unchanged code is an outcome: %+v", again)
	}
}

// Failures in a state of an older version have no video. In spare time the exporter asks for
// each of them, even if it is too old to be asked for as a failure.
func TestVideosOfAnOlderState(t *testing.T) {
	t.Parallel()
	const failures = 3 * retryNewest
	old := account(t, "ep")
	read(t, old, "ep", epoch, true, at(0, 0))
	items := []item{at(0, 0)}
	for n := range failures {
		items = append(items, at(n+1, 0))
	}
	read(t, old, "ep", epoch, true, items...)
	answerAll(old, epoch, func(Task) Answer { return failedWith(503, "busy") })
	old.Batch()
	rows := inMemory(old)
	rows.Traces = nil
	now := epoch.Add(time.Hour)
	a, err := Load(rows.Hand, testURL, testPolicy(), false, now)
	if err != nil {
		t.Fatal(err)
	}
	healed, gone, broken := at(1, 0).id, at(2, 0).id, at(3, 0).id
	spare := func(c Class) bool { return c == HistoryEvents }
	asks := make(map[string]int)
	for range 2 {
		a.Promote(now)
		for task, ok := a.Take(now, spare); ok; task, ok = a.Take(now, spare) {
			asks[task.EventID]++
			switch {
			case task.EventID == gone:
				a.Missing(task, now)
			case task.EventID == broken && asks[broken] == 1:
				a.Unanswered(task, now)
			case task.EventID == healed:
				a.Answered(task, Answer{Responded: true, StatusCode: 200, Video: Video{ID: "of " + task.EventID}}, now)
			default:
				answer := failedWith(503, "busy")
				answer.Video = Video{ID: "of " + task.EventID}
				a.Answered(task, answer, now)
			}
		}
		now = now.Add(time.Hour)
	}
	failed := a.FailedDeliveries("ep", a.FailedKeys("ep"))
	if len(failed) != failures+1 { // including the failure from before contact
		t.Errorf("%d failed deliveries, want %d", len(failed), failures+1)
	}
	for _, f := range failed {
		want, times := Video{ID: "of " + f.EventID}, 1
		switch f.EventID {
		case gone:
			want = Video{}
		case broken:
			times = 2
		}
		if f.Video != want || asks[f.EventID] != times || (f.Healed != 0) != (f.EventID == healed) || f.Code != 503 {
			t.Errorf("%+v was asked for %d times", f, asks[f.EventID])
		}
	}
	if got, _ := counterOf(a.View(now), "ep", CountDeliveries, at(1, 0).typ, 503); got != failures {
		t.Errorf("%d deliveries are counted, want %d", got, failures)
	}
}
