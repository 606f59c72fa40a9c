// Command testsummary runs `go test -json` with its arguments and tells a person what happened:
// a line for each package as it ends, then every failure in full, the slowest tests, the figures that
// tests give with t.Attr("figures", ...), and what was skipped and why. Its last line is `N passed, N failed, N skipped`, its exit status that of go test.
//
// With CI=true a skipped test is a failed run, and so is one without the race detector.
//
// It needs only the standard library, so it is a package of the main module and is tested with it.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
)

func main() {
	// Ctrl-C reaches go test as well; this program stays to tell what had failed until then.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	args := os.Args[1:]
	os.Exit(run(args, slices.Contains(args, "-race"), os.Getenv("CI") == "true", os.Stdout))
}

// run runs go test with args and returns the exit status. race tells whether they turn the race detector on.
func run(args []string, race, ci bool, out io.Writer) int {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...) //nolint:gosec,noctx // The arguments are the Makefile's; go test has its own time limit.
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintf(out, "start go test: %v\n", err)
		return 1
	}
	s := newSummary(out, modulePath())
	if err := s.read(events); err != nil {
		fmt.Fprintf(out, "read the output of go test: %v\n", err)
	}
	status := 0
	if err := cmd.Wait(); err != nil {
		status = 1
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
			status = exit.ExitCode()
		}
		if len(s.failures) == 0 {
			s.fail("go test", fmt.Sprintf("%v, without a failing test: the cause is above\n", err))
		}
	}
	if !race {
		s.skip("the race detector", "needs minutes and a C compiler: `make test-all` uses it")
	}
	s.report()
	if ci && len(s.skipped) > 0 {
		fmt.Fprintln(out, "With CI=true nothing may be skipped: this run has failed.")
		status = max(status, 1)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", s.passed, len(s.failures), len(s.skipped))
	return status
}

// modulePath is what package names are shown without.
func modulePath() string {
	out, _ := exec.Command("go", "list", "-m").Output() //nolint:noctx // It only reads go.mod.
	return strings.TrimSpace(string(out))
}

// read reads the events of one `go test -json`. It shows other lines as they are.
func (s *summary) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(s.out, "%s", line)
			} else {
				s.add(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
