package ledger

import (
	"fmt"
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

// listAll reads a newest-first list of n events, 50 ms apart.
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
	a.endpoints["ep"].events.order.slots()
	b.ReportAllocs()
	began := cpu()
	for b.Loop() {
		listAll(a, million, epoch, nil)
	}
	b.ReportMetric(float64(cpu()-began)/float64(b.N)/million, "cpu-ns/event")
}

// cpu returns the CPU time of the process, which says more than the clock on a busy machine.
func cpu() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkThousandEndpoints measures the part of a scrape that depends on the number of
// endpoints: one of a thousand has a new event.
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
	a.Batch()
	a.View(epoch)
	n := 0
	change := func() {
		n++
		happen(a, ids[n%1000], epoch.Add(time.Duration(n)*time.Millisecond), hexID(n))
	}
	b.Run("batch and view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			change()
			a.Batch()
			a.View(epoch)
		}
	})
	v := a.View(epoch)
	b.Run("view at a later time", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.AsOf(v, epoch.Add(time.Minute))
		}
	})
	b.Run("promote", func(b *testing.B) {
		for b.Loop() {
			a.Promote(epoch)
		}
	})
}
