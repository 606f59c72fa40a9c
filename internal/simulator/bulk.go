package simulator

import "time"

// Bulk quickly adds n events to an endpoint, the newest created one spacing ago, each further
// one a spacing earlier. It takes little memory: about 320 MB for a million events, with
// their rendered list. The types cycle through the life of a successful video, with one video
// for each cycle. The answers cycle too; without any, all are 200. Events stay small only
// with answers of Responded without a schedule.
func (a *Account) Bulk(endpointID string, n int, spacing time.Duration, answers ...Answer) {
	life := []string{
		"video.uploaded", "video.ready_for_processing", "video.in_progress",
		"video.completed_processing", "video.process_succeeded", "video.ready_to_watch",
	}
	if len(answers) == 0 {
		answers = []Answer{Responded(200)}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ep := a.endpoint(endpointID)
	ep.reserve(n)
	at := a.now().Add(-time.Duration(n) * spacing)
	var video uint32
	for i := range n {
		if i%len(life) == 0 {
			video = a.addVideo(at)
		}
		rec := record{
			created: at.UnixNano(),
			id:      a.ids.next(at),
			video:   video,
			kind:    a.kinds.number(life[i%len(life)]),
		}
		var x *extra
		if r := answers[i%len(answers)]; r.plain() {
			rec.code = uint16(r.code)
		} else {
			x = &extra{answers: []Answer{r}}
		}
		ep.add(rec, x)
		at = at.Add(spacing)
	}
}
