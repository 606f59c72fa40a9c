package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
)

// BenchmarkPostgresStart measures a start with a million tracked events, and the size of the
// state.
func BenchmarkPostgresStart(b *testing.B) {
	dsn := postgres.NewDatabase(b)
	full := openPostgres(b, dsn, "bench")
	all := storetest.EveryRow(1, 0)
	for i := range 1_000_000 {
		all.Events = append(all.Events, ledger.EventRow{Endpoint: "endpoint-0", Slot: uint32(i), Event: ledger.Event{
			Key: ledger.KeyOf([]byte(storetest.HexID(i))), Time: storetest.Epoch.Unix() - int64(i/20), FirstSeen: storetest.Epoch.Unix(), LastAsk: storetest.Epoch.Unix(),
			Stage: ledger.Delivered, Code: ledger.Code(200 + 300*(i%2)),
		}})
	}
	err := full.Load(context.Background(), ledger.Gather(new(ledger.Batch)))
	if err == nil {
		err = full.Commit(context.Background(), all)
	}
	if err := errors.Join(err, full.Close()); err != nil {
		b.Fatal(err)
	}
	var size int64
	for b.Loop() {
		p := openPostgres(b, dsn, "bench")
		if _, err := ledger.Load(func(rows ledger.Rows) error { return p.Load(context.Background(), rows) }, storetest.URL, storetest.Policy(), true, storetest.Epoch); err != nil {
			b.Fatal(err)
		}
		size = p.Size()
		_ = p.Close()
	}
	b.ReportMetric(float64(size)/1e6, "MB")
}

// BenchmarkPostgresCommit measures the commit of new events, and BenchmarkPostgresFollow how
// another replica follows it.
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
	for _, p := range []*Store{writer, reader} {
		if err := p.Load(ctx, ledger.Gather(new(ledger.Batch))); err != nil {
			b.Fatal(err)
		}
	}
	if err := writer.Commit(ctx, storetest.EveryRow(1, 0)); err != nil {
		b.Fatal(err)
	}
	var took time.Duration
	serial := 0
	for b.Loop() {
		batch := &ledger.Batch{Endpoints: storetest.EveryRow(1, 0).Endpoints}
		for range n {
			serial++
			batch.Events = append(batch.Events, ledger.EventRow{Endpoint: "endpoint-0", Slot: uint32(serial), Event: ledger.Event{
				Key: ledger.KeyOf([]byte(storetest.HexID(serial))), Time: storetest.Epoch.Unix(), FirstSeen: storetest.Epoch.Unix(), Stage: ledger.Listed,
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

// BenchmarkPostgresTurn measures a sync of one endpoint without its list: taking the lease,
// and the commit that releases it.
func BenchmarkPostgresTurn(b *testing.B) {
	dsn := postgres.NewDatabase(b)
	ctx := context.Background()
	st, _, err := state.Open(ctx, openPostgres(b, dsn, "bench"), storetest.URL, storetest.Policy(), storetest.Quiet{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close(ctx)
	for b.Loop() {
		led, err := st.Lead(ctx)
		if err != nil || led == nil {
			b.Fatal(led, err)
		}
		storetest.MakeKnown(st, "ep")
		storetest.ReadOn(st, "ep", nil)
		st.Synced(led, ledger.SyncRecord{Result: "success"})
		if err := st.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
