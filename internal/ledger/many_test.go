package ledger

import (
	"fmt"
	"testing"
)

// BenchmarkOneAmongMany measures what the ledger does for one of ten thousand lists: it
// collects the changed rows, and finds when something is due next.
func BenchmarkOneAmongMany(b *testing.B) {
	var ids []string
	for i := range 10_000 {
		ids = append(ids, fmt.Sprintf("ep%d", i))
	}
	a := account(b, ids...)
	for _, id := range ids {
		a.End(a.Begin(id, epoch, epoch, epoch), true, epoch)
	}
	a.Promote(epoch)
	a.Batch()
	b.ReportAllocs()
	for b.Loop() {
		r := a.Begin(ids[0], epoch, epoch, epoch)
		a.End(r, true, epoch)
		if rows := len(a.Batch().Endpoints); rows != 1 {
			b.Fatalf("%d rows", rows)
		}
		a.Promote(epoch)
		a.NextDue()
	}
}
