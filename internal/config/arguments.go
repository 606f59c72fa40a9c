package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// strayArgument is how kingpin reports an argument that it has no use for.
var strayArgument = regexp.MustCompile(`(?s)^(?:unexpected argument|unexpected|expected command but got|failed to (?:open|read) arguments (?:file|from)) (.*)$`)

// argumentError is the error of kingpin's parser for people. An argument is repeated
// only where it is nearly a command: whatever else it is can be a secret.
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

// nearlyCommand says whether word is a command, misspelt at most.
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
