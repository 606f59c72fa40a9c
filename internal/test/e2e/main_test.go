package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// built is the folder of the binaries.
var built string

func TestMain(m *testing.M) {
	flag.Parse()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // programs started under nohup would inherit that the signal is ignored
	// The tests spend most of their time waiting for processes.
	if err := errors.Join(flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0)))), prepare()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		os.RemoveAll(built)
		os.Exit(status)
	}))
}

// prepare creates the folder of the binaries, where other users can run them, and builds the
// program.
func prepare() (err error) {
	if built, err = os.MkdirTemp("", "omegastream-e2e-"); err != nil {
		return err
	}
	if err := os.Chmod(built, 0o755); err != nil {
		return err
	}
	return build(exporter())
}

// root is the root of the repository.
const root = "../../.."

// lookAtSources stats all sources. A separate process builds the program from them, so go test
// would otherwise use cached results of an older program. Only what a running test stats counts.
var lookAtSources = sync.OnceValue(func() error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // a file of another test
			return nil
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir():
			_, _ = os.Stat(path)
		}
		return nil
	})
})

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

// patch changes a line of the ledger in a program for tests.
type patch struct{ file, old, next string }

// waits shortens the waits between asks for the same event, as five minutes are too long for
// a test.
var waits = []patch{
	{"work.go", `waitFirst( += )5 \* time\.Second`, `waitFirst${1}1 * time.Second`},
	{"work.go", `retryFirst( += )5 \* time\.Minute`, `retryFirst${1}1 * time.Second`},
	{"work.go", `retryLongest( += )6 \* time\.Hour`, `retryLongest${1}4 * time.Second`},
	{"work.go", `waitLongest( += )5 \* time\.Minute\n`, "waitLongest${1}4 * time.Second\n"},
}

// impatient returns the path of the program with shorter waits.
func impatient(t *testing.T) string {
	t.Helper()
	return patched(t, buildImpatient)
}

func patched(t *testing.T, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildImpatient = sync.OnceValues(func() (string, error) { return buildPatched("impatient", waits) })

func buildPatched(name string, patches []patch) (string, error) {
	replace := make(map[string]string)
	code := make(map[string][]byte) // by path of the source
	for _, p := range patches {
		source, err := filepath.Abs(filepath.Join(root, "internal", "ledger", p.file))
		if err != nil {
			return "", err
		}
		if code[source] == nil {
			if code[source], err = os.ReadFile(source); err != nil {
				return "", err
			}
		}
		line := regexp.MustCompile(`\b` + p.old)
		if n := len(line.FindAll(code[source], -1)); n != 1 {
			return "", fmt.Errorf("%s has %q %d times, not once: update the patches of this test", source, p.old, n)
		}
		code[source] = line.ReplaceAll(code[source], []byte(p.next))
	}
	for source, text := range code {
		changed := filepath.Join(built, name+"-"+filepath.Base(source))
		if err := os.WriteFile(changed, text, 0o600); err != nil {
			return "", err
		}
		replace[source] = changed
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(built, name+".json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	path := filepath.Join(built, name+"_exporter")
	return path, build(path, "-overlay", list)
}
