package dashboards_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests spend most of their time waiting for processes.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if path, err := buildOnce(); err == nil {
		os.Remove(path)
	}
	os.Exit(status)
}
