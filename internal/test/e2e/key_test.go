package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
)

// A key can be replaced while the program runs, in the ways of people and of Kubernetes.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 5, Key: "key-1"})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	s := watching(t, apiURL, "--api.key-file=mounted/key", "--collector.min-interval=20ms", "--collector.hold-new-series=0")
	s.env = nil
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	point := func(to string) { // like the kubelet
		t.Helper()
		link := filepath.Join(s.dir, "next")
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(s.dir, "mounted")); err != nil {
			t.Fatal(err)
		}
	}
	write("one/key", "key-1\n")
	point("one")
	p := s.serve(t)
	counted := 0.0
	works := func() {
		t.Helper()
		account.Emit(id, "video.process_succeeded", simulator.Responded(200))
		counted++
		eventually(t, func() error {
			got, err := p.scrape(5 * time.Second)
			if err != nil {
				return err
			}
			up, n := got.sum("omegastream_up"), got.sum("webhook_deliveries_total", "status_code", "200")
			if up != 1 || n != counted {
				return fmt.Errorf("up %v, %v deliveries, want %v", up, n, counted)
			}
			return nil
		})
	}
	p.mustScrape(5 * time.Second)
	works()

	write("one/key", "key-2") // the file first, then the account
	account.SetKey("key-2")
	account.ResetCalls()
	works()
	if refused := account.Calls().Count(simulator.ListEndpoints, 401); refused != 0 {
		t.Errorf("the old key was used %d times after the file had changed", refused)
	}

	failed := p.mustScrape(5*time.Second).sum("omegastream_exporter_syncs_total", "result", "error")
	account.SetKey("key-3") // the account first, then the file
	account.ResetCalls()
	eventually(t, func() error {
		got := p.mustScrape(5 * time.Second)
		if got.sum("omegastream_up") != 0 {
			return fmt.Errorf("up is 1 without a valid key")
		}
		failed = got.sum("omegastream_exporter_syncs_total", "result", "error") - failed
		return nil
	})
	refused := 0
	for answered, n := range account.Calls().Answers {
		if answered.Code != http.StatusUnauthorized {
			t.Errorf("%d answers %v with a refused key", n, answered)
		}
		refused += n
	}
	if float64(refused) != failed || refused == 0 {
		t.Errorf("%d calls were refused in %v syncs, but the first refusal ends a sync", refused, failed)
	}
	write("two/key", " key-3 \r\n")
	point("two")
	works()

	account.SetKey("key-4") // the file is first gone and then empty
	if err := os.Remove(filepath.Join(s.dir, "two", "key")); err != nil {
		t.Fatal(err)
	}
	p.mustScrape(5 * time.Second)
	write("two/key", "")
	p.mustScrape(5 * time.Second)
	write("two/key", "key-4")
	works()
	p.stop()
}
