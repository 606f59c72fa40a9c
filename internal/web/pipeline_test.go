package web

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omegastream_exporter/internal/test/needs"
)

// The script in docs/failures.md processes every missed event once, however often it runs.
func TestScriptProcessesWhatWasMissed(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"sh", "curl", "jq"} {
		needs.Tool(t, tool)
	}
	document, err := os.ReadFile("../../docs/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(document), "```sh\n#!")
	script, _, _ = strings.Cut("#!"+script, "```")
	p, truth := missed(t, 150)
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	for name, content := range map[string]string{"missed.sh": script, "process": "#!/bin/sh\necho \"$1 $2\" >>processed.txt\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for _, row := range truth {
		if row.Healed == nil && row.EndpointID == "ep-a" {
			line := row.Type + " "
			if row.VideoUUID != nil {
				line += *row.VideoUUID
			}
			want = append(want, line)
		}
	}
	slices.Sort(want)
	for run := range 2 {
		script := exec.Command("sh", "./missed.sh", server.URL, "endpoint=ep-a")
		script.Dir = dir
		if out, err := script.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		processed, err := os.ReadFile(filepath.Join(dir, "processed.txt"))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimRight(string(processed), "\n"), "\n")
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Fatalf("after run %d, %d events are processed, want %d", run+1, len(got), len(want))
		}
	}
}
