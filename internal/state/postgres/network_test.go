package postgres

import (
	"context"
	"testing"
	"time"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
)

// happened returns n new events.
func happened(n int) []storetest.Item {
	items := make([]storetest.Item, n)
	for i := range items {
		items[i] = storetest.Item{ID: storetest.HexID(i), Type: "video.deleted", Created: time.Now().Unix()}
	}
	return items
}

// If a leader's commits are lost on the way to the database, it loses the lease although its
// heartbeats arrive. The other replica counts what was lost, and both show it.
func TestLeaderWhoseCommitsAreSwallowed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dsn := postgres.NewDatabase(t)
	between, through := proxied(t, dsn)
	a, b := replica(t, through, noHolds()), replica(t, dsn, noHolds())
	led := storetest.Lead(t, a)
	storetest.MakeKnown(a, "ep")
	storetest.ReadOn(a, "ep", nil)
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	const longest = 4000 // between the length of a heartbeat and that of a commit of 600 events
	between.Swallow(longest)
	sent := between.Counts().Transactions
	storetest.Eventually(t, func() bool { return between.Counts().Transactions >= sent+2 })
	if led.Err() != nil || between.Counts().Swallowed > 0 {
		t.Fatalf("the heartbeats do not arrive: %+v", between.Counts())
	}
	items := happened(600)
	end := b.Watch()
	defer end()
	storetest.ReadOn(a, "ep", items)
	began := time.Now()
	var next context.Context
	storetest.Eventually(t, func() bool {
		lead, err := b.Lead(ctx)
		next = lead //nolint:fatcontext // not a child of the previous one
		return err == nil && lead != nil
	})
	took := time.Since(began)
	if a.SurelyLeads() {
		t.Error("two lead at once")
	}
	if between.Counts().Swallowed == 0 {
		t.Error("the commit arrived")
	}
	if took > state.LeaseFor+15*time.Second { // on a busy machine
		t.Errorf("the other replica leads after %v", took)
	}
	storetest.ReadOn(b, "ep", items)
	storetest.Answer(b, len(items), func() ledger.Answer { return ledger.Answer{Responded: true, StatusCode: 200} })
	b.Synced(next, ledger.SyncRecord{Result: "success"})
	if err := b.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	storetest.Eventually(t, func() bool { return eventsCounted(a, "ep") == 600 && eventsCounted(b, "ep") == 600 })
	storetest.Eventually(t, func() bool { return next.Err() != nil })
	if err := b.Flush(ctx); err != nil { // releases the lease
		t.Fatal(err)
	}
	if led, err := a.Lead(ctx); led != nil || err != nil {
		t.Errorf("the first replica takes the lease back while the other one syncs well: %v", err)
	}
}

// A start creates its tables in a distant database, which takes a dozen round trips.
func TestTablesOfADatabaseFarAway(t *testing.T) {
	t.Parallel()
	between, through := proxied(t, postgres.NewDatabase(t))
	between.Delay(400 * time.Millisecond)
	p := openPostgres(t, through, "replicas")
	defer p.Close()
	if err := p.Load(t.Context(), ledger.Gather(new(ledger.Batch))); err != nil {
		t.Error(err)
	}
}
