package simulator

import (
	"net/http"
	"slices"
	"time"
)

// SecretMark is in the path and query of every URL of a Demo account. The output of a program
// that hides them must not contain it.
const SecretMark = "s3cr3t"

// character is an endpoint of the demo, with the behaviour of its server.
type character struct {
	id          string
	url         string
	description string
	events      []string      // nil for all
	joins       time.Duration // when it is added after the start; 0 if it was there before
	stops       time.Duration // how long before the start it was switched off; 0 for never
	stopped     time.Time     // when it was switched off
	answers     func(t *traffic, at time.Time) []Answer
}

// takes reports whether events of a type are sent to the endpoint.
func (c *character) takes(at time.Time, eventType string) bool {
	if c.id == "" || c.stops > 0 && at.After(c.stopped) {
		return false
	}
	return c.events == nil || slices.Contains(c.events, eventType)
}

// cast returns the endpoints of the demo, one for each behaviour. The first one receives
// every event type and never fails.
func cast() []*character {
	outcome := []string{"video.process_failed", "video.process_succeeded"}
	with := func(more ...string) []string { return slices.Concat(outcome, more) }
	return []*character{
		{
			url:         "https://hooks.example.com/newsroom/s3cr3t-6c1e09?token=s3cr3t-b81f",
			description: "Newsroom",
			answers:     healthy,
		},
		{
			url:         "https://catalogue.example.com/in/s3cr3t-90d2ab/events?key=s3cr3t-77aa",
			description: "Video catalogue (flaky)",
			answers:     flaky,
		},
		{
			url:         "https://mobile.example.org/v1/s3cr3t-41b7/webhook?sig=s3cr3t-0c0c",
			description: "Mobile backend (404 since its last release)",
			events:      with("video.ready_to_watch"),
			answers:     missing,
		},
		{
			url:         "https://old-cms.example.net/hook/s3cr3t-8fd0?token=s3cr3t-d00d",
			description: "Old CMS (switched off)",
			events:      outcome,
			stops:       6 * time.Hour,
			answers:     healthy,
		},
		{
			url:         "https://partner.example.net/omegastream/s3cr3t-5e5e?auth=s3cr3t-9a9a",
			description: "Partner (never answers)",
			events:      outcome,
			answers:     silent(),
		},
		{
			url:         "https://archive.example.org/ingest/s3cr3t-27c4?token=s3cr3t-e1e1",
			description: "Archive (slow)",
			events:      with("video.deleted", "video.deletion_reverted"),
			answers:     slow,
		},
		{
			url:         "https://billing.example.com/usage/s3cr3t-b3b3?key=s3cr3t-4d4d",
			description: "Billing (refuses some)",
			events:      with("video.uploaded"),
			answers:     strict,
		},
		{
			url:         "https://staging.example.com/hooks/s3cr3t-1f1f?token=s3cr3t-6b6b",
			description: "Staging (new)",
			joins:       20 * time.Second,
			answers:     shaky,
		},
		{
			url:         "https://analytics.example.org/omegastream/s3cr3t-3a3a?token=s3cr3t-5c5c",
			description: "Analytics (subscribed to nothing)",
			events:      []string{},
			answers:     healthy,
		},
	}
}

// healthy answers 200 within a second.
func healthy(t *traffic, _ time.Time) []Answer {
	ok := Responded(http.StatusOK)
	if t.live {
		ok = ok.After(t.between(100*time.Millisecond, 900*time.Millisecond))
	}
	return []Answer{ok}
}

// flaky fails for one event in twelve; retries heal most of these.
func flaky(t *traffic, at time.Time) []Answer {
	if !t.chance(1.0 / 12) {
		return healthy(t, at)
	}
	failed := Responded(http.StatusInternalServerError)
	if t.chance(0.5) {
		failed = Responded(http.StatusServiceUnavailable)
	}
	if t.chance(0.2) {
		return []Answer{failed}
	}
	wait := t.between(t.pace(2*time.Minute, 20*time.Second), t.pace(10*time.Minute, 35*time.Second))
	return []Answer{failed, Responded(http.StatusOK).After(wait)}
}

// missing answers 404 since an hour before the start.
func missing(t *traffic, at time.Time) []Answer {
	if at.Before(t.start.Add(-time.Hour)) {
		return []Answer{Responded(http.StatusOK)}
	}
	return []Answer{Responded(http.StatusNotFound)}
}

// silent never answers: each cause in turn, and then an event that stays pending forever.
func silent() func(*traffic, time.Time) []Answer {
	turns := []Answer{
		NoResponse(CauseTimeout), NoResponse(CauseDNS), NoResponse(CauseRefused), NoResponse(CauseReset),
		NoResponse(CauseTLS), NoResponse(CauseEOF), Pending(),
	}
	turn := 0
	return func(*traffic, time.Time) []Answer {
		turn++
		return []Answer{turns[turn%len(turns)]}
	}
}

// slow answers 200 after several seconds.
func slow(t *traffic, _ time.Time) []Answer {
	return []Answer{Responded(http.StatusOK).After(t.between(3*time.Second, 12*time.Second))}
}

// strict refuses one event in four; retries heal its 429s.
func strict(t *traffic, _ time.Time) []Answer {
	switch t.rng.IntN(12) {
	case 0:
		return []Answer{
			Responded(http.StatusTooManyRequests),
			Responded(http.StatusOK).After(t.between(15*time.Second, 30*time.Second)),
		}
	case 1:
		return []Answer{Responded(http.StatusUnauthorized)}
	case 2:
		return []Answer{Responded(http.StatusForbidden)}
	}
	return []Answer{Responded(http.StatusOK)}
}

// shaky answers 502 every second time, its first event among them.
func shaky(t *traffic, at time.Time) []Answer {
	if at.Sub(t.start) < 25*time.Second || t.chance(0.5) {
		return []Answer{Responded(http.StatusBadGateway)}
	}
	return []Answer{Responded(http.StatusOK)}
}
