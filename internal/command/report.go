package command

import (
	"fmt"
	"io"
	"strings"

	"omegastream_exporter/internal/config"
)

const lineWidth = 80

// report writes the lines of a report.
type report struct {
	w      io.Writer
	failed bool
	warned []string // problems that do not fail the check
	err    error    // of writing
}

func (r *report) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(r.w, format, args...); err != nil && r.err == nil {
		r.err = err
	}
}

// line writes the result of one step, wrapped.
func (r *report) line(what string, ok bool, text string) {
	status := "ok"
	if !ok {
		status = "FAILED"
		r.failed = true
	}
	const indent = 19
	for i, part := range wrap(config.Printable(text), lineWidth-indent) {
		if i == 0 {
			r.printf("%-10s%-9s%s\n", what, status, part)
		} else {
			r.printf("%*s%s\n", indent, "", part)
		}
	}
}

// warn keeps a warning for the end of the report.
func (r *report) warn(format string, args ...any) {
	r.warned = append(r.warned, fmt.Sprintf(format, args...))
}

// warnings writes the warnings.
func (r *report) warnings() {
	for _, text := range r.warned {
		const indent = "    "
		r.printf("%s\n", strings.Join(wrap("warning: "+config.Printable(text), lineWidth-len(indent)), "\n"+indent))
	}
}

// wrap breaks a text between words.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
