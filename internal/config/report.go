package config

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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
		fmt.Fprintf(w, "%s: %s\n", Program, Printable(line))
	}
}

// Printable escapes what a terminal would obey or hide, such as control characters and marks
// that change the direction of text.
func Printable(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }
