package config

import (
	"fmt"
	"io"
	"strings"
)

// Report writes one line for each problem in err.
func Report(w io.Writer, err error) {
	problems := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		problems = joined.Unwrap()
	}
	for _, p := range problems {
		// Messages of libraries can span lines (YAML) or carry what was typed.
		line := strings.Join(strings.Fields(p.Error()), " ")
		fmt.Fprintf(w, "%s: %s\n", Program, line)
	}
}
