package bench

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
	pgstate "omegastream_exporter/internal/state/postgres"
	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

const (
	replicaCount     = 8
	replicaEndpoints = 1000
	replicaRate      = 200                   // requests a second
	replicaAway      = 50 * time.Millisecond // a round trip to the database
	replicaInterval  = 15 * time.Second      // between scrapes of a replica
	replicaTimeout   = 10 * time.Second      // of scrapes
	replicaSchema    = "replicas"
)

// replicaSet is a set of exporters with one account and one database.
type replicaSet struct {
	*testing.B
	api      *server
	database *pgx.Conn // without a delay
	all      []*replica

	mu            sync.Mutex
	led, followed []float64 // durations of scrapes, in nanoseconds
}

// replica is one of the exporters, also after a restart.
type replica struct {
	name    string
	proxy   *proxy.Proxy
	command func() *exec.Cmd
	running atomic.Pointer[process]
}

func (r *replica) process() *process { return r.running.Load() }

func (r *replica) start(b *testing.B) {
	p := launch(b, r.command())
	p.timeout = replicaTimeout
	r.running.Store(p)
}

// startReplicas starts replicas with a state that knows the account.
func startReplicas(b *testing.B) *replicaSet {
	b.Helper()
	dsn := postgres.NewDatabase(b)
	binary, err := exporter()
	if err != nil {
		b.Fatal(err)
	}
	s := &replicaSet{B: b, api: serve(b, scenario{Endpoints: replicaEndpoints, Events: 10, Spacing: time.Minute})}
	place, err := pgstate.ParseURL(dsn, replicaSchema)
	if err != nil {
		b.Fatal(err)
	}
	to, err := place.Open()
	if err == nil {
		_, err = state.Copy(b.Context(), file.New(learned(b, s.api)), to, s.api.URL)
	}
	if err == nil {
		s.database, err = pgx.Connect(b.Context(), dsn)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.database.Close(context.Background()) })
	s.noteHandovers(b)
	for i := range replicaCount {
		u, err := url.Parse(dsn)
		if err != nil {
			b.Fatal(err)
		}
		r := &replica{name: strconv.Itoa(i), proxy: proxy.New(b, u.Host, uint64(i))}
		r.proxy.Delay(replicaAway / 2)
		u.Host = r.proxy.Address()
		u.RawQuery += "&application_name=" + r.name
		r.command = func() *exec.Cmd {
			cmd := exec.Command(binary, "--web.listen-address=127.0.0.1:0", "--api.url="+s.api.URL,
				"--state.schema="+replicaSchema, "--api.rate-limit="+strconv.Itoa(replicaRate))
			cmd.Env = append(os.Environ(), "OMEGASTREAM_API_KEY="+simulator.DefaultKey, "OMEGASTREAM_EXPORTER_STATE_URL="+u.String())
			return cmd
		}
		r.start(b)
		b.Cleanup(func() { r.process().stop() })
		s.all = append(s.all, r)
	}
	return s
}

// noteHandovers makes the database record each new leader: its name, and how long the
// previous one was silent, unless that one released the lease.
func (s *replicaSet) noteHandovers(b *testing.B) {
	b.Helper()
	for _, statement := range []string{
		`CREATE TABLE handover (number serial, at timestamptz DEFAULT clock_timestamp(), leader text, held boolean, silent interval)`,
		`CREATE FUNCTION note_handover() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO public.handover (leader, held, silent) VALUES (current_setting('application_name'), OLD.holder IS NOT NULL AND OLD.holder <> NEW.holder, NEW.beat - OLD.beat);
			RETURN NULL; END $$`,
		`CREATE TRIGGER handover AFTER UPDATE ON replicas.state FOR EACH ROW WHEN (NEW.fence > OLD.fence) EXECUTE FUNCTION note_handover()`,
	} {
		if _, err := s.database.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
}

// until waits until the answer of a query is true.
func (s *replicaSet) until(b *testing.B, question string, args ...any) {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for {
		yes := false
		if err := s.database.QueryRow(b.Context(), question, args...).Scan(&yes); err != nil {
			b.Fatal(err)
		}
		if yes {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("still false after %v: %s", patience, question)
		}
		<-tick.C
	}
}

// settle scrapes a replica until it has led and has nothing left to do.
func (s *replicaSet) settle(b *testing.B, r *replica) {
	b.Helper()
	for value(r.process().metrics(), "omegastream_exporter_leading") != 1 {
		s.until(b, `SELECT holder IS NULL AND sync_ended + sync_rest < clock_timestamp() FROM replicas.state`)
	}
	s.until(b, `SELECT holder IS NULL AND sync_ended + sync_rest < clock_timestamp() FROM replicas.state`)
}

// leader waits until a replica has led for a second, in the middle of reading the lists, and
// returns it.
func (s *replicaSet) leader(b *testing.B) *replica {
	b.Helper()
	const last = ` FROM public.handover ORDER BY number DESC LIMIT 1`
	s.until(b, `SELECT holder IS NOT NULL AND clock_timestamp() - (SELECT at`+last+`) BETWEEN '1 s' AND '2 s' FROM replicas.state`)
	var name string
	if err := s.database.QueryRow(b.Context(), `SELECT leader`+last).Scan(&name); err != nil {
		b.Fatal(err)
	}
	for _, r := range s.all {
		if r.name == name {
			return r
		}
	}
	b.Fatalf("%q leads, which is not a replica", name)
	return nil
}

// handovers returns the number of recorded leaders.
func (s *replicaSet) handovers(b *testing.B) (n int) {
	b.Helper()
	if err := s.database.QueryRow(b.Context(), `SELECT count(*) FROM public.handover`).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// handover waits for the leader after the first n, and returns how long the previous one was
// silent. held is false if that one had released the lease.
func (s *replicaSet) handover(b *testing.B, after int) (silent time.Duration, held bool) {
	b.Helper()
	s.until(b, `SELECT count(*) > $1 FROM public.handover`, after)
	if err := s.database.QueryRow(b.Context(), `SELECT silent, held FROM public.handover ORDER BY number OFFSET $1 LIMIT 1`, after).Scan(&silent, &held); err != nil {
		b.Fatal(err)
	}
	return silent, held
}

// prometheus scrapes every replica at its interval, one after the other, until ctx ends.
// Scrapes of ended replicas fail.
func (s *replicaSet) prometheus(ctx context.Context) {
	s.mu.Lock()
	s.led, s.followed = nil, nil
	s.mu.Unlock()
	for i, r := range s.all {
		go func() {
			next := time.NewTicker(replicaInterval)
			defer next.Stop()
			first := time.After(time.Duration(i) * replicaInterval / replicaCount)
			for {
				select {
				case <-first:
				case <-next.C:
				case <-ctx.Done():
					return
				}
				began := time.Now()
				body, err := r.process().ask("/metrics")
				if err == nil && ctx.Err() == nil {
					s.note(float64(time.Since(began)), value(body, "omegastream_exporter_leading") == 1)
				}
			}
		}()
	}
}

func (s *replicaSet) note(took float64, led bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if led {
		s.led = append(s.led, took)
	} else {
		s.followed = append(s.followed, took)
	}
}

func (s *replicaSet) scraped() int {
	led, followed := s.times()
	return len(led) + len(followed)
}

// times returns the durations of scrapes, of leaders and of followers.
func (s *replicaSet) times() (led, followed []float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.led, s.followed
}
