package simulator

import "time"

// upload starts the life of a video: its events follow one another as the platform processes
// it.
func (t *traffic) upload(at time.Time) {
	video := t.account.AddVideo(at)
	event := func(wait time.Duration, eventType string) {
		at = at.Add(wait)
		t.plan(at, func(at time.Time) { t.send(at, eventType, video) })
	}
	short := func() time.Duration {
		return t.between(t.pace(2*time.Second, time.Second), t.pace(20*time.Second, 2*time.Second))
	}
	long := func() time.Duration {
		return t.between(t.pace(time.Minute, 3*time.Second), t.pace(9*time.Minute, 8*time.Second))
	}
	event(0, "video.uploaded")
	event(short(), "video.ready_for_processing")
	event(short(), "video.in_progress")
	if t.chance(0.08) {
		event(long(), "video.process_failed")
		return
	}
	event(long(), "video.completed_processing")
	event(short(), "video.process_succeeded")
	event(short(), "video.ready_to_watch")
	if t.chance(0.75) {
		return
	}
	if t.chance(0.25) {
		event(long(), "video.failed_to_delete")
	}
	event(long(), "video.deleted")
	if t.chance(0.4) {
		event(long(), "video.deletion_reverted")
	}
}
