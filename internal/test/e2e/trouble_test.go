package e2e

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/postgres/proxy"
)

// trouble causes faults of replicas and their database, and records when.
type trouble struct {
	t        *testing.T
	rng      *rand.Rand
	server   *postgres.Server
	replicas []*replica

	mu     sync.Mutex
	faults []span
	counts map[string]int
	paused map[*replica]bool
	ending sync.WaitGroup // faults that last for a while
}

// span is the time of a fault.
type span struct{ from, to time.Time }

func newTrouble(t *testing.T, seed uint64, server *postgres.Server, replicas []*replica) *trouble {
	return &trouble{
		t: t, rng: rand.New(rand.NewPCG(seed, 5)), server: server, replicas: replicas,
		counts: make(map[string]int), paused: make(map[*replica]bool),
	}
}

// during records a fault that lasts as long as a function.
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

// wave causes faults for a while, in an order that depends on the seed. For part of the time
// many occur at once, and midway is called after half of it. At the end everything works
// again.
func (f *trouble) wave(long time.Duration, burst, midway func()) {
	f.t.Helper()
	f.chances(byChance)
	once := []func(){
		burst, midway,
		func() { f.cutOne(proxy.Chances{BeforeCommit: 1}, func(c proxy.Counts) int64 { return c.BeforeCommit }) },
		func() { f.cutOne(proxy.Chances{AfterCommit: 1}, func(c proxy.Counts) int64 { return c.AfterCommit }) },
		func() { f.cutOne(proxy.Chances{Message: 0.2}, func(c proxy.Counts) int64 { return c.Message }) },
		func() { f.during("restarts of the database", func() { f.server.Restart(f.t) }) },
		func() { f.during("crashes of the database", func() { f.server.Crash(f.t) }) },
	}
	f.rng.Shuffle(len(once), func(i, j int) { once[i], once[j] = once[j], once[i] })
	f.pause(f.replicas[f.rng.IntN(len(f.replicas))])
	began, each := time.Now(), long/time.Duration(len(once)+1)
	kills, cuts := f.count("kills")+leastKills, f.count("cuts of all connections")+1
	for next := each; time.Since(began) < long || len(once) > 0 || f.count("kills") < kills || f.count("cuts of all connections") < cuts; {
		f.wait(50*time.Millisecond, 500*time.Millisecond)
		if len(once) > 0 && time.Since(began) > next {
			once[0]()
			once = once[1:]
			next += each
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
			f.pause(r) // the pause lasts a while
		}
	}
	f.ending.Wait()
	f.chances(proxy.Chances{})
}

// leastKills is the minimum number of kills in a wave, however long that takes.
const leastKills = 3

// count returns how often a fault occurred.
func (f *trouble) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[what]
}

// byChance are the random cuts of a wave. Their number depends on how often the replicas
// commit, and so on the machine.
var byChance = proxy.Chances{BeforeCommit: 0.03, AfterCommit: 0.03, Message: 0.001}

// chances sets the chances of random cuts for all replicas.
func (f *trouble) chances(c proxy.Chances) {
	for _, r := range f.replicas {
		r.proxy.Set(c)
	}
}

// cutOne waits for one more cut of a kind, however rarely the replicas commit.
func (f *trouble) cutOne(c proxy.Chances, kind func(proxy.Counts) int64) {
	f.t.Helper()
	before := kind(f.proxies())
	f.chances(c)
	defer f.chances(byChance)
	eventually(f.t, func() error {
		if kind(f.proxies()) == before {
			return fmt.Errorf("no connection was cut with %+v", c)
		}
		return nil
	})
}

// kill kills a replica. The next process starts at once, or after a while.
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

// pause pauses a replica for longer than its lease, unless another one is paused.
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

// lasting starts a fault, and ends it after a while.
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

// proxies adds up the counts of all proxies.
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

// enough fails the test if there were too few faults to prove anything.
func (f *trouble) enough(waves int) {
	f.t.Helper()
	c := f.proxies()
	for what, n := range map[string]int{
		"kills": f.counts["kills"] / leastKills, "pauses": f.counts["pauses"], "restarts": f.counts["restarts of the database"],
		"crashes": f.counts["crashes of the database"], "cuts before a COMMIT": int(c.BeforeCommit), "lost answers of a COMMIT": int(c.AfterCommit),
		"cuts in a message": int(c.Message), "cuts of all connections": f.counts["cuts of all connections"],
	} {
		if n < waves {
			f.t.Errorf("too few %s: %v, %+v", what, f.counts, c)
		}
	}
}

// String lists the faults.
func (f *trouble) String() string {
	c := f.proxies()
	n := f.counts
	return fmt.Sprintf("%d kills, %d pauses, %d restarts and %d crashes of the database, %d stalls, %d refusals, "+
		"%d connections cut (%d before a COMMIT, %d after one, %d in a message) at %d commits",
		n["kills"], n["pauses"], n["restarts of the database"], n["crashes of the database"], n["stalls"], n["refusals"],
		c.Cuts(), c.BeforeCommit, c.AfterCommit, c.Message, c.Commits)
}

// uncommitted is the time from the request for a detail until it is surely durable, on a busy
// machine. The effects of a fault can last as long.
const uncommitted = 15 * time.Second

// loadedAgain is the log line of a replica that lost answers.
var loadedAgain = regexp.MustCompile(`time=(\S+) .*Loaded the state again`)

// losses returns when the replicas lost answers, by their logs. On a busy machine, a lease can
// end without a fault.
func (f *trouble) losses() (found []span) {
	f.t.Helper()
	for _, r := range f.replicas {
		for _, log := range r.logs {
			for _, line := range loadedAgain.FindAllStringSubmatch(log.String(), -1) {
				at, err := time.Parse(time.RFC3339Nano, line[1])
				if err != nil {
					f.t.Error(err)
				}
				found = append(found, span{at, at})
			}
		}
	}
	return found
}

// explain finds a fault for each detail that was requested twice: one that occurred before
// the first answer was durable. A fault explains only as many as one replica can have under
// way. It returns the unexplained ones.
func (f *trouble) explain(twice []double, each int) (left []string) {
	f.mu.Lock()
	faults := slices.Concat(f.faults, f.losses())
	f.mu.Unlock()
	for _, r := range f.replicas {
		for _, at := range r.proxy.Moments() {
			faults = append(faults, span{at, at})
		}
	}
	// Use the fault that ends first, as the others can explain later details.
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
