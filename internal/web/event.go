package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"omegastream_exporter/internal/ledger"
)

// eventPage is one event, with all endpoints that it was sent to.
type eventPage struct {
	ID   string
	Sent []sentEvent
	JSON string // link
}

// sentEvent is the event at one endpoint.
type sentEvent struct {
	EndpointID, Endpoint string // id and name
	Type                 string
	Badge                badge
	Created, FirstSeen   time.Time
	LastAsked            time.Time // zero if never, or no longer known
	Untrusted, History   bool
	Asked                int // 0 if unknown
	Healed               time.Time
	Answers              []answerRow
	Omitted              int
	Video                ledger.Video // as much as is known
	Command              string       // that asks the API
	Kept                 bool         // the answers are kept; otherwise it never failed, or too long ago
}

// answerRow is an answer in the history of an event.
type answerRow struct {
	Badge                 badge
	At, Last              time.Time
	Times                 int
	Answer, Message, Body string
}

func (p *Pages) event(r *http.Request, now time.Time) answer {
	id := r.PathValue("id")
	v := p.state.View(now)
	var tracked []ledger.Known
	videos := make(map[string]ledger.Video)
	p.state.Look(func(a *ledger.Account) {
		tracked = a.Events(id)
		for _, k := range tracked {
			for _, f := range a.FailedDeliveries(k.EndpointID, []ledger.Key{k.Key}) {
				videos[k.EndpointID] = f.Video
			}
		}
	})
	page := eventPage{ID: id, JSON: links{base: p.opts.Base}.Event(id) + "?format=json"}
	for _, e := range v.Endpoints {
		if s, ok := p.sent(e, id, tracked); ok {
			s.Video, s.Command = videos[e.ID], p.curl(e.ID, id)
			page.Sent = append(page.Sent, s)
		}
	}
	if len(page.Sent) == 0 {
		return answer{missing: "No endpoint has an event with this ID, or the exporter no longer keeps it: it keeps the events of the last " +
			windowName(p.opts.Window) + ", and the newest failures for longer."}
	}
	return answer{title: "Event " + id, template: "event", content: page, data: page.json()}
}

// sent collects what is known about an event at an endpoint.
func (p *Pages) sent(e *ledger.EndpointView, id string, tracked []ledger.Known) (s sentEvent, ok bool) {
	s = sentEvent{EndpointID: e.ID, Endpoint: nameOf(e)}
	if i := slices.IndexFunc(tracked, func(k ledger.Known) bool { return k.EndpointID == e.ID }); i >= 0 {
		k := tracked[i]
		ok = true
		s.Type, s.Created, s.FirstSeen, s.LastAsked = k.Type, unix(k.Time), unix(k.FirstSeen), unix(k.LastAsk)
		s.Untrusted, s.History = k.Has(ledger.Untrusted), k.Has(ledger.History)
		s.Badge = eventBadge(k.Stage, k.Code, k.Reason)
	}
	failures := e.Failures()
	i := slices.IndexFunc(failures, func(f *ledger.Failure) bool { return f.EventID == id })
	if i < 0 {
		return s, ok
	}
	f := failures[i]
	s.Type, s.Created, s.FirstSeen = f.Type, unix(f.Created), unix(f.FirstSeen)
	s.Untrusted, s.History = f.Untrusted, f.History
	s.Kept, s.Asked, s.Omitted, s.Healed = true, f.Asked, f.Omitted, unix(f.Healed)
	for _, a := range f.Answers {
		s.Answers = append(s.Answers, p.answerRowOf(a))
	}
	if !ok {
		s.Badge = badge{codeText(f.Code, f.Reason, ""), "bad"}
		s.LastAsked = s.Answers[len(s.Answers)-1].Last
		if f.Healed != 0 {
			s.Badge = badge{"delivered", "good"}
		}
	}
	return s, true
}

func (p *Pages) answerRowOf(r ledger.AnswerRecord) answerRow {
	row := answerRow{Badge: eventBadge(r.Stage, r.Code, r.Reason), At: unix(r.At), Last: unix(r.Last), Times: r.Times, Message: r.Message}
	switch r.Stage {
	case ledger.Delivered, ledger.NoResponse:
		row.Answer = codeText(r.Code, r.Reason, r.Status)
	case ledger.Unresolved:
		row.Answer = "the API no longer has the event"
	default:
		row.Answer = "no response recorded yet"
	}
	if p.opts.ShowBody {
		row.Body = r.Body
	}
	return row
}

// eventBadge returns the badge of an event.
func eventBadge(s ledger.Stage, c ledger.Code, reason ledger.Reason) badge {
	switch {
	case s == ledger.Listed:
		return badge{"not fetched yet", "muted"}
	case s == ledger.Pending:
		return badge{"pending", "warn"}
	case s == ledger.Unresolved:
		return badge{"gone", "muted"}
	case c.Success():
		return badge{"delivered", "good"}
	}
	return badge{codeText(c, reason, ""), "bad"}
}

// curl is the command that asks the API for an event. It keeps the key out of the
// process list.
func (p *Pages) curl(endpointID, eventID string) string {
	quoted := strings.ReplaceAll(p.opts.APIURL+"/client/webhooks/"+url.PathEscape(endpointID)+"/events/"+url.PathEscape(eventID), "'", "%27")
	return "curl -fsS -H @key-header.txt '" + quoted + "'"
}
