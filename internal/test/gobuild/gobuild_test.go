package gobuild

import (
	"os"
	"strings"
	"testing"
)

// The tests build the program with the Makefile's flags, except for the version.
func TestFlags(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\nCOMPILE  = " + strings.Join(flags, " ") + "\n"; !strings.Contains(string(makefile), want) {
		t.Errorf("the Makefile has no line%s", want)
	}
}
