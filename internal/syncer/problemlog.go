package syncer

import (
	"context"
	"log/slog"
	"time"

	"omegastream_exporter/client"
)

// messages are the log messages for when an operation begins to fail and when it works again.
var messages = map[client.Operation]struct{ failed, well string }{
	OpSync:                 {"Sync failed", "Sync works again"},
	client.OpListEndpoints: {"List of endpoints failed", "List of endpoints is read again"},
	client.OpListEvents:    {"List of events failed", "List of events is read again"},
	client.OpGetEvent:      {"Detail of an event failed", "Detail of an event is fetched again"},
	UseElements:            {"Elements of a list cannot be used", "Every element of the list can be used again"},
	UseMembers:             {"Members of a detail cannot be used", "Every member of a detail can be used again"},
	WriteState:             {"State is not written", "State is written again"},
}

// lines are the log lines of an operation: one a minute.
type lines struct {
	next      time.Time // no line before this
	unwritten int       // changes since the last line
	healed    *subject  // the last of these that works again
	timer     *time.Timer
}

// changed logs what began to fail or works again, at once or a minute after the previous
// line. The caller holds p.mu.
func (p *problems) changed(s subject, now time.Time) {
	l, ok := p.lines[s.operation]
	if !ok {
		l = new(lines)
		p.lines[s.operation] = l
	}
	l.unwritten++
	if _, failing := p.now[s]; !failing {
		l.healed = &s
	}
	switch {
	case p.closed, l.timer != nil:
	case !now.Before(l.next):
		p.write(s.operation, l, now)
	default:
		l.timer = time.AfterFunc(l.next.Sub(now), func() { p.lineDue(s.operation) })
	}
}

// lineDue logs what has changed within the minute.
func (p *problems) lineDue(op client.Operation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lines[op]
	l.timer = nil
	if !p.closed && l.unwritten > 0 {
		p.write(op, l, time.Now())
	}
}

// write logs one line for all changes since the last one: the newest failure that was not
// named yet, or else what works again. The caller holds p.mu.
func (p *problems) write(op client.Operation, l *lines, now time.Time) {
	var newest *problem
	var of subject
	failing := 0
	for s, one := range p.now {
		if s.operation != op {
			continue
		}
		failing++
		if !one.logged && (newest == nil || one.last.After(newest.last)) {
			newest, of = one, s
		}
	}
	level, text, args := slog.LevelInfo, messages[op].well, []any(nil)
	switch {
	case newest != nil:
		newest.logged = true
		level, text, args = slog.LevelWarn, messages[op].failed, []any{"err", newest.Err}
	case l.healed != nil:
		of = *l.healed
	default: // it was removed with its endpoint
		l.unwritten = 0
		return
	}
	of.operation = op
	if failing > 1 || newest == nil && failing > 0 {
		args = append(args, "failing", failing)
	}
	if l.unwritten > 1 {
		args = append(args, "unwritten", l.unwritten-1)
	}
	p.of(of).Log(context.Background(), level, text, args...) //nolint:sloglint // one of messages
	l.next, l.unwritten, l.healed = now.Add(lineEvery), 0, nil
}

// of returns a logger that names the subject.
func (p *problems) of(s subject) *slog.Logger {
	log := p.log.With("operation", string(s.operation))
	if s.endpointID != "" {
		log = log.With("endpoint_id", s.endpointID)
	}
	if s.eventID != "" {
		log = log.With("event_id", s.eventID)
	}
	return log
}

// close drops the lines that wait for their minute.
func (p *problems) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, l := range p.lines {
		if l.timer != nil {
			l.timer.Stop()
		}
	}
}
