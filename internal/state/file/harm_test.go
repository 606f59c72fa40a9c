package file

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/needs"
)

// written writes a state file with the rows, and returns its path and content.
func written(t testing.TB, batches ...*ledger.Batch) (path string, rows *storetest.Double) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ledger.db")
	f := New(path)
	if err := f.Load(context.Background(), ledger.Gather(new(ledger.Batch))); err != nil {
		t.Fatal(err)
	}
	rows = storetest.NewDouble()
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

func TestFileKeepsEveryRow(t *testing.T) {
	t.Parallel()
	path, want := written(t, storetest.EveryRow(3, 40))
	got, err := storetest.Collect(t, New(path))
	if err != nil {
		t.Fatal(err)
	}
	if !storetest.Same(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

func TestFileCommitTwiceIsCommitOnce(t *testing.T) {
	t.Parallel()
	b := storetest.EveryRow(2, 20)
	path, want := written(t, b, b)
	if got, err := storetest.Collect(t, New(path)); err != nil || !storetest.Same(got, want) {
		t.Errorf("%v, got\n%+v, want\n%+v", err, got, want)
	}
}

func TestFileDropsAllOfAnEndpoint(t *testing.T) {
	t.Parallel()
	b := storetest.EveryRow(3, 40)
	b.Endpoints[1].ID = "endpoint-1x" // an id that starts with that of another endpoint
	path, want := written(t, b, &ledger.Batch{Dropped: []string{"endpoint-1", "endpoint-2", "never known"}})
	got, err := storetest.Collect(t, New(path))
	if err != nil || !storetest.Same(got, want) {
		t.Errorf("%v, got\n%+v, want\n%+v", err, got, want)
	}
	if len(got.Events) != 1 || len(got.Endpoints) != 2 {
		t.Errorf("%d endpoints, events of %d", len(got.Endpoints), len(got.Events))
	}
}

func TestFileEmptiesSlots(t *testing.T) {
	t.Parallel()
	b := storetest.EveryRow(1, 40)
	free := &ledger.Batch{}
	for _, r := range b.Events[3:39] {
		free.Events = append(free.Events, ledger.EventRow{Endpoint: r.Endpoint, Slot: r.Slot})
	}
	path, want := written(t, b, free)
	if got, err := storetest.Collect(t, New(path)); err != nil || !storetest.Same(got, want) {
		t.Errorf("%v, got\n%+v, want\n%+v", err, got, want)
	}
}

// harm loads damaged copies of a state file. The result must be the original content, or
// ErrUnreadable.
type harm struct {
	path string
	want *storetest.Double
}

func (h *harm) check(t testing.TB, content []byte, what string) (readable bool) {
	t.Helper()
	if err := os.WriteFile(h.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := storetest.Collect(t, New(h.path))
	switch {
	case errors.Is(err, ledger.ErrUnreadable):
		return false
	case err != nil:
		t.Errorf("%s: %v", what, err)
	case !storetest.Same(got, h.want):
		t.Errorf("%s: wrong rows", what)
	}
	return true
}

func TestFileWithAnyBitFlipped(t *testing.T) {
	t.Parallel()
	path, want := written(t, storetest.EveryRow(1, 12), storetest.EveryRow(1, 8))
	h := &harm{path, want}
	_, _ = storetest.Collect(t, New(path))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h.path = filepath.Join(memoryFolder(t), "flipped.db")
	step := 61 * needs.Count(11, 1) // LEDGER_EXHAUSTIVE=1 flips every bit, in a minute and a half
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
	t.Logf("%d of %d flipped bits are harmless", readable*step, len(content)*8)
}

func TestLargeFileWithBitsFlipped(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	path, want := written(t, storetest.EveryRow(2, 3000))
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
	path, want := written(t, storetest.EveryRow(1, 300))
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
			t.Errorf("readable although cut at %d of %d", size, need)
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

// bbolt finds keys by their order: a branch that points to the wrong page hides records from
// the next commit, although every record is still readable.
func TestKeysOutOfOrder(t *testing.T) {
	t.Parallel()
	path, _ := written(t, storetest.EveryRow(2, 3000))
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
			if err := checkFile(file); !errors.Is(err, ledger.ErrUnreadable) {
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
	path, want := written(t, storetest.EveryRow(1, 300), storetest.EveryRow(1, 250))
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

// A page in the place of another one has right checksums, but in the wrong place.
func TestFileWithPagesSwapped(t *testing.T) {
	t.Parallel()
	path, want := written(t, storetest.EveryRow(2, 600))
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

// memoryFolder returns a folder where writing is cheap.
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
	path, _ := written(t, storetest.EveryRow(1, 10))
	harmed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	withoutMetas := slices.Clone(harmed)
	clear(withoutMetas[:2*4096])
	for i := 2 * 4096; i < len(harmed); i += 4096 {
		harmed[i+8] ^= 1 << 6 // the type of the page
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
			b, how, err := state.Open(context.Background(), New(path), storetest.URL, storetest.Policy(), storetest.Quiet{})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close(context.Background())
			if !errors.Is(how.Cause, ledger.ErrUnreadable) || !strings.HasPrefix(how.SetAside, path+".unreadable-") {
				t.Errorf("%+v", how)
			}
			if kept, err := os.ReadFile(how.SetAside); err != nil || !bytes.Equal(kept, row.content) {
				t.Errorf("%v, set aside %d bytes, want %d", err, len(kept), len(row.content))
			}
			mode(t, how.SetAside, 0o600)
			v := b.View(time.Now())
			b.Do(func(a *ledger.Account) { // a complete scrape, and the hold after it
				a.Shown(v, time.Now())
				a.Release(time.Now().Add(storetest.Policy().Hold))
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
		f := New(path)
		if err := f.Load(context.Background(), ledger.Gather(new(ledger.Batch))); !errors.Is(err, ledger.ErrUnreadable) {
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
