package ledger

import (
	"net/url"
	"testing"
	"time"

	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// proxied returns a proxy in front of the server of a database, and the URL that
// goes by way of it.
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

// A connection that breaks after the last row of what others have committed loses
// nothing of it.
func TestFollowThatBreaks(t *testing.T) {
	t.Parallel()
	dsn := postgres.NewDatabase(t)
	cuts, by := proxied(t, dsn)
	a, b := replica(t, by, testPolicy()), replica(t, dsn, testPolicy())
	led := lead(t, b)
	makeKnown(b, "ep")
	readOn(b, "ep", nil)
	giveBack(led, t, b)
	refresh(t, a)
	cuts.Set(proxy.Chances{BeforeCommit: 1}) // a only reads: it is the end of a look at what is new
	led = lead(t, b)
	readOn(b, "ep", []item{{hexID(1), "video.deleted", time.Now().Unix()}})
	giveBack(led, t, b)
	eventually(t, func() bool { return cuts.Counts().BeforeCommit > 0 })
	cuts.Set(proxy.Chances{})
	eventually(t, func() bool { return eventsCounted(a, "ep") == 1 })
}
