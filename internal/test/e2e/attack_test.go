package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/gobuild"
	"omegastream_exporter/internal/test/needs"
)

// memoryLimit is the memory limit in the manifests.
const memoryLimit = 128 << 20

// Hostile clients neither crash a process with the memory limit of the manifests, nor keep a
// scraper from its metrics.
func TestClientsThatStall(t *testing.T) {
	t.Parallel()
	needs.Minutes(t)
	account, apiURL := serveAccount(t, simulator.Options{})
	var ids []string
	for n := range 60 {
		ids = append(ids, account.AddEndpoint(simulator.Endpoint{Active: true, URL: fmt.Sprintf("https://hooks%d.example.com/x", n)}))
	}
	p := limited(t, watching(t, apiURL, "--api.rate-limit=0", "--collector.hold-new-series=0"))
	eventually(t, func() error {
		s, err := p.scrape(10 * time.Second)
		if err != nil {
			return err
		}
		return upAndContacted(len(ids))(s)
	})
	for n := range 5000 {
		account.Emit(ids[n%len(ids)], "video.process_failed", simulator.Responded(500+n%90))
	}
	var full *scrape
	eventually(t, func() (err error) {
		full, err = p.scrape(10 * time.Second)
		if err == nil && full.sum("webhook_delivery_failures_total") != 5000 {
			err = fmt.Errorf("%v failures", full.sum("webhook_delivery_failures_total"))
		}
		return err
	})
	figures(t, "%d series; before: %s", len(full.values), p.peak(t))

	for _, attack := range []struct {
		name    string
		clients int
		request string
	}{
		{"answers that nobody reads", 500, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"pages that nobody reads", 500, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"exports that nobody reads", 500, "GET /failures?format=json HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"bodies that never arrive", 1500, "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\nX: " + strings.Repeat("x", 12<<10) + "\r\n\r\n"},
		{"headers that are too long", 1500, "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\nX: " + strings.Repeat("x", 60<<10) + "\r\n\r\n"},
	} {
		release := p.attack(t, attack.clients, attack.request)
		// A scrape is answered within its deadline; a single attempt can find all places
		// taken.
		eventually(t, func() error {
			s, err := p.scrape(10 * time.Second)
			if err == nil && s.ended.Sub(s.began) > 10*time.Second {
				err = fmt.Errorf("a scrape took %s", s.ended.Sub(s.began))
			}
			return err
		})
		release()
		figures(t, "%s: %s", attack.name, p.peak(t))
	}

	eventually(t, func() error { // its connections from the attacks end
		s, err := p.scrape(10 * time.Second)
		if err == nil && s.values["process_open_fds{}"] > full.values["process_open_fds{}"]+5 {
			err = fmt.Errorf("%v files are open", s.values["process_open_fds{}"])
		}
		return err
	})
	// If the machine is too busy, these clients read nothing for seconds, and are cut off
	// like others.
	eventually(t, func() error { return p.scrapesAtOnce(500) })
	figures(t, "500 scrapes at once: %s", p.peak(t))
	p.mustScrape(10 * time.Second)
	p.stop()
}

// scrapesAtOnce returns an error if any of n scrapes was not answered.
func (p *program) scrapesAtOnce(n int) error {
	var scrapes sync.WaitGroup
	failed := make(chan error, n)
	for range n {
		scrapes.Go(func() {
			status, _, err := p.fetch(context.Background(), http.MethodGet, "/metrics", "X-Prometheus-Scrape-Timeout-Seconds", "60")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d", status)
			}
			if err != nil {
				failed <- err
			}
		})
	}
	scrapes.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return fmt.Errorf("%d of %d scrapes at once failed: %w", len(failed)+1, n, err)
	}
	return nil
}

// attack opens connections that send the same request and read nothing, until they are
// released. The program can refuse some of them.
func (p *program) attack(t *testing.T, clients int, request string) (release func()) {
	t.Helper()
	address := strings.TrimPrefix(p.url(), "http://")
	var mu sync.Mutex
	var open []net.Conn
	var dialing sync.WaitGroup
	for range clients {
		dialing.Go(func() {
			conn, err := net.DialTimeout("tcp", address, time.Minute)
			if err != nil {
				return
			}
			_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			_, _ = io.WriteString(conn, request)
			mu.Lock()
			defer mu.Unlock()
			open = append(open, conn)
		})
	}
	dialing.Wait()
	return func() {
		for _, conn := range open {
			conn.Close()
		}
	}
}

// limited starts a program with the memory limit of the manifests: in a cgroup if possible,
// otherwise with a limit that peak checks. It is built without the race detector, which would
// need several times the memory.
func limited(t *testing.T, s setup) *program {
	t.Helper()
	s.binary = filepath.Join(t.TempDir(), "omegastream_exporter")
	if err := gobuild.Exporter(s.binary); err != nil {
		t.Fatal(err)
	}
	group, err := memoryGroup(t)
	if err != nil {
		t.Logf("no cgroup: %v", err)
		s.env = append(s.env, "GOMEMLIMIT="+strconv.Itoa(memoryLimit*3/4))
	} else {
		s.shell = "echo $$ > " + group + "/cgroup.procs"
	}
	return s.serve(t)
}

// memoryGroup creates a cgroup, v2 or v1, with the limit.
func memoryGroup(t *testing.T) (group string, err error) {
	t.Helper()
	for _, version := range []struct{ mount, limit string }{
		{"/sys/fs/cgroup", "memory.max"},
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
	} {
		group = filepath.Join(version.mount, fmt.Sprintf("omegastream-e2e-%d-%x", os.Getpid(), rand.Uint32()))
		made := os.Mkdir(group, 0o755)
		if made == nil {
			t.Cleanup(func() { _ = os.Remove(group) }) // after the process ended
			made = writeTo(filepath.Join(group, version.limit), strconv.Itoa(memoryLimit))
		}
		if made == nil {
			return group, nil
		}
		err = errors.Join(err, made)
	}
	return "", err
}

// writeTo writes to an existing file; the kernel creates those of a cgroup.
func writeTo(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// peak returns the highest resident memory so far. It fails the test if that exceeds the
// limit, or if the process is gone.
func (p *program) peak(t *testing.T) string {
	t.Helper()
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatalf("the process is gone: %v", err)
	}
	defer status.Close()
	lines := bufio.NewScanner(status)
	for lines.Scan() {
		value, found := strings.CutPrefix(lines.Text(), "VmHWM:")
		if !found {
			continue
		}
		kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		if err != nil {
			t.Fatal(err)
		}
		// Resident memory includes about 20 MiB of the program's code, which the kernel drops
		// first. That is the margin for buffers.
		if kib<<10 > memoryLimit {
			t.Errorf("%d MiB were resident", kib>>10)
		}
		return fmt.Sprintf("%d MiB resident at most", kib>>10)
	}
	t.Fatal("no peak, because the process has ended")
	return ""
}
