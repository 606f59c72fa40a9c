package needs_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"omegastream_exporter/internal/test/needs"
)

func TestTool(t *testing.T) {
	for _, tt := range []struct {
		name, ci, tool, want string
	}{
		{"there", "true", "go", ""},
		{"missing", "", "no-such-tool", "skip: needs no-such-tool: not found in PATH"},
		{"missing in CI", "true", "no-such-tool", "fatal: needs no-such-tool: not found in PATH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CI", tt.ci)
			end := &ending{TB: t}
			var path string
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				path = needs.Tool(end, tt.tool)
			}()
			<-ended
			if end.how != tt.want {
				t.Errorf("the test ended with %q, want %q", end.how, tt.want)
			}
			if found := filepath.IsAbs(path); found != (tt.want == "") {
				t.Errorf("path = %q", path)
			}
		})
	}
}

func TestMinutes(t *testing.T) {
	for _, tt := range []struct{ name, ci, long, want string }{
		{"a quick run", "", "", "skip: needs minutes: `make test-all` runs it"},
		{"CI", "true", "", ""},
		{"asked for", "", "1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CI", tt.ci)
			t.Setenv("LONG", tt.long)
			end := &ending{TB: t}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				needs.Minutes(end)
			}()
			<-ended
			if end.how != tt.want {
				t.Errorf("the test ended with %q, want %q", end.how, tt.want)
			}
			want := 9
			if tt.want != "" {
				want = 2
			}
			if got := needs.Count(2, 9); got != want {
				t.Errorf("%d repetitions, want %d", got, want)
			}
		})
	}
}

// ending is a test that records how it ended.
type ending struct {
	testing.TB
	how string
}

func (e *ending) Skip(args ...any) {
	e.how = "skip: " + fmt.Sprint(args...)
	runtime.Goexit()
}

func (e *ending) Fatal(args ...any) {
	e.how = "fatal: " + fmt.Sprint(args...)
	runtime.Goexit()
}
