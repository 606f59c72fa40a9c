package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/test/needs"
)

// collected is every row of a store, in the order of a store double.
func collect(t testing.TB, s Store) (*rowStore, error) {
	t.Helper()
	c := &collector{rows: newRowStore()}
	err := s.Load(context.Background(), c)
	return c.rows, errors.Join(err, s.Close())
}

type collector struct{ rows *rowStore }

func (c *collector) Account(r AccountRow) error { return c.put(Batch{Account: &r}) }
func (c *collector) Endpoint(r EndpointRow) error {
	return c.put(Batch{Endpoints: []EndpointRow{r}})
}
func (c *collector) Series(r SeriesRow) error   { return c.put(Batch{Series: []SeriesRow{r}}) }
func (c *collector) Latency(r LatencyRow) error { return c.put(Batch{Latencies: []LatencyRow{r}}) }
func (c *collector) Event(r EventRow) error     { return c.put(Batch{Events: []EventRow{r}}) }
func (c *collector) Failure(r FailureRow) error {
	return c.put(Batch{Failures: []FailureRow{r}})
}
func (c *collector) Trace(r TraceRow) error { return c.put(Batch{Traces: []TraceRow{r}}) }
func (c *collector) put(b Batch) error      { return c.rows.Commit(context.Background(), &b) }

// everyRow is a batch with a row of every kind, for n endpoints of m events.
func everyRow(n, m int) *Batch {
	b := &Batch{Account: &AccountRow{APIURL: testURL, CompanyID: "co", Created: epoch, Types: []string{"video.odd"}, LastListing: epoch}}
	for i := range n {
		id := fmt.Sprintf("endpoint-%d", i)
		b.Endpoints = append(b.Endpoints, EndpointRow{
			ID: id, Meta: &Meta{URL: "https://example.com", Events: []string{"video.deleted"}, Active: true, CreatedAt: epoch},
			Contact: epoch, StopMark: 7, Cutoff: 5, Listed: m,
			Standing:  Standing{Last: Mark{true, 9, KeyOf([]byte("x")), 500}, Forgotten: 3},
			LastEvent: []TypeTime{{3, 99}},
		})
		b.Latencies = append(b.Latencies, LatencyRow{Endpoint: id, Counts: LatencyCounts{Sum: 1.5}, Born: epoch, Released: true})
		for code := range 6 {
			b.Series = append(b.Series, SeriesRow{
				Endpoint: id, Key: SeriesKey{Kind: CountDeliveries, Type: 5, Code: Code(200 + code)}, Value: uint64(code) << 40, Born: epoch, Released: code%2 == 0,
				Exemplar: Exemplar{EventID: hexID(code), Created: 4, Observed: epoch},
			})
		}
		for j := range m {
			r := EventRow{Endpoint: id, Slot: uint32(3 * j), Event: Event{
				Key: KeyOf([]byte(hexID(j))), Time: epoch.Unix() + int64(j), FirstSeen: epoch.Unix() + 5, FirstEmpty: int64(j % 2),
				LastAsk: 77, Type: 12, Code: 503, State: Delivered, Reason: ReasonDNS, Tries: 255, Flags: Timely | Heard,
			}}
			switch j % 4 {
			case 1:
				r.ID = fmt.Sprintf("odd id \xff %d", j)
				r.Event.Key = KeyOf([]byte(r.ID))
			case 2:
				r.Event.Flags |= Untrusted
				r.Relisted = epoch.Unix()
			}
			b.Events = append(b.Events, r)
			if j < 12 {
				b.Failures = append(b.Failures, failureRow(id, r))
			}
			b.Traces = append(b.Traces, traceRowOf(id, r, j))
		}
	}
	return b
}

// traceRowOf is the trace of an event, with names of its video of every kind.
func traceRowOf(endpoint string, r EventRow, n int) TraceRow {
	row := TraceRow{Endpoint: endpoint, Time: r.Event.Time, Key: r.Event.Key, Trace: Trace{Asked: uint32(n), Code: 503}}
	row.Odd = row.Trace.SetVideo([]Video{
		{hexID(n), "a0dc8dbf-3126-4805-89a1-662a33331f93"}, {ID: "odd \xff id", UUID: "odd"}, {}, {UUID: "A0DC8DBF-3126-4805-89a1-662a33331f93"},
	}[n%4])
	if n%3 == 0 {
		row.Trace.Code, row.Trace.Reason, row.Trace.Healed = CodeNone, ReasonTLS, 99
	}
	return row
}

// failureRow is a failure with something in every field.
func failureRow(endpoint string, r EventRow) FailureRow {
	id := r.ID
	if id == "" {
		id = r.Event.Key.PlainID()
	}
	return FailureRow{Endpoint: endpoint, Time: r.Event.Time, Key: r.Event.Key, Failure: &Failure{
		EventID: id, Type: "video.odd", Created: r.Event.Time, Untrusted: true, History: true, FirstSeen: 5, Asked: 7,
		Code: CodeNone, Reason: ReasonDNS, Healed: 9, Omitted: 2,
		Replies: []Reply{
			{At: 1, Last: 2, Times: 3, State: Pending},
			{At: 4, Last: 4, Times: 1, State: NoResponse, Reason: ReasonDNS, Message: "no such host", Body: "<b>\n"},
			{At: 9, Last: 9, Times: 1, State: Delivered, Code: 200, Status: "200 OK"},
		},
	}}
}

// written is a state file with those rows, and its content.
func written(t testing.TB, batches ...*Batch) (path string, rows *rowStore) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ledger.db")
	f := NewFile(path)
	if err := f.Load(context.Background(), &collector{newRowStore()}); err != nil {
		t.Fatal(err)
	}
	rows = newRowStore()
	for _, b := range batches {
		_ = rows.Commit(context.Background(), b)
		if err := f.Commit(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path, rows
}

// same reports whether two stores hold the same rows.
func same(a, b *rowStore) bool {
	plain := func(s *rowStore) rowStore {
		return rowStore{account: s.account, endpoints: s.endpoints, series: nonEmpty(s.series), latencies: s.latencies, events: nonEmpty(s.events), failures: nonEmpty(s.failures), traces: nonEmpty(s.traces)}
	}
	x, y := plain(a), plain(b)
	return reflect.DeepEqual(&x, &y)
}

func nonEmpty[K comparable, V any](m map[string]map[K]V) map[string]map[K]V {
	out := make(map[string]map[K]V)
	for id, rows := range m {
		if len(rows) > 0 {
			out[id] = rows
		}
	}
	return out
}

func TestFileKeepsEveryRow(t *testing.T) {
	t.Parallel()
	path, want := written(t, everyRow(3, 40))
	got, err := collect(t, NewFile(path))
	if err != nil {
		t.Fatal(err)
	}
	if !same(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

func TestFileCommitTwiceIsCommitOnce(t *testing.T) {
	t.Parallel()
	b := everyRow(2, 20)
	path, want := written(t, b, b)
	if got, err := collect(t, NewFile(path)); err != nil || !same(got, want) {
		t.Errorf("%v, got\n%+v, want\n%+v", err, got, want)
	}
}

func TestFileDropsAllOfAnEndpoint(t *testing.T) {
	t.Parallel()
	b := everyRow(3, 40)
	b.Endpoints[1].ID = "endpoint-1x" // one whose id begins like another's
	path, want := written(t, b, &Batch{Dropped: []string{"endpoint-1", "endpoint-2", "never known"}})
	got, err := collect(t, NewFile(path))
	if err != nil || !same(got, want) {
		t.Errorf("%v, got\n%+v, want\n%+v", err, got, want)
	}
	if len(got.events) != 1 || len(got.endpoints) != 2 {
		t.Errorf("%d endpoints, events of %d", len(got.endpoints), len(got.events))
	}
}

func TestFileEmptiesSlots(t *testing.T) {
	t.Parallel()
	b := everyRow(1, 40)
	free := &Batch{}
	for _, r := range b.Events[3:39] {
		free.Events = append(free.Events, EventRow{Endpoint: r.Endpoint, Slot: r.Slot})
	}
	path, want := written(t, b, free)
	if got, err := collect(t, NewFile(path)); err != nil || !same(got, want) {
		t.Errorf("%v, got\n%+v, want\n%+v", err, got, want)
	}
}

// harm loads a copy of a state file after something was done to it. The outcome
// must be what was written, or ErrUnreadable.
type harm struct {
	path string
	want *rowStore
}

func (h *harm) check(t testing.TB, content []byte, what string) (readable bool) {
	t.Helper()
	if err := os.WriteFile(h.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := collect(t, NewFile(h.path))
	switch {
	case errors.Is(err, ErrUnreadable):
		return false
	case err != nil:
		t.Errorf("%s: %v", what, err)
	case !same(got, h.want):
		t.Errorf("%s: wrong rows", what)
	}
	return true
}

func TestFileWithAnyBitFlipped(t *testing.T) {
	t.Parallel()
	path, want := written(t, everyRow(1, 12), everyRow(1, 8))
	h := &harm{path, want}
	_, _ = collect(t, NewFile(path))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h.path = filepath.Join(memoryFolder(t), "flipped.db")
	step := 61 // LEDGER_EXHAUSTIVE=1 flips every bit, in a minute and a half
	if os.Getenv("LEDGER_EXHAUSTIVE") != "" {
		step = 1
	}
	readable := 0
	for bit := 0; bit < len(content)*8; bit += step {
		harmed := slices.Clone(content)
		harmed[bit/8] ^= 1 << (bit % 8)
		if h.check(t, harmed, fmt.Sprintf("bit %d of byte %d", bit%8, bit/8)) {
			readable++
		}
	}
	t.Logf("%d of %d bits did no harm", readable*step, len(content)*8)
}

func TestLargeFileWithBitsFlipped(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	path, want := written(t, everyRow(2, 3000))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := &harm{filepath.Join(memoryFolder(t), "flipped.db"), want}
	step := 13
	if os.Getenv("LEDGER_EXHAUSTIVE") != "" {
		step = 1
	}
	for page := 0; page < len(content)/4096; page += step {
		for _, at := range []int{0, 8, 10, 12, 16, 20, 24, 28, 33, 1000 + page} { // headers, elements, content
			harmed := slices.Clone(content)
			harmed[page*4096+at] ^= 1 << (page % 8)
			h.check(t, harmed, fmt.Sprintf("byte %d of page %d", at, page))
		}
	}
}

func TestFileCutAnywhere(t *testing.T) {
	t.Parallel()
	path, want := written(t, everyRow(1, 300))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c := checker{file: file}
	if err := c.readMetas(); err != nil {
		t.Fatal(err)
	}
	need := int(c.meta.pages) * int(c.meta.pageSize)
	h := &harm{filepath.Join(memoryFolder(t), "cut.db"), want}
	check := func(size int) {
		if h.check(t, content[:size], fmt.Sprintf("cut at %d", size)) && size < need {
			t.Errorf("cut at %d of %d and still readable", size, need)
		}
	}
	for size := 0; size < len(content); size += 509 {
		check(size)
	}
	for size := 4096; size < len(content); size += 4096 {
		check(size - 1)
		check(size)
		check(size + 1)
	}
}

// bbolt looks keys up by their order: a branch that points astray hides records
// from the next commit, although every one of them can still be read.
func TestKeysOutOfOrder(t *testing.T) {
	t.Parallel()
	path, _ := written(t, everyRow(2, 3000))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	used := checker{file: whole}
	if err := used.check(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(memoryFolder(t), "order.db")
	order := binary.NativeEndian
	tried := map[uint16]int{}
	for at := 2 * 4096; at+4096 <= len(content); at += 4096 {
		page := content[at : at+4096]
		kind, count := order.Uint16(page[8:]), order.Uint16(page[10:])
		if kind != branchPage && kind != leafPage || count < 3 || !used.seen[at/4096] {
			continue
		}
		key := 16 + 16 + int(order.Uint32(page[16+16:])) // of the second element of a branch
		if kind == leafPage {
			key = 16 + 16 + int(order.Uint32(page[16+16+4:]))
		}
		for _, to := range []byte{0, 0xff} {
			harmed := slices.Clone(content)
			harmed[at+key] = to
			if err := os.WriteFile(path, harmed, 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := checkFile(file); !errors.Is(err, ErrUnreadable) {
				t.Errorf("page %d, kind %d, key begins with %#x: %v", at/4096, kind, to, err)
			}
			tried[kind]++
			_ = file.Close()
		}
	}
	if tried[branchPage] < 2 || tried[leafPage] < 10 {
		t.Errorf("tried only %v", tried)
	}
}

func TestFileWithZeroedPages(t *testing.T) {
	t.Parallel()
	path, want := written(t, everyRow(1, 300), everyRow(1, 250))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := &harm{filepath.Join(memoryFolder(t), "zeroed.db"), want}
	for at := 0; at < len(content); at += 4096 {
		for _, n := range []int{512, 4096, 8192} {
			harmed := slices.Clone(content)
			clear(harmed[at:min(at+n, len(harmed))])
			h.check(t, harmed, fmt.Sprintf("%d zeros at %d", n, at))
		}
	}
}

// One record that takes another's place has a right checksum, but not there.
func TestFileWithPagesSwapped(t *testing.T) {
	t.Parallel()
	path, want := written(t, everyRow(2, 600))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := &harm{filepath.Join(memoryFolder(t), "swapped.db"), want}
	for a := 0; a+4096 < len(content); a += 4096 {
		b := a + 4096
		harmed := slices.Concat(content[:a], content[b:b+4096], content[a:b], content[b+4096:])
		h.check(t, harmed, fmt.Sprintf("pages at %d and %d swapped", a, b))
		copy(harmed[a:], content[a:b]) // the same page twice
		h.check(t, harmed, fmt.Sprintf("page at %d twice", a))
	}
}

// memoryFolder is a folder where writing costs little.
func memoryFolder(t testing.TB) string {
	t.Helper()
	if dir, err := os.MkdirTemp("/dev/shm", "ledger"); err == nil { //nolint:usetesting // TempDir is on a disk
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		return dir
	}
	return t.TempDir()
}

func TestOpenSetsUnreadableContentAside(t *testing.T) {
	t.Parallel()
	path, _ := written(t, everyRow(1, 10))
	harmed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	withoutMetas := slices.Clone(harmed)
	clear(withoutMetas[:2*4096])
	for i := 2 * 4096; i < len(harmed); i += 4096 {
		harmed[i+8] ^= 1 << 6 // what kind of page it is
	}
	for _, row := range []struct {
		name    string
		content []byte
		mode    os.FileMode
	}{
		{"bit", harmed, 0o644},
		{"cut in its first page", harmed[:100], 0o644},
		{"without meta pages", withoutMetas, 0o600},
		{"empty", nil, 0o600},
		{"zeros", make([]byte, 1<<16), 0o600},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ledger.db")
			if err := os.WriteFile(path, row.content, row.mode); err != nil {
				t.Fatal(err)
			}
			b, how, err := Open(context.Background(), NewFile(path), testURL, testPolicy(), quiet{})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close(context.Background())
			if !errors.Is(how.Cause, ErrUnreadable) || !strings.HasPrefix(how.SetAside, path+".unreadable-") {
				t.Errorf("%+v", how)
			}
			if kept, err := os.ReadFile(how.SetAside); err != nil || !bytes.Equal(kept, row.content) {
				t.Errorf("%v, set aside %d bytes, want %d", err, len(kept), len(row.content))
			}
			mode(t, how.SetAside, 0o600)
			v := b.View(time.Now())
			b.Do(func(a *Account) { // a complete scrape, and the hold after it
				a.Shown(v, time.Now())
				a.Release(time.Now().Add(testPolicy().Hold))
			})
			if err := b.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			if after := b.View(time.Now()); v.Resets != 0 || after.Resets != 1 {
				t.Errorf("resets %d, then %d, want 0, then 1", v.Resets, after.Resets)
			}
			mode(t, path, 0o600)
		})
	}
}

func mode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != want {
		t.Errorf("%v, %s has mode %v, want %v", err, path, info.Mode(), want)
	}
}

func TestSetAsideNamesAreFree(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
	for _, want := range []string{"", "-2", "-3"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		f := NewFile(path)
		if err := f.Load(context.Background(), &collector{newRowStore()}); !errors.Is(err, ErrUnreadable) {
			t.Fatal(err)
		}
		where, err := f.SetAside(at)
		if err != nil || where != path+".unreadable-20260304T040607Z"+want {
			t.Errorf("%v, %s", err, where)
		}
		_ = f.Close()
	}
	left, _ := filepath.Glob(path + ".new*")
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
