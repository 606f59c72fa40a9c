package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// built is the folder with the binaries.
var built string

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for processes far more than they work.
	if err := errors.Join(flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0)))), prepare()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		os.RemoveAll(built)
		os.Exit(status)
	}))
}

// prepare makes the folder of the binaries, where other users may run them, and
// builds the program.
func prepare() (err error) {
	if built, err = os.MkdirTemp("", "omegastream-e2e-"); err != nil {
		return err
	}
	if err := os.Chmod(built, 0o755); err != nil {
		return err
	}
	return build(exporter())
}

// exporter is the path of the program.
func exporter() string { return filepath.Join(built, "omegastream_exporter") }

func build(to string, flags ...string) error {
	args := append([]string{"build", raceFlag, "-o", to}, flags...)
	out, err := exec.Command("go", append(args, "omegastream_exporter")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// impatient returns the path of the program with shorter waits between two asks
// for the same event: five minutes are too long for a test. All else is the same.
func impatient(t *testing.T) string {
	t.Helper()
	path, err := buildImpatient()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// waits are the lines of the ledger that differ in the impatient program.
var waits = map[string]string{
	`waitFirst( += )5 \* time\.Second`:     `waitFirst${1}1 * time.Second`,
	`retryFirst( += )5 \* time\.Minute`:    `retryFirst${1}1 * time.Second`,
	`retryLongest( += )6 \* time\.Hour`:    `retryLongest${1}4 * time.Second`,
	`waitLongest( += )5 \* time\.Minute\n`: "waitLongest${1}4 * time.Second\n",
}

var buildImpatient = sync.OnceValues(func() (string, error) {
	source, err := filepath.Abs("../ledger/work.go")
	if err != nil {
		return "", err
	}
	code, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	for old, next := range waits {
		line := regexp.MustCompile(`\b` + old)
		if n := len(line.FindAll(code, -1)); n != 1 {
			return "", fmt.Errorf("%s has %q %d times, not once: mend the list of waits in this test", source, old, n)
		}
		code = line.ReplaceAll(code, []byte(next))
	}
	changed := filepath.Join(built, "work.go")
	if err := os.WriteFile(changed, code, 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(built, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	path := filepath.Join(built, "impatient_exporter")
	return path, build(path, "-overlay", list)
})
