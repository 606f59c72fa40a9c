package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
)

// counted is a folder with a state in which events were counted, and their account.
type counted struct {
	setup
	account *simulator.Account
	id      string
	values  map[string]float64
}

// stateFile returns the path of the state.
func (c counted) stateFile() string { return filepath.Join(c.dir, "ledger.db") }

// count runs a program until it has counted some events, and stops it.
func count(t *testing.T) counted {
	t.Helper()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 11})
	c := counted{account: account, id: account.AddEndpoint(simulator.Endpoint{Active: true})}
	c.setup = watching(t, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=0", "--api.rate-limit=0")
	p := c.serve(t)
	p.mustScrape(30 * time.Second)
	for i := range 60 {
		account.Emit(c.id, types[i%len(types)], simulator.Responded([]int{200, 503}[i%2]))
	}
	got := p.mustScrape(30 * time.Second)
	if err := expect(account.Truth(), nil).compare(got); err != nil {
		t.Fatal(err)
	}
	c.values = got.counters()
	p.stop()
	return c
}

// refused checks that a program does not start, and says why in one line.
func refused(t *testing.T, s setup, words ...string) {
	t.Helper()
	status, stdout, stderr := s.with("--web.listen-address=127.0.0.1:0").run(t)
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	if strings.Count(stderr, "\n") != 1 || stdout != "" {
		t.Errorf("want one line on stderr, got %q, and on stdout %q", stderr, stdout)
	}
	for _, word := range append(words, "--state.url") {
		if !strings.Contains(stderr, word) {
			t.Errorf("%q does not say %q", stderr, word)
		}
	}
}

// files returns the names in a folder.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// If a state cannot be used, the start fails, and nothing is moved or written.
func TestStateIsRefused(t *testing.T) {
	t.Parallel()
	c := count(t)

	t.Run("in use", func(t *testing.T) {
		p := c.serve(t)
		refused(t, c.setup, "in use")
		p.mustScrape(30 * time.Second)
		p.stop()
	})
	intact := read(t, c.stateFile())
	untouched := func(t *testing.T) {
		t.Helper()
		if names := files(t, c.dir); names != "ledger.db" || !bytes.Equal(read(t, c.stateFile()), intact) {
			t.Errorf("the state was touched: %s", names)
		}
	}
	t.Run("other API", func(t *testing.T) {
		refused(t, c.with("--api.url=http://127.0.0.1:9/other"), "--api.url")
		untouched(t)
	})
	t.Run("newer version", func(t *testing.T) {
		newer := c.setup
		newer.dir = t.TempDir()
		path := filepath.Join(newer.dir, "ledger.db")
		write(t, path, intact)
		setSchema(t, path, 99)
		before := read(t, path)
		refused(t, newer, "newer version")
		if names := files(t, newer.dir); names != "ledger.db" || !bytes.Equal(read(t, path), before) {
			t.Errorf("the state was touched: %s", names)
		}
	})
	t.Run("no permission", func(t *testing.T) {
		other := c.setup
		other.dir = "/"
		if os.Geteuid() == 0 {
			other.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			if err := os.Chmod(c.dir, 0o755); err != nil { // only the file is inaccessible
				t.Fatal(err)
			}
			for dir := c.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		} else if err := os.Chmod(c.stateFile(), 0); err != nil {
			t.Fatal(err)
		}
		refused(t, other.with("--state.url=file:"+c.stateFile()), "permission denied")
		if err := os.Chmod(c.stateFile(), 0o600); err != nil {
			t.Fatal(err)
		}
		untouched(t)
	})
	t.Run("no state", func(t *testing.T) {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		write(t, at("conf.yml"), []byte("listen: 80\n"))
		for link, target := range map[string]string{"device": os.DevNull, "dangling": "absent"} {
			if err := os.Symlink(target, at(link)); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		for path, words := range map[string][]string{
			at("conf.yml"): {"not a state", "was not touched"},
			os.DevNull:     {"device", "memory:"},
			at("device"):   {"device", "memory:"},
			at("fifo"):     {"pipe", "was not touched"},
			at("dangling"): {"symbolic link", "absent"},
			dir:            {"folder", "was not touched"},
		} {
			was, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, command := range [][]string{nil, {"state", "reset-counters"}} {
				refused(t, c.with(append(command, "--state.url=file:"+path)...), append(words, path)...)
			}
			if is, err := os.Lstat(path); err != nil || !os.SameFile(was, is) || was.Mode() != is.Mode() {
				t.Errorf("%s was touched: %v, it was %v", path, err, was)
			}
		}
		if after := files(t, dir); after != before || string(read(t, at("conf.yml"))) != "listen: 80\n" {
			t.Errorf("the files have changed: %s, before %s", after, before)
		}
		refused(t, c.with("--state.url=none"), "memory:")
	})

	// After all that, the values are intact.
	p := c.serve(t)
	if diff := cmp.Diff(c.values, p.mustScrape(5*time.Second).counters()); diff != "" {
		t.Errorf("the state has changed (-before +now):\n%s", diff)
	}
	info, err := os.Stat(c.stateFile())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state has mode %v, error %v", info.Mode(), err)
	}
}

// setSchema changes the layout version of a state, with its checksum.
func setSchema(t *testing.T, path string, version uint32) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		record := binary.BigEndian.AppendUint32(nil, version)
		sum := crc32.Checksum(append([]byte("metaschema"), record...), crc32.MakeTable(crc32.Castagnoli))
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), binary.BigEndian.AppendUint32(record, sum))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A damaged state is either set aside as a whole, and a new one started, or is intact because
// the damage hit an unused part.
func TestStateIsSetAside(t *testing.T) {
	t.Parallel()
	c := count(t)
	intact := read(t, c.stateFile())
	random := rand.New(rand.NewPCG(12, 0))
	type row struct {
		name    string
		content []byte
		mayHeal bool // the damage can be in an unused part
	}
	flip := func(at int) []byte {
		content := append([]byte(nil), intact...)
		content[at] ^= 1 << random.IntN(8)
		return content
	}
	rows := []row{
		{name: "empty", content: nil},
		{name: "cut in half", content: intact[:len(intact)/2]},
		{name: "cut in its first page", content: intact[:100]},
		{name: "zeros", content: make([]byte, len(intact))},
		{name: "a bit in the first page", content: flip(16 + 20)},
	}
	keys := inUse(t, c.stateFile(), c.id)
	for _, at := range []int{keys[0], keys[len(keys)/2], keys[len(keys)-1]} {
		rows = append(rows, row{name: fmt.Sprintf("a bit in the key at byte %d", at), content: flip(at)})
	}
	for range 4 {
		at := random.IntN(len(intact))
		rows = append(rows, row{fmt.Sprintf("a bit at byte %d", at), flip(at), true})
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			broken := c.setup
			broken.dir = t.TempDir()
			path := filepath.Join(broken.dir, "ledger.db")
			write(t, path, r.content)
			p := broken.serve(t)
			defer p.stop()
			first := p.mustScrape(30 * time.Second)
			resets := p.mustScrape(30 * time.Second).sum("omegastream_exporter_state_resets_total")
			if resets == 0 && r.mayHeal {
				if diff := cmp.Diff(c.values, first.counters()); diff != "" {
					t.Errorf("neither set aside nor intact (-before +now):\n%s", diff)
				}
				return
			}
			if resets != 1 {
				t.Errorf("the metrics show %v resets, want 1", resets)
			}
			// The new state treats the counted events as history.
			for k, v := range first.counters() {
				if v != 0 && k != "omegastream_exporter_state_resets_total{}" {
					t.Errorf("%s starts at %v", k, v)
				}
			}
			aside, err := filepath.Glob(path + ".unreadable-*")
			if err != nil || len(aside) != 1 || !bytes.Equal(read(t, aside[0]), r.content) {
				t.Errorf("the damaged file was not set aside unchanged: %s", files(t, broken.dir))
			}
			if log := p.log.String(); !strings.Contains(log, "level=error") || !strings.Contains(log, "unreadable-") {
				t.Error("the log does not say so")
			}
			c.account.Emit(c.id, "video.deleted", simulator.Responded(200))
			if n := p.mustScrape(30 * time.Second).sum("webhook_events_total"); n != 1 {
				t.Errorf("%v events after the reset, want 1", n)
			}
			c.account.ForgetEvents(c.id, c.account.EventIDs(c.id)[0]) // for the next row
		})
	}
}

// inUse returns the offsets of an endpoint's id in used pages of a state.
func inUse(t *testing.T, path, id string) (places []int) {
	t.Helper()
	content := read(t, path)
	copied := filepath.Join(t.TempDir(), "copy.db")
	write(t, copied, content)
	db, err := bbolt.Open(copied, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	size := db.Info().PageSize
	err = db.View(func(tx *bbolt.Tx) error {
		for at := 0; ; at++ {
			next := strings.Index(string(content[at:]), id)
			if next < 0 {
				return nil
			}
			at += next
			page, err := tx.Page(at / size)
			if err != nil {
				return err
			}
			if page != nil && page.Type == "leaf" {
				places = append(places, at)
			}
		}
	})
	if err != nil || len(places) == 0 {
		t.Fatalf("%v, no page in use has the id", err)
	}
	return places
}

// `state reset-counters` resets the counters, but remembers all events.
func TestResetCounters(t *testing.T) {
	t.Parallel()
	c := count(t)
	p := c.serve(t)
	refused(t, c.with("state", "reset-counters"), "in use")
	before := p.mustScrape(30 * time.Second)
	p.stop()
	for range 5 { // not yet seen
		c.account.Emit(c.id, "video.deleted", simulator.Responded(200))
	}
	reset := c.with("state", "reset-counters")
	reset.env = nil // reset-counters needs no key
	if status, stdout, stderr := reset.run(t); status != 0 || !strings.Contains(stdout, "ledger.db") {
		t.Fatalf("exit status %d, %q, %q", status, stdout, stderr)
	}
	p = c.serve(t)
	after := p.mustScrape(30 * time.Second)
	for k, v := range after.counters() {
		want := 0.0
		if strings.HasPrefix(k, "webhook_events_total{") && strings.Contains(k, "video.deleted") ||
			strings.HasPrefix(k, "webhook_deliveries_total{") && strings.Contains(k, "video.deleted") && strings.Contains(k, `"200"`) ||
			strings.HasPrefix(k, "webhook_delivery_latency_seconds") {
			continue // counts what happened meanwhile
		}
		if v != want {
			t.Errorf("%s is %v after the reset", k, v)
		}
		if !after.created[k].After(before.created[k]) && strings.HasPrefix(k, "webhook_") {
			t.Errorf("%s still has its old created timestamp", k)
		}
	}
	if n := after.sum("webhook_events_total"); n != 5 {
		t.Errorf("%v events, want the 5 after the reset", n)
	}
}

// onADisk gives the program a disk of its own in the folder disk. It uses a namespace, which
// needs no rights on most systems and disappears with the process. The shell runs prepare
// first.
func (s setup) onADisk(t *testing.T, options, prepare string) setup {
	t.Helper()
	s.shell = "mkdir -p disk && mount -t tmpfs -o mode=0777," + options + " tmpfs disk && " + prepare
	s.attr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	probe := setup{binary: "true", shell: s.shell, attr: s.attr}
	if out, err := probe.command(t).CombinedOutput(); err != nil {
		needs.Missing(t, fmt.Sprintf("a small disk: mount in a user namespace: %v %s", err, out))
	}
	return s
}

// A check fails if a start would, and leaves nothing behind.
func TestCheckWritesTheState(t *testing.T) {
	t.Parallel()
	c := count(t)
	check := c.with("check", "--state.url=file:disk/ledger.db")
	fill := "{ head -c 2m /dev/zero > disk/filler 2>/dev/null || true; }"
	copied := "cp " + c.stateFile() + " disk && "
	for name, row := range map[string]struct {
		options, prepare string
		words            []string
	}{
		"full":                    {"size=1m", fill, []string{"no space left"}},
		"read-only":               {"size=1m", "mount -o remount,ro disk", []string{"read-only"}},
		"read-only, with a state": {"size=1m", copied + "mount -o remount,ro disk", []string{"read-only"}},
		"well":                    {"size=1m", "true", nil},
		"working, with a state":   {"size=1m", copied + "true", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := check.onADisk(t, row.options, row.prepare)
			s.dir = t.TempDir()
			status, stdout, stderr := s.run(t)
			if want := min(len(row.words), 1); status != want {
				t.Errorf("exit status %d, want %d\n%s%s", status, want, stdout, stderr)
			}
			for _, word := range row.words {
				if !strings.Contains(stdout, word) {
					t.Errorf("the output lacks %q:\n%s", word, stdout)
				}
			}
		})
	}
}

// On a full disk, counting stops but scrapes are answered. Nothing is lost or counted twice
// when there is space again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 13})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	s := watching(t, apiURL, "--collector.min-interval=0s", "--collector.hold-new-series=10ms", "--api.rate-limit=0",
		"--state.url=file:disk/ledger.db")
	s = s.onADisk(t, "size=8m", "true") // without the filler, far more than the state needs
	p := s.serve(t)
	p.mustScrape(30 * time.Second)
	emit := func(n int) {
		for range n {
			account.Emit(id, "video.process_failed", simulator.Responded(503))
		}
	}
	emit(10)
	eventually(t, func() error {
		return expect(account.Truth(), nil).compare(p.mustScrape(30 * time.Second))
	})

	disk := fmt.Sprintf("/proc/%d/root%s/disk/", p.cmd.Process.Pid, s.dir)
	filler := disk + "filler"
	if err := os.WriteFile(filler, make([]byte, 16<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	emit(3000) // more than the state's free pages hold
	var full *scrape
	eventually(t, func() error {
		full = p.mustScrape(time.Second)
		if full.sum("omegastream_exporter_state_commit_failures_total") == 0 {
			return fmt.Errorf("no commit has failed")
		}
		return nil
	})
	account.ResetCalls()
	for range 5 {
		later := p.mustScrape(time.Second)
		if diff := cmp.Diff(full.counters(), later.counters()); diff != "" {
			t.Errorf("values changed on a full disk (-before +now):\n%s", diff)
		}
	}
	eventually(t, func() error {
		if up := p.mustScrape(time.Second).sum("omegastream_up"); up != 0 {
			return fmt.Errorf("up %v on a full disk", up)
		}
		return nil
	})
	if n := account.Calls().Requests[simulator.GetEvent]; n > 32 {
		t.Errorf("%d details were requested that cannot be stored", n)
	}
	// Another process finds the shown values on that disk.
	copied := watching(t, apiURL)
	write(t, filepath.Join(copied.dir, "ledger.db"), read(t, disk+"ledger.db"))
	loaded := copied.serve(t).mustScrape(30 * time.Second)
	if diff := cmp.Diff(full.counters(), loaded.counters()); diff != "" {
		t.Errorf("the shown values differ from the written ones (-shown +written):\n%s", diff)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { // 3000 details
		return expect(account.Truth(), nil).compare(p.mustScrape(2 * time.Second))
	})

	// A stop on a full disk says why it failed, and what is lost.
	if err := os.WriteFile(filler, make([]byte, 16<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	emit(6000)
	eventually(t, func() error {
		if p.mustScrape(time.Second).values[`omegastream_exporter_state_failing{reason="write_failed"}`] != 1 {
			return fmt.Errorf("no commit has failed yet")
		}
		return nil
	})
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if status := p.cmd.ProcessState.ExitCode(); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	for _, words := range []string{"no space left on device", "was not counted and the next start asks for it again"} {
		if !strings.Contains(p.log.String(), words) {
			t.Errorf("the stop does not say %q", words)
		}
	}
}
