package main

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write testdata/help.txt anew")

func TestMain(m *testing.M) {
	commands := map[string]func(){program: main, stuckProgram: stuck}
	if commands[filepath.Base(os.Args[0])] == nil {
		clearEnvironment()
	}
	testscript.Main(m, commands)
}

// clearEnvironment keeps what the developer exported out of the tests.
func clearEnvironment() {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "OMEGASTREAM_") || name == "COLUMNS" {
			os.Unsetenv(name)
		}
	}
}

// stuckProgram is the program with an application that does not close.
const stuckProgram = "stuck_exporter"

func stuck() {
	app := serving(http.NotFound)
	build := func(_ context.Context, _ config, log *slog.Logger) (*application, error) {
		app.close = func(ctx context.Context) error {
			log.Info("closing now")
			<-ctx.Done()
			return ctx.Err()
		}
		return app, nil
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, wiring{build: build}))
}

// The scripts in testdata/cli use the program as a person does.
func TestCLI(t *testing.T) {
	t.Parallel()
	taken := listenLocal(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/cli",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TAKEN", taken.Addr().String())
			return nil
		},
	})
}

// Refresh the golden file with: go test -run TestHelp . -update
func TestHelp(t *testing.T) {
	t.Parallel()
	const golden = "testdata/help.txt"
	var stdout, stderr bytes.Buffer
	if status := run(context.Background(), []string{"--help"}, &stdout, &stderr, wired); status != 0 || stderr.Len() > 0 {
		t.Fatalf("status %d, stderr %q", status, stderr.String())
	}
	if *update {
		if err := os.WriteFile(golden, stdout.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), stdout.String()); diff != "" {
		t.Errorf("--help differs from %s (-want +got):\n%s", golden, diff)
	}
	for line := range strings.Lines(stdout.String()) {
		if len(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
}
