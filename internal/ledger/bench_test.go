package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const million = 1_000_000

func objectID(b []byte, n int) []byte {
	const digits = "0123456789abcdef"
	b = b[:0]
	h := uint64(n) * 0x9E3779B97F4A7C15
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[h>>shift&15])
	}
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[n>>shift&15])
	}
	return b
}

// listAll reads a newest-first list of n events, one every 50 ms.
func listAll(a *Account, n int, now time.Time, each func()) {
	r := a.Begin("ep", now, now, now)
	var id []byte
	for i := n; i > 0; i-- {
		id = objectID(id, i)
		if r.Note(id, failed, now.Unix()-int64(n-i)/20) {
			a.Apply(r, now)
			if each != nil {
				each()
			}
		}
	}
	a.Apply(r, now)
	a.End(r, true, now)
}

func BenchmarkApplyAtContact(b *testing.B) {
	for b.Loop() {
		a := account(b, "ep")
		listAll(a, million, epoch, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/event")
}

func BenchmarkApplyKnown(b *testing.B) {
	a := account(b, "ep")
	listAll(a, million, epoch, nil)
	a.endpoints["ep"].order.slots()
	b.ReportAllocs()
	began := cpu()
	for b.Loop() {
		listAll(a, million, epoch, nil)
	}
	b.ReportMetric(float64(cpu()-began)/float64(b.N)/million, "cpu-ns/event")
}

// cpu is the time that the process has used: on a busy machine it says more than
// the clock.
func cpu() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// millionFile is a state file with a million events, a quarter of them failing,
// some never asked for.
func millionFile(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "ledger.db")
	f := NewFile(path)
	if err := f.Load(context.Background(), &collector{newRowStore()}); err != nil {
		tb.Fatal(err)
	}
	a := account(tb, "ep")
	commit := func() {
		if err := f.Commit(context.Background(), a.batch()); err != nil {
			tb.Fatal(err)
		}
	}
	n := 0
	listAll(a, million, epoch, func() {
		if n++; n%200 == 0 {
			commit()
		}
	})
	commit()
	e := a.endpoints["ep"]
	for i, ev := range e.slab.all() {
		if i%10 == 0 {
			continue
		}
		next, _ := ev.Answered(response(200+300*one(i%4 == 0)), epoch, time.Minute)
		e.set(i, next)
		if i%100_000 == 1 {
			commit()
		}
	}
	commit()
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

func BenchmarkStartWithMillion(b *testing.B) {
	path := millionFile(b)
	info, _ := os.Stat(path)
	var used time.Duration
	for b.Loop() {
		began := cpu()
		book, _, err := Open(context.Background(), NewFile(path), testURL, testPolicy(), quiet{})
		if err != nil {
			b.Fatal(err)
		}
		used += cpu() - began
		b.StopTimer()
		if n := book.View(epoch).Endpoints[0].Tracked; n != million {
			b.Fatal(n)
		}
		_ = book.Close(context.Background())
		b.StartTimer()
	}
	b.ReportMetric(float64(info.Size())/1e6, "file-MB")
	b.ReportMetric(used.Seconds()*1e3/float64(b.N), "cpu-ms/op")
}

func BenchmarkMemoryOfMillion(b *testing.B) {
	path := millionFile(b)
	info, _ := os.Stat(path)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	book, _, err := Open(context.Background(), NewFile(path), testURL, testPolicy(), quiet{})
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "heap-MB")
	b.ReportMetric(float64(info.Size())/1e6, "file-MB")
	_ = book.Close(context.Background())
}

// Commits against one fdatasync of as many bytes.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "ledger.db")
			f := NewFile(path)
			if err := f.Load(context.Background(), &collector{newRowStore()}); err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			a := account(b, "ep")
			listAll(a, 100_000, epoch, nil)
			if err := f.Commit(context.Background(), a.batch()); err != nil {
				b.Fatal(err)
			}
			plain, err := os.Create(path + ".plain")
			if err != nil {
				b.Fatal(err)
			}
			defer plain.Close()
			bytes := make([]byte, n*80)
			_, _ = plain.WriteAt(bytes, 0)
			next, now := million, epoch
			var sync time.Duration
			var id []byte
			for b.Loop() {
				b.StopTimer()
				now = now.Add(time.Second)
				r := a.Begin("ep", now, now, now)
				for range n {
					next++
					id = objectID(id, next)
					if r.Note(id, failed, now.Unix()) {
						a.Apply(r, now)
					}
				}
				a.Apply(r, now)
				a.End(r, false, now)
				batch := a.batch()
				began := time.Now()
				_, _ = plain.WriteAt(bytes, 0)
				_ = syscall.Fdatasync(int(plain.Fd()))
				sync += time.Since(began)
				b.StartTimer()
				if err := f.Commit(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(sync), "x-fdatasync")
		})
	}
}

// One new event among a thousand endpoints: what every scrape pays.
func BenchmarkThousandEndpoints(b *testing.B) {
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprintf("endpoint-%04d", i))
	}
	a := account(b, ids...)
	for _, id := range ids {
		r := a.Begin(id, epoch, epoch, epoch)
		a.End(r, true, epoch)
	}
	a.batch()
	a.view(epoch)
	n := 0
	change := func() {
		n++
		happen(a, ids[n%1000], epoch.Add(time.Duration(n)*time.Millisecond), hexID(n))
	}
	b.Run("batch and view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			change()
			a.batch()
			a.view(epoch)
		}
	})
	book := &Book{account: a}
	v := a.view(epoch)
	book.view.Store(v)
	b.Run("view with its own clock", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			book.View(epoch.Add(time.Minute))
		}
	})
	b.Run("promote", func(b *testing.B) {
		for b.Loop() {
			a.Promote(epoch)
		}
	})
}
