package config

import (
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// bashTemplate is the completion for bash. Bash splits words at =, and completes files if
// nothing else is offered.
const bashTemplate = `# Completions of omegastream_exporter for bash.
_omegastream_exporter_bash_autocomplete() {
    local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]}
    [[ $cur == "=" ]] && cur=
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" --completion-bash "${COMP_WORDS[@]:1:COMP_CWORD}")" -- "$cur"))
}
complete -F _omegastream_exporter_bash_autocomplete -o default omegastream_exporter
`

// fishTemplate is the completion for fish, which does not call the program.
const fishTemplate = `# Completions of omegastream_exporter for fish.
set -l commands{{range .App.Commands}}{{if not .Hidden}} {{.Name}}{{end}}{{end}}
complete -c omegastream_exporter -f
{{range .App.Commands}}{{if not .Hidden -}}
complete -c omegastream_exporter -n "not __fish_seen_subcommand_from $commands" -a {{.Name}} -d '{{.Help | FishText}}'
{{$parent := .Name}}{{range .Commands -}}
{{$child := .Name}}complete -c omegastream_exporter -n "__fish_seen_subcommand_from {{$parent}}" -a {{.Name}} -d '{{.Help | FishText}}'
{{range .Flags -}}
complete -c omegastream_exporter -n "__fish_seen_subcommand_from {{$child}}" -l {{.Name}}{{FishValue .}} -d '{{.Help | FishText}}'
{{end}}{{end}}{{end}}{{end}}{{range .App.Flags}}{{if not .Hidden -}}
complete -c omegastream_exporter -l {{.Name}}{{if .Short}} -s {{printf "%c" .Short}}{{end}}{{FishValue .}} -d '{{.Help | FishText}}'
{{end}}{{end}}`

// fishText returns the first sentence of a help text, which fits beside a name, for single
// quotes.
func fishText(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(strings.TrimSuffix(first, "."))
}

// fishValue describes the value of a flag.
func fishValue(f *kingpin.FlagModel) string {
	v, ours := f.Value.(*value)
	switch {
	case f.IsBoolFlag():
		return ""
	case f.PlaceHolder == placeFile:
		return " -r -F"
	case ours && len(v.options) > 0:
		return " -x -a '" + strings.Join(v.options, " ") + "'"
	}
	return " -x"
}

// complete returns the completions of the last word, for bash and zsh. If there are none,
// they complete files. kingpin's own completion offers commands as values of flags.
func complete(app *kingpin.ApplicationModel, words []string) (candidates []string) {
	flags, commands := app.Flags, app.Commands
	byName := func(word string) *kingpin.FlagModel {
		name, isFlag := strings.CutPrefix(word, "--")
		i := slices.IndexFunc(flags, func(f *kingpin.FlagModel) bool { return f.Name == name })
		if !isFlag || i < 0 || flags[i].IsBoolFlag() {
			return nil
		}
		return flags[i]
	}
	var awaits *kingpin.FlagModel // the flag whose value comes next
	last := ""
	for i, word := range words {
		if word == "=" && awaits != nil { // bash cuts --flag=value there
			continue
		}
		if i == len(words)-1 {
			last = word
			break
		}
		if awaits != nil {
			awaits = nil
			continue
		}
		if awaits = byName(word); awaits != nil || strings.HasPrefix(word, "-") {
			continue
		}
		if j := slices.IndexFunc(commands, func(c *kingpin.CmdModel) bool { return c.Name == word }); j >= 0 {
			flags = append(slices.Clone(flags), commands[j].Flags...)
			commands = commands[j].Commands
		}
	}
	if awaits != nil {
		if v, ours := awaits.Value.(*value); ours {
			return v.options
		}
		return nil
	}
	if strings.HasPrefix(last, "-") {
		for _, f := range flags {
			if !f.Hidden {
				candidates = append(candidates, "--"+f.Name)
			}
		}
		return candidates
	}
	for _, c := range commands {
		if !c.Hidden {
			candidates = append(candidates, c.Name)
		}
	}
	return candidates
}
