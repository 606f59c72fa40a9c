package ledger

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"omegastream_exporter/internal/test/postgres"
)

// BenchmarkPostgresStart is the start over a million tracked events, and how much the
// state takes.
func BenchmarkPostgresStart(b *testing.B) {
	dsn := postgres.NewDatabase(b)
	full := openPostgres(b, dsn, "bench")
	all := everyRow(1, 0)
	for i := range 1_000_000 {
		all.Events = append(all.Events, EventRow{Endpoint: "endpoint-0", Slot: uint32(i), Event: Event{
			Key: KeyOf([]byte(hexID(i))), Time: epoch.Unix() - int64(i/20), FirstSeen: epoch.Unix(), LastAsk: epoch.Unix(),
			State: Delivered, Code: Code(200 + 300*(i%2)),
		}})
	}
	err := full.Load(context.Background(), Gather(new(Batch)))
	if err == nil {
		err = full.Commit(context.Background(), all)
	}
	if err := errors.Join(err, full.Close()); err != nil {
		b.Fatal(err)
	}
	var size int64
	for b.Loop() {
		p := openPostgres(b, dsn, "bench")
		if _, err := load(context.Background(), p, testURL, testPolicy(), epoch); err != nil {
			b.Fatal(err)
		}
		size = p.Size()
		_ = p.Close()
	}
	b.ReportMetric(float64(size)/1e6, "MB")
}

// BenchmarkPostgresCommit is the commit of new events, and BenchmarkPostgresFollow
// what another replica has to do for it.
func BenchmarkPostgresCommit(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { commits(b, n, false) })
	}
}

func BenchmarkPostgresFollow(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { commits(b, n, true) })
	}
}

func commits(b *testing.B, n int, follow bool) {
	dsn := postgres.NewDatabase(b)
	ctx := context.Background()
	writer, reader := openPostgres(b, dsn, "bench"), openPostgres(b, dsn, "bench")
	defer writer.Close()
	defer reader.Close()
	for _, p := range []*Postgres{writer, reader} {
		if err := p.Load(ctx, Gather(new(Batch))); err != nil {
			b.Fatal(err)
		}
	}
	if err := writer.Commit(ctx, everyRow(1, 0)); err != nil {
		b.Fatal(err)
	}
	var took time.Duration
	serial := 0
	for b.Loop() {
		batch := &Batch{Endpoints: everyRow(1, 0).Endpoints}
		for range n {
			serial++
			batch.Events = append(batch.Events, EventRow{Endpoint: "endpoint-0", Slot: uint32(serial), Event: Event{
				Key: KeyOf([]byte(hexID(serial))), Time: epoch.Unix(), FirstSeen: epoch.Unix(), State: Listed,
			}})
		}
		began := time.Now()
		if err := writer.Commit(ctx, batch); err != nil {
			b.Fatal(err)
		}
		if follow {
			began = time.Now()
			if _, _, err := reader.Follow(ctx); err != nil {
				b.Fatal(err)
			}
		}
		took += time.Since(began)
	}
	b.ReportMetric(float64(took.Microseconds())/float64(b.N), "us/one")
}

// BenchmarkPostgresTurn is what a sync of one endpoint costs beside its list: the lease,
// and the commit that gives it back.
func BenchmarkPostgresTurn(b *testing.B) {
	dsn := postgres.NewDatabase(b)
	ctx := context.Background()
	book, _, err := Open(ctx, openPostgres(b, dsn, "bench"), testURL, testPolicy(), quiet{})
	if err != nil {
		b.Fatal(err)
	}
	defer book.Close(ctx)
	for b.Loop() {
		led, err := book.Lead(ctx)
		if err != nil || led == nil {
			b.Fatal(led, err)
		}
		makeKnown(book, "ep")
		readOn(book, "ep", nil)
		book.Synced(led, SyncRecord{Result: "success"})
		if err := book.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
