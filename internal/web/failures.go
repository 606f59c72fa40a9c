package web

import (
	"maps"
	"net/url"
	"slices"
	"time"

	"omegastream_exporter/internal/ledger"
)

// failureRow is a failure in a list.
type failureRow struct {
	EventID, Type      string
	Created, FirstSeen time.Time
	Untrusted, History bool
	Code               string // as the label
	Answer             string // in words
	Message            string
	Asked              int
	Healed             time.Time // zero if no later answer was a success
}

// Times returns the exact times of the failure as text.
func (row failureRow) Times() string {
	text := "created " + exact(row.Created)
	if row.Untrusted {
		text += " (when it was first seen: the API sent no valid time)"
	}
	return text + ", first seen " + exact(row.FirstSeen)
}

func failureOf(f *ledger.Failure) failureRow {
	row := failureRow{
		EventID: f.EventID, Type: f.Type, Created: unix(f.Created), FirstSeen: unix(f.FirstSeen),
		Untrusted: f.Untrusted, History: f.History, Code: f.Code.String(), Asked: f.Asked, Healed: unix(f.Healed),
	}
	status := ""
	for _, r := range slices.Backward(f.Answers) { // of the answer that failed, not of the one that healed
		if r.Stage == ledger.Delivered && r.Code == f.Code || r.Stage == ledger.NoResponse && f.Code == ledger.CodeNone {
			status, row.Message = r.Status, r.Message
			break
		}
	}
	row.Answer = codeText(f.Code, f.Reason, status)
	return row
}

// filter selects failures and pending events; an empty member selects all.
type filter struct{ Type, Code string }

func filterOf(q url.Values) filter { return filter{q.Get("type"), q.Get("code")} }

// query returns the filter as a URL query, with one more key.
func (f filter) query(key, value string) string {
	q := url.Values{key: {value}}
	if f.Type != "" {
		q.Set("type", f.Type)
	}
	if f.Code != "" {
		q.Set("code", f.Code)
	}
	return q.Encode()
}

// On reports whether the filter excludes anything.
func (f filter) On() bool { return f != filter{} }

func (f filter) failure(row failureRow) bool {
	return (f.Type == "" || f.Type == row.Type) && (f.Code == "" || f.Code == row.Code)
}

// pending selects no events if the filter has a code, because pending events have none.
func (f filter) pending(row pendingRow) bool {
	return f.Code == "" && (f.Type == "" || f.Type == row.Type)
}

// choices are the values that a filter can have.
type choices struct{ Types, Codes []string }

func choicesOf(failures []failureRow, pending []pendingRow, f filter) choices {
	types, codes := map[string]bool{}, map[string]bool{}
	for _, row := range failures {
		types[row.Type], codes[row.Code] = true, true
	}
	for _, row := range pending {
		types[row.Type] = true
	}
	if f.Type != "" {
		types[f.Type] = true
	}
	if f.Code != "" {
		codes[f.Code] = true
	}
	return choices{slices.Sorted(maps.Keys(types)), slices.Sorted(maps.Keys(codes))}
}
