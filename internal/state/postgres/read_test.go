package postgres

import (
	"net/url"
	"testing"
	"time"

	"omegastream_exporter/internal/state/storetest"
	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// proxied returns a proxy in front of a database server, and the URL through it.
func proxied(t *testing.T, dsn string) (p *proxy.Proxy, by string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p = proxy.New(t, u.Host, 1)
	u.Host = p.Address()
	return p, u.String()
}

// A replica loses nothing if the connection breaks after the last row of others' commits.
func TestFollowThatBreaks(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	cuts, by := proxied(t, dsn)
	a, b := replica(t, by, noHolds()), replica(t, dsn, noHolds())
	led := storetest.Lead(t, b)
	storetest.MakeKnown(b, "ep")
	storetest.ReadOn(b, "ep", nil)
	storetest.GiveBack(led, t, b)
	storetest.Refresh(t, a)
	led = storetest.Lead(t, b)
	storetest.ReadOn(b, "ep", []storetest.Item{{ID: storetest.HexID(1), Type: "video.deleted", Created: time.Now().Unix()}})
	cuts.Set(proxy.Chances{BeforeEnd: 1})
	storetest.GiveBack(led, t, b)
	cut := cuts.Counts().BeforeEnd
	storetest.Eventually(t, func() bool { return cuts.Counts().BeforeEnd > cut })
	cuts.Set(proxy.Chances{})
	storetest.Eventually(t, func() bool { return eventsCounted(a, "ep") == 1 })
}
