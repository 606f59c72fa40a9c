package file

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// childMode is the variable that tells a child process, which runs this test binary, what to
// do.
const childMode = "LEDGER_TEST_CHILD"

func TestMain(m *testing.M) {
	if do, ok := children[os.Getenv(childMode)]; ok {
		if err := do("ledger.db"); err != nil {
			fmt.Println(err)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child starts a process that uses the state file at path. Its output can be read line by
// line.
func child(t *testing.T, mode, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Dir = filepath.Dir(path)
	cmd.Env = append(os.Environ(), childMode+"="+mode)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

func line(t *testing.T, s *bufio.Scanner) string {
	t.Helper()
	if !s.Scan() {
		t.Fatalf("the child ended: %v", s.Err())
	}
	return s.Text()
}
