package ledger

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	plain := "0123456789abcdef01234567"
	for _, row := range []struct {
		id     string
		hashed bool
	}{
		{plain, false},
		{strings.ToUpper(plain), true},
		{plain[1:], true},
		{plain + "0", true},
		{plain[:23] + "g", true},
		{plain[:23] + "\xff", true},
		{"", true},
	} {
		k := KeyOf([]byte(row.id))
		if k.Hashed() != row.hashed {
			t.Errorf("%q is hashed: %v", row.id, k.Hashed())
		}
		if !row.hashed && k.PlainID() != row.id {
			t.Errorf("%q became %q", row.id, k.PlainID())
		}
	}
}

//nolint:paralleltest // AllocsPerRun wants to be alone
func TestKnownEventsAllocateNothing(t *testing.T) {
	a := account(t, "ep")
	listAll(a, 1000, epoch, nil)
	n := testing.AllocsPerRun(20, func() { listAll(a, 1000, epoch, nil) })
	if n > 10 { // for the read itself
		t.Errorf("%v allocations for 1000 known events", n)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "text"))
		got := Label(text)
		if !utf8.ValidString(got) || len(got) > 128 {
			t.Fatalf("%q", got)
		}
		if utf8.ValidString(text) && !strings.HasPrefix(text, got) {
			t.Fatalf("%q is not the beginning of %q", got, text)
		}
	})
	if got := Label(strings.Repeat("é", 65)); got != strings.Repeat("é", 64) {
		t.Errorf("%q", got)
	}
	if got := Label("a" + strings.Repeat("é", 65)); got != "a"+strings.Repeat("é", 63) {
		t.Errorf("not cut between runes: %q", got)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		texts []string
		want  string
	}{
		{[]string{"dial tcp: lookup hooks.example.com: no such host"}, "dns"},
		{[]string{"lookup x: i/o timeout"}, "dns"},
		{[]string{"net/http: TLS handshake timeout"}, "timeout"},
		{[]string{"context deadline exceeded"}, "timeout"},
		{[]string{"connect: connection refused"}, "connection_refused"},
		{[]string{"read: connection reset by peer"}, "connection_reset"},
		{[]string{`Post "https://x": EOF`}, "connection_reset"},
		{[]string{"x509: certificate signed by unknown authority"}, "tls"},
		{[]string{"", "ECONNREFUSED"}, "connection_refused"},
		{[]string{"dial tcp 192.0.2.1:443: connect: no route to host"}, "connection_refused"},
		{[]string{"dial tcp [2001:db8::1]:443: connect: network is unreachable"}, "connection_refused"},
		{[]string{"connect EHOSTUNREACH 192.0.2.1:443"}, "connection_refused"},
		{[]string{"connect ETIMEDOUT 192.0.2.1:443"}, "timeout"},
		{[]string{"http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR"}, "connection_reset"},
		{[]string{"stream error: stream ID 3; INTERNAL_ERROR; received from peer"}, "connection_reset"},
		{[]string{"http: server closed idle connection"}, "connection_reset"},
		{[]string{"http2: client connection lost"}, "connection_reset"},
		{[]string{"http: server gave HTTP response to HTTPS client"}, "tls"},
		{[]string{"something else"}, "unknown"},
		{nil, "unknown"},
	} {
		if got := ReasonOf(row.texts...).String(); got != row.want {
			t.Errorf("%q: %s, want %s", row.texts, got, row.want)
		}
	}
	if len(Reasons()) != 7 || Reason(200).String() != "unknown" {
		t.Error("reasons")
	}
}

func TestTypesAreBounded(t *testing.T) {
	t.Parallel()
	types := newTypes(nil, nil)
	for i := range 20 {
		name := "video.x" + strings.Repeat("x", i)
		if id, grew := types.resolve(name); !grew || types.name(id) != name {
			t.Errorf("%s became %s", name, types.name(id))
		}
	}
	for _, row := range []struct{ raw, want string }{
		{"video.one_more", "other"}, {"other", "other"}, {"", "unknown"}, {"video.x", "video.x"}, {"video.deleted", "video.deleted"},
	} {
		if id, grew := types.resolve(row.raw); grew || types.name(id) != row.want {
			t.Errorf("%q became %s, grew %v", row.raw, types.name(id), grew)
		}
	}
	again := newTypes(types.rows(), nil)
	if id, _ := again.resolve("video.x"); again.name(id) != "video.x" || again.admitted != types.admitted {
		t.Error("stored types have different numbers")
	}
}
