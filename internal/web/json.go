package web

import (
	"time"

	"omegastream_exporter/internal/ledger"
)

// The JSON of the pages, for scripts. Names and values are those of the metrics if there
// is a metric; a missing time is null.

type overviewJSON struct {
	CompanyID     string        `json:"company_id"`
	WindowSeconds int64         `json:"window_seconds"`
	Read          *time.Time    `json:"read"` // when a list was read last
	Stale         bool          `json:"stale"`
	Problems      []problemJSON `json:"problems"`
	Endpoints     []summaryJSON `json:"endpoints"` // the worst first
}

type problemJSON struct {
	What  string     `json:"what"`
	Error string     `json:"error"`
	Since *time.Time `json:"since"`
}

type summaryJSON struct {
	ID                  string     `json:"id"`
	URL                 string     `json:"url"`
	Description         string     `json:"description"`
	State               string     `json:"state"`
	ConsecutiveFailures int        `json:"consecutive_failures"`
	FailingSince        *time.Time `json:"failing_since"`
	Deliveries          int        `json:"deliveries"`
	Failures            int        `json:"failures"`
	Pending             int        `json:"pending"`
	LastSuccess         *time.Time `json:"last_success"`
	LastFailure         *time.Time `json:"last_failure"`
}

func (p *Pages) overviewJSON(page overviewPage) overviewJSON {
	out := overviewJSON{
		CompanyID: page.Company, WindowSeconds: int64(p.opts.Window / time.Second), Read: moment(page.Sync.Read), Stale: page.Sync.Stale,
		Problems: []problemJSON{}, Endpoints: []summaryJSON{},
	}
	for _, n := range page.Sync.Notices {
		out.Problems = append(out.Problems, problemJSON{n.What, n.Error, moment(n.Since)})
	}
	for _, e := range page.Endpoints {
		url := e.Name
		if url == e.ID {
			url = ""
		}
		out.Endpoints = append(out.Endpoints, summaryJSON{
			e.ID, url, e.Description, e.Badge.Word, e.InARow, moment(e.FailingSince), e.Deliveries, e.Failures, e.Pending,
			moment(e.LastSuccess), moment(e.LastFailure),
		})
	}
	return out
}

type endpointJSON struct {
	ID                  string         `json:"id"`
	URL                 string         `json:"url"`
	Description         string         `json:"description"`
	CompanyID           string         `json:"company_id"`
	State               string         `json:"state"`
	ConsecutiveFailures int            `json:"consecutive_failures"`
	LastSuccess         *time.Time     `json:"last_success"`
	LastFailure         *time.Time     `json:"last_failure"`
	LastSync            *time.Time     `json:"last_sync"`
	DetailBacklog       int            `json:"detail_backlog"`
	WindowSeconds       int64          `json:"window_seconds"`
	Deliveries          []deliveryJSON `json:"window_deliveries"`
	Hours               []hourJSON     `json:"hours"`
	Failures            []failureJSON  `json:"failures"` // newest first
	PendingTotal        int            `json:"pending_total"`
	Pending             []pendingJSON  `json:"pending"` // oldest first
}

type deliveryJSON struct {
	Type  string `json:"event_type"`
	Code  string `json:"status_code"`
	Count int    `json:"count"`
}

type hourJSON struct {
	Start     time.Time `json:"start"`
	Delivered int       `json:"delivered"`
	Failed    int       `json:"failed"`
}

type failureJSON struct {
	EventID   string     `json:"event_id"`
	Type      string     `json:"event_type"`
	Created   *time.Time `json:"created"`
	FirstSeen *time.Time `json:"first_seen"`
	Code      string     `json:"status_code"`
	Answer    string     `json:"answer"`
	Message   string     `json:"message"`
	Asked     int        `json:"asked"`
	Healed    *time.Time `json:"healed"`
	Counted   bool       `json:"counted"`
}

type pendingJSON struct {
	EventID   string     `json:"event_id"`
	Type      string     `json:"event_type"`
	Created   *time.Time `json:"created"`
	FirstSeen *time.Time `json:"first_seen"`
	LastAsked *time.Time `json:"last_asked"`
}

func (p *Pages) endpointJSON(v *ledger.View, e *ledger.EndpointView, page endpointPage, hours []ledger.Hour) endpointJSON {
	out := endpointJSON{
		ID: e.ID, CompanyID: v.CompanyID, Description: page.Description, State: page.Badge.Word,
		ConsecutiveFailures: e.Consecutive, LastSuccess: moment(page.LastSuccess), LastFailure: moment(page.LastFailure),
		LastSync: moment(e.LastSync), DetailBacklog: e.Backlog, WindowSeconds: int64(p.opts.Window / time.Second),
		PendingTotal: page.Pending, Deliveries: []deliveryJSON{}, Hours: []hourJSON{}, Failures: []failureJSON{}, Pending: []pendingJSON{},
	}
	if e.Meta != nil {
		out.URL = e.Meta.URL
	}
	for _, row := range page.Matrix.Rows {
		for i, cell := range row.Cells {
			if cell.Count > 0 {
				out.Deliveries = append(out.Deliveries, deliveryJSON{row.Type, page.Matrix.Codes[i].Name, cell.Count})
			}
		}
	}
	for _, h := range hours {
		out.Hours = append(out.Hours, hourJSON{unix(h.Start), h.Delivered, h.Failed})
	}
	for _, f := range page.Listed {
		out.Failures = append(out.Failures, failureJSON{
			f.EventID, f.Type, moment(f.Created), moment(f.FirstSeen), f.Code, f.Answer, f.Message, f.Asked, moment(f.Healed), !f.History,
		})
	}
	for _, w := range page.Awaited {
		out.Pending = append(out.Pending, pendingJSON{w.EventID, w.Type, moment(w.Created), moment(w.FirstSeen), moment(w.LastAsked)})
	}
	return out
}

type eventJSON struct {
	EventID   string     `json:"event_id"`
	Endpoints []sentJSON `json:"endpoints"`
}

type sentJSON struct {
	EndpointID string       `json:"endpoint_id"`
	Type       string       `json:"event_type"`
	State      string       `json:"state"`
	Created    *time.Time   `json:"created"`
	FirstSeen  *time.Time   `json:"first_seen"`
	LastAsked  *time.Time   `json:"last_asked"`
	Asked      int          `json:"asked,omitempty"`
	Healed     *time.Time   `json:"healed"`
	VideoID    *string      `json:"video_id"`
	VideoUUID  *string      `json:"video_uuid"`
	Counted    bool         `json:"counted"`
	Answers    []answerJSON `json:"answers"` // oldest first
	Omitted    int          `json:"answers_omitted,omitempty"`
}

type answerJSON struct {
	First   *time.Time `json:"first"`
	Last    *time.Time `json:"last"`
	Times   int        `json:"times"`
	Answer  string     `json:"answer"`
	Message string     `json:"message,omitempty"`
	Body    string     `json:"body,omitempty"`
}

func (e eventPage) json() eventJSON {
	out := eventJSON{EventID: e.ID}
	for _, s := range e.Sent {
		sent := sentJSON{
			EndpointID: s.EndpointID, Type: s.Type, State: s.Badge.Word, Created: moment(s.Created), FirstSeen: moment(s.FirstSeen),
			LastAsked: moment(s.LastAsked), Asked: s.Asked, Healed: moment(s.Healed), VideoID: orNull(s.Video.ID), VideoUUID: orNull(s.Video.UUID), Counted: !s.History, Omitted: s.Omitted,
			Answers: []answerJSON{},
		}
		for _, r := range s.Answers {
			sent.Answers = append(sent.Answers, answerJSON{moment(r.At), moment(r.Last), r.Times, r.Answer, r.Message, r.Body})
		}
		out.Endpoints = append(out.Endpoints, sent)
	}
	return out
}

// moment formats a time for JSON; nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
