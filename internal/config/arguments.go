package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// strayArgument matches kingpin's error for an unexpected argument.
var strayArgument = regexp.MustCompile(`(?s)^(?:unexpected argument|unexpected|expected command but got|failed to (?:open|read) arguments (?:file|from)) (.*)$`)

// argumentError turns an error of kingpin's parser into one for people. It repeats an
// argument only if it is nearly a command, because anything else can be a secret.
func (f *flags) argumentError(err error, args []string) error {
	if strings.Contains(err.Error(), "'--api.key'") {
		return fmt.Errorf("the API key is never a flag: set %s or give a file with --api.key-file", EnvKey)
	}
	match := strayArgument.FindStringSubmatch(err.Error())
	if len(match) == 0 || f.nearlyCommand(strings.Trim(match[1], `"'`)) {
		return fmt.Errorf("%w; try --help", err)
	}
	number := slices.IndexFunc(args, func(arg string) bool { return strings.Contains(match[1], strings.TrimPrefix(arg, "@")) })
	if number < 0 {
		return errors.New("an argument is neither a command nor a flag; try --help")
	}
	return fmt.Errorf("argument %d is neither a command nor a flag; try --help", number+1)
}

// nearlyCommand reports whether word is a command, perhaps misspelled.
func (f *flags) nearlyCommand(word string) bool {
	for _, c := range f.app.Model().FlattenedCommands() {
		for part := range strings.SplitSeq(c.FullCommand, " ") {
			if distance(word, part) <= 2 {
				return true
			}
		}
	}
	return false
}
