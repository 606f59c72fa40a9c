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

// What a batch counts as failed is what it reports, history not among it.
func TestBatchReportsWhatItCounts(t *testing.T) {
	t.Parallel()
	a := account(t, "ep")
	read(t, a, "ep", epoch, true, at(1, 0))
	read(t, a, "ep", epoch, true, at(1, 0), at(2, 0), at(3, 0))
	answerAll(a, epoch, func(task Task) Answer {
		if task.EventID == at(3, 0).id {
			return Answer{Responded: true, Reason: ReasonDNS, Video: Video{ID: "v"}, Words: Words{Message: "no such host"}}
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
		t.Errorf("only a changed code is an outcome: %+v", again)
	}
}
