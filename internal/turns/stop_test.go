package turns

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/client"
)

const (
	replicaOf       = "TURNS_TEST_REPLICA_OF" // the URL of the database
	replicaRate     = 200
	replicaCallers  = 16
	replicaDuration = 20 * time.Second // unless it is killed before
)

// told is an api that tells the parent when it is asked.
type told struct{ api }

func (a *told) RoundTrip(r *http.Request) (*http.Response, error) {
	fmt.Println(time.Now().UnixNano())
	return a.api.RoundTrip(r)
}

// runReplica asks as much as the limiter allows.
func runReplica(url string) {
	l, err := New(url, schema)
	if err != nil {
		panic(err)
	}
	c, err := client.New("http://api", client.StaticKey("key"), client.Options{
		Transport: &told{api{took: 10 * time.Millisecond}}, RateLimit: replicaRate, Concurrency: replicaCallers, Turns: l,
	})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), replicaDuration)
	defer cancel()
	var busy sync.WaitGroup
	for range replicaCallers {
		busy.Go(func() {
			for ctx.Err() == nil {
				_, _ = c.GetEvent(ctx, "endpoint", eventID)
			}
		})
	}
	busy.Wait()
}

// replica is another process that asks.
type replica struct {
	*exec.Cmd
	lines *bufio.Scanner
	asked []time.Time
}

func startReplica(t *testing.T, url string) *replica {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{Cmd: exec.CommandContext(t.Context(), program)}
	r.Env = append(os.Environ(), replicaOf+"="+url)
	out, err := r.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	r.lines = bufio.NewScanner(out)
	return r
}

// next waits for its next request and reports whether there was one.
func (r *replica) next(t *testing.T) bool {
	t.Helper()
	if !r.lines.Scan() {
		return false
	}
	ns, err := strconv.ParseInt(r.lines.Text(), 10, 64)
	if err != nil {
		t.Errorf("a replica says %q", r.lines.Text())
	}
	r.asked = append(r.asked, time.Unix(0, ns))
	return true
}

func (r *replica) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := r.Process.Signal(s); err != nil {
		t.Error(err)
	}
}

// Replicas that are stopped at work and go on later do not ask for more than all
// may, nor do they hold up the one that was not stopped.
func TestStoppedReplicas(t *testing.T) {
	t.Parallel()
	const stops = 3
	url := fresh(t)
	a := &api{took: 10 * time.Millisecond}
	mine := replicas(t, limiters(t, url, 1), replicaRate, a)
	others := []*replica{startReplica(t, url), startReplica(t, url), startReplica(t, url)}
	for range stops {
		for _, r := range others { // at work
			for range 20 {
				if !r.next(t) {
					t.Fatal("a replica ended")
				}
			}
		}
		for _, r := range others {
			r.signal(t, syscall.SIGSTOP)
		}
		ask(t, mine, 2*replicaRate/3)
		for _, r := range others {
			r.signal(t, syscall.SIGCONT)
		}
		ask(t, mine, replicaRate/4)
	}
	all := &api{times: a.times}
	for _, r := range others {
		r.signal(t, syscall.SIGKILL)
		for r.next(t) {
		}
		var killed *exec.ExitError
		if err := r.Wait(); !errors.As(err, &killed) {
			t.Error(err)
		}
		all.times = append(all.times, r.asked...)
	}
	slices.SortFunc(all.times, time.Time.Compare)
	t.Logf("%d requests, %d of them of 3 replicas that were stopped %d times, at most %d in a second",
		len(all.times), len(all.times)-len(a.times), stops, all.most())
	// What had its turn and was stopped before it was sent cannot be taken back.
	if got := all.most(); got > replicaRate+replicaRate/10+1+len(others) {
		t.Errorf("%d requests in a second", got)
	}
}
