package ledger

import (
	"slices"
	"time"
)

// AccountRow is the stored row of the account.
type AccountRow struct {
	APIURL      string    `json:"api_url"` // normalised
	CompanyID   string    `json:"company_id"`
	Created     time.Time `json:"created"`          // when this state began
	Resets      uint64    `json:"resets"`           // states set aside before this one
	FoldedTypes uint64    `json:"folded_types"`     // events counted under TypeOther
	Era         uint64    `json:"era,omitempty"`    // times that the counters were reset on purpose
	Types       []string  `json:"types"`            // how often the counters were reset on purpose
	LastListing time.Time `json:"last_listing"`     // admitted beyond the documented ones, in order
	LastSync    time.Time `json:"last_sync"`        // end of the last sync that succeeded for every endpoint
	Started     time.Time `json:"started,omitzero"` // the last start with a state that is not shared
}

// Clone returns a copy that shares nothing with the row.
func (r AccountRow) Clone() AccountRow {
	r.Types = slices.Clone(r.Types)
	return r
}

// Meta is what the API says about an endpoint. Its URL is already reduced.
type Meta struct {
	URL         string    `json:"url"`
	Description string    `json:"description"`
	Events      []string  `json:"events"`
	Active      bool      `json:"active"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

func (m Meta) equal(o Meta) bool {
	return m.URL == o.URL && m.Description == o.Description && m.Active == o.Active &&
		m.CreatedAt.Equal(o.CreatedAt) && m.UpdatedAt.Equal(o.UpdatedAt) && slices.Equal(m.Events, o.Events)
}

// TypeTime is a time, in Unix seconds, by event type.
type TypeTime struct {
	Type TypeID `json:"type"`
	Time int64  `json:"time"`
}

// EndpointRow is the stored row of an endpoint, besides its events and counters. Zero times
// mean never.
type EndpointRow struct {
	ID   string `json:"id"`
	Meta *Meta  `json:"meta"` // nil until the account has listed it

	Contact        time.Time `json:"contact"`
	StopMark       int64     `json:"stop_mark"` // Unix seconds
	Cutoff         int64     `json:"cutoff"`    // Unix seconds
	LastSufficient time.Time `json:"last_sufficient"`
	LastFull       time.Time `json:"last_full"`
	LastRead       time.Time `json:"last_read,omitzero"`   // end of the last read, however it ended
	ReadError      string    `json:"read_error,omitempty"` // its kind of error; "" for none
	Listed         int       `json:"listed"`               // events in the last full read
	Unordered      bool      `json:"unordered"`
	Late           int64     `json:"late,omitempty"`   // seconds by which events came later than newer ones
	Skipped        Skipped   `json:"skipped,omitzero"` // since the last read of the whole overlap

	Missed time.Time `json:"missed"` // first of the successful listings without it
	Gone   time.Time `json:"gone"`   // when its series were removed

	Tracked   int        `json:"tracked"` // number of events in this row's commit: a hint for loading
	Standing  Standing   `json:"standing"`
	LastEvent []TypeTime `json:"last_event"`
}

// Clone returns a copy that shares nothing with the row.
func (r EndpointRow) Clone() EndpointRow {
	if r.Meta != nil {
		m := *r.Meta
		m.Events = slices.Clone(m.Events)
		r.Meta = &m
	}
	r.LastEvent = slices.Clone(r.LastEvent)
	return r
}

// Skipped is how far back the next read of the whole overlap must go, to find what earlier
// reads left out; zero if they left out nothing.
type Skipped struct {
	Since time.Time `json:"since"` // start of the first of these reads
	Mark  int64     `json:"mark"`  // the stop mark with which it began, Unix seconds
}

// CounterRow is one counter of an endpoint.
type CounterRow struct {
	Endpoint string
	Key      CounterKey
	Value    uint64
	Born     time.Time
	Released bool
	Exemplar Exemplar
}

// LatencyRow is an endpoint's latency histogram.
type LatencyRow struct {
	Endpoint string        `json:"endpoint"`
	Counts   LatencyCounts `json:"counts"`
	Born     time.Time     `json:"born"`
	Released bool          `json:"released"`
}

// EventRow is one event in its slot. A Free event empties the slot.
type EventRow struct {
	Endpoint string
	Slot     uint32
	Event    Event
	ID       string // of a hashed key; "" for 24 hex digits
	Relisted int64  // last full read that listed an untrusted event, Unix seconds
}

// FailureRow is one failure kept for people, by its place in the order of creation. A nil
// Failure deletes the row. The Failure is shared and never changes.
type FailureRow struct {
	Endpoint string
	Time     int64
	Key      Key
	Failure  *Failure
}

// TraceRow is what is kept of a failed delivery besides its event, by the event's place in
// the order of creation.
type TraceRow struct {
	Endpoint string
	Time     int64
	Key      Key
	Trace    Trace
	Odd      Video // ids of the video that do not fit into the trace
	Gone     bool  // deletes the row
}

// SyncRecord is the last sync, whichever replica made it.
type SyncRecord struct {
	Number uint64 // 0 before the first
	Result string
	Took   time.Duration
	Rest   time.Duration // minimum time from its end to the start of the next one
	Ended  time.Time
	Ours   bool
}

// Batch is a set of rows that a store makes durable together. Each row replaces
// the one with the same identity, so committing a batch twice is the same as
// committing it once.
type Batch struct {
	Account   *AccountRow // nil if unchanged
	Endpoints []EndpointRow
	Counters  []CounterRow
	Latencies []LatencyRow
	Events    []EventRow
	Failures  []FailureRow
	Traces    []TraceRow
	Dropped   []string // endpoints to delete with all their rows, before the rest is stored

	// Failed are the failures that the batch counts, for observers. No store keeps them.
	Failed []FailedDelivery

	// For a shared store only.
	Fence   uint64      // of the lease under which the batch was made; 0 if none is needed
	Release bool        // the batch releases the lease
	Sync    *SyncRecord // a sync that ended; the store sets its number and time
	Limits  []byte      // of the API calls, for the next leader
	Reset   bool        // the counters were reset: no replica can continue older ones
}

// Rows returns the number of rows that the batch changes.
func (b *Batch) Rows() int {
	n := len(b.Endpoints) + len(b.Counters) + len(b.Latencies) + len(b.Events) + len(b.Failures) + len(b.Traces) + len(b.Dropped)
	if b.Account != nil {
		n++
	}
	return n
}

// Rows receives the rows of a store. An error wraps [ErrUnreadable] if rows contradict each
// other.
type Rows interface {
	Account(AccountRow) error
	Endpoint(EndpointRow) error
	Counter(CounterRow) error
	Latency(LatencyRow) error
	Event(EventRow) error
	Failure(FailureRow) error
	Trace(TraceRow) error
}

// Gather returns Rows that collect everything in a batch.
func Gather(b *Batch) Rows { return gather{b} }

type gather struct{ b *Batch }

func (g gather) Account(r AccountRow) error {
	g.b.Account = &r
	return nil
}

func (g gather) Endpoint(r EndpointRow) error {
	g.b.Endpoints = append(g.b.Endpoints, r)
	return nil
}

func (g gather) Counter(r CounterRow) error {
	g.b.Counters = append(g.b.Counters, r)
	return nil
}

func (g gather) Latency(r LatencyRow) error {
	g.b.Latencies = append(g.b.Latencies, r)
	return nil
}

func (g gather) Event(r EventRow) error {
	g.b.Events = append(g.b.Events, r)
	return nil
}

func (g gather) Failure(r FailureRow) error {
	g.b.Failures = append(g.b.Failures, r)
	return nil
}

func (g gather) Trace(r TraceRow) error {
	g.b.Traces = append(g.b.Traces, r)
	return nil
}

// Empty reports whether there is nothing to store.
func (b *Batch) Empty() bool { return b.Rows() == 0 && !b.Reset && !b.Release && b.Sync == nil }
