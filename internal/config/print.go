package config

import (
	"fmt"
	"io"
	"strings"
)

// print handles the flags for packagers: the manual page and the shell completions. kingpin
// has flags of the same names, but with a worse manual page and worse completions. It returns
// false if args has none of these flags.
func (f *flags) print(args []string, stdout io.Writer) (bool, error) {
	templates := map[string]string{
		"--help-man":               manTemplate,
		"--completion-script-bash": bashTemplate,
		"--completion-script-fish": fishTemplate,
	}
	for i, arg := range args {
		if arg == "--completion-bash" {
			candidates := complete(f.app.Model(), args[i+1:])
			_, err := fmt.Fprintln(stdout, strings.Join(candidates, "\n"))
			return true, err
		}
		if template, ok := templates[arg]; ok {
			context, err := f.app.ParseContext(nil)
			if err != nil {
				return true, err
			}
			return true, f.app.UsageForContextWithTemplate(context, 2, template)
		}
	}
	return false, nil
}
