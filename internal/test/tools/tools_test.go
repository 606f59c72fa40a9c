package tools_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"omegastream_exporter/internal/test/tools"
)

func TestPath(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refuse := func(tool, want string) {
		t.Helper()
		if _, err := tools.Path(root, tool); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", tool, err, want)
		}
	}
	refuse("terraform", "not one of the tools")
	refuse("promtool", "no such file")
	write("tools/prometheus/go.mod", "module x\n")
	refuse("promtool", "names no version")
	write("tools/prometheus/go.mod", "module x\n\nrequire (\n\tgithub.com/prometheus/prometheus v9.9.9 // indirect\n)\n")
	refuse("promtool", "`make tools` builds it")
	write("tools/prometheus/go.mod", "module x\n\nrequire github.com/prometheus/prometheus v9.9.9\n")
	refuse("promtool", "prometheus-v9.9.9-")
	want := filepath.Join(".tools", "prometheus-v9.9.9-"+runtime.Version(), "promtool")
	write(want, "")
	if got, err := tools.Path(root, "promtool"); err != nil || got != filepath.Join(root, want) {
		t.Errorf("promtool is at %s, %v", got, err)
	}
}
