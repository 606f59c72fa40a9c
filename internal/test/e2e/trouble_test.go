package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// trouble makes it for replicas and their database, and remembers when.
type trouble struct {
	t        *testing.T
	rng      *rand.Rand
	server   *postgres.Server
	replicas []*replica

	mu     sync.Mutex
	faults []span
	counts map[string]int
	paused map[*replica]bool
	ending sync.WaitGroup // of what goes on for a while
}

// span is a time in which something is wrong.
type span struct{ from, to time.Time }

func newTrouble(t *testing.T, seed uint64, server *postgres.Server, replicas []*replica) *trouble {
	return &trouble{
		t: t, rng: rand.New(rand.NewPCG(seed, 5)), server: server, replicas: replicas,
		counts: make(map[string]int), paused: make(map[*replica]bool),
	}
}

// during notes a fault that lasts as long as the function.
func (f *trouble) during(what string, do func()) {
	from := time.Now()
	do()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[what]++
	f.faults = append(f.faults, span{from, time.Now()})
}

// wait waits for a random time.
func (f *trouble) wait(least, most time.Duration) {
	<-time.After(least + time.Duration(f.rng.Int64N(int64(most-least))))
}

// wave makes trouble for a while, in an order that the seed decides. Some time in
// it a lot happens at once, and after half of it midway is called. In the end
// everything works again.
func (f *trouble) wave(long time.Duration, burst, midway func()) {
	f.t.Helper()
	for _, r := range f.replicas {
		r.proxy.Set(proxy.Chances{BeforeCommit: 0.03, AfterCommit: 0.03, Message: 0.001})
	}
	once := []func(){
		burst, midway,
		func() { f.during("restarts of the database", func() { f.server.Restart(f.t) }) },
		func() { f.during("crashes of it", func() { f.server.Crash(f.t) }) },
	}
	f.rng.Shuffle(len(once), func(i, j int) { once[i], once[j] = once[j], once[i] })
	f.pause(f.replicas[f.rng.IntN(len(f.replicas))])
	began := time.Now()
	before := f.proxies()
	for n := 0; time.Since(began) < long || len(once) > 0 || !f.enoughCuts(before) && time.Since(began) < long+mostCuts; n++ {
		f.wait(50*time.Millisecond, 500*time.Millisecond)
		if len(once) > 0 && time.Since(began) > long*time.Duration(5-len(once))/6 {
			once[0]()
			once = once[1:]
			continue
		}
		if time.Since(began) > long { // the rest are cuts by chance: let the replicas commit
			continue
		}
		r := f.replicas[f.rng.IntN(len(f.replicas))]
		switch chance := f.rng.IntN(12); {
		case chance < 5:
			f.kill(r)
		case chance < 8:
			f.during("cuts of all connections", func() { r.proxy.Cut() })
		case chance < 9:
			f.lasting("stalls", 200*time.Millisecond, 3*time.Second, r.proxy.Stall)
		case chance < 10:
			f.lasting("refusals", 200*time.Millisecond, 2*time.Second, r.proxy.Refuse)
		case time.Since(began) < long/2:
			f.pause(r) // it lasts
		}
	}
	f.ending.Wait()
	for _, r := range f.replicas {
		r.proxy.Set(proxy.Chances{})
	}
}

// mostCuts is how long a wave goes on until it has had one of each cut by chance: how
// often a busy machine commits is not known.
const mostCuts = 2 * time.Minute

// enoughCuts reports whether there was one of each cut by chance since then.
func (f *trouble) enoughCuts(before proxy.Counts) bool {
	now := f.proxies()
	return now.BeforeCommit > before.BeforeCommit && now.AfterCommit > before.AfterCommit && now.Message > before.Message
}

// kill kills a replica. The next one is there at once or after a while.
func (f *trouble) kill(r *replica) {
	if f.isPaused(r) {
		return
	}
	f.during("kills", func() {
		r.running.Load().kill()
		if f.rng.IntN(2) == 0 {
			f.wait(0, time.Second)
		}
		r.start()
	})
}

// pause lets a replica stand still for longer than its lease, unless one does.
func (f *trouble) pause(r *replica) {
	f.mu.Lock()
	busy := len(f.paused) > 0
	if !busy {
		f.paused[r] = true
	}
	f.mu.Unlock()
	if busy {
		return
	}
	long := lease + time.Second + time.Duration(f.rng.Int64N(int64(3*time.Second)))
	p := r.running.Load().cmd.Process
	f.ending.Go(func() {
		f.during("pauses", func() {
			if err := p.Signal(syscall.SIGSTOP); err != nil {
				f.t.Error(err)
			}
			<-time.After(long)
			if err := p.Signal(syscall.SIGCONT); err != nil {
				f.t.Error(err)
			}
		})
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.paused, r)
	})
}

func (f *trouble) isPaused(r *replica) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paused[r]
}

// lasting begins something and ends it after a while.
func (f *trouble) lasting(what string, least, most time.Duration, begin func() (end func())) {
	long := least + time.Duration(f.rng.Int64N(int64(most-least)))
	f.ending.Go(func() {
		f.during(what, func() {
			end := begin()
			<-time.After(long)
			end()
		})
	})
}

// proxies adds up what they did.
func (f *trouble) proxies() (sum proxy.Counts) {
	for _, r := range f.replicas {
		c := r.proxy.Counts()
		sum.Commits += c.Commits
		sum.BeforeCommit += c.BeforeCommit
		sum.AfterCommit += c.AfterCommit
		sum.Message += c.Message
		sum.Cut += c.Cut
	}
	return sum
}

// enough fails the test where it was too quiet to prove anything.
func (f *trouble) enough(waves int) {
	f.t.Helper()
	c := f.proxies()
	for what, n := range map[string]int{
		"kills": f.counts["kills"] / 3, "pauses": f.counts["pauses"], "restarts": f.counts["restarts of the database"],
		"crashes": f.counts["crashes of it"], "cuts before a COMMIT": int(c.BeforeCommit), "lost answers of a COMMIT": int(c.AfterCommit),
		"cuts in a message": int(c.Message), "cuts of all connections": f.counts["cuts of all connections"],
	} {
		if n < waves {
			f.t.Errorf("too few %s: %v, %+v", what, f.counts, c)
		}
	}
}

// String tells what was done.
func (f *trouble) String() string {
	c := f.proxies()
	n := f.counts
	return fmt.Sprintf("%d kills, %d pauses, %d restarts and %d crashes of the database, %d stalls, %d refusals, "+
		"%d connections cut (%d before a COMMIT, %d after one, %d in a message) at %d commits",
		n["kills"], n["pauses"], n["restarts of the database"], n["crashes of it"], n["stalls"], n["refusals"],
		c.Cuts(), c.BeforeCommit, c.AfterCommit, c.Message, c.Commits)
}

// uncommitted is how long after it was asked for a detail may be not yet durable,
// and how long the effects of a fault outlast it.
const uncommitted = 2 * time.Second

// explain finds a fault for each detail that was asked for twice: one that was on
// while the first answer was not yet durable. One fault explains only as many as
// can be under way in one replica. It returns what is left.
func (f *trouble) explain(twice []double, each int) (left []string) {
	f.mu.Lock()
	faults := slices.Clone(f.faults)
	f.mu.Unlock()
	for _, r := range f.replicas {
		for _, at := range r.proxy.Moments() {
			faults = append(faults, span{at, at})
		}
	}
	// Those that end first are used first: the others may serve what comes later.
	slices.SortFunc(faults, func(a, b span) int { return a.to.Compare(b.to) })
	used := make([]int, len(faults))
next:
	for _, d := range twice {
		for i, fault := range faults {
			if used[i] < each && !fault.from.After(d.first.Add(uncommitted)) && !fault.to.Add(uncommitted).Before(d.first) && fault.from.Before(d.next) {
				used[i]++
				continue next
			}
		}
		left = append(left, fmt.Sprintf("%s at %v and %v later", d.id, d.first.Format(time.StampMilli), d.next.Sub(d.first)))
	}
	return left
}
