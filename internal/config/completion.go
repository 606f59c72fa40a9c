package config

import (
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// fishTemplate completes for fish, for --completion-script-fish. kingpin brings
// the scripts for bash and zsh, which ask the program at each key.
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

// fishText is the first sentence of a help, which is what fits beside a name, for
// single quotes.
func fishText(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(strings.TrimSuffix(first, "."))
}

// fishValue says what follows a flag.
func fishValue(f *kingpin.FlagModel) string {
	v, ours := f.Value.(*value)
	switch {
	case f.IsBoolFlag():
		return ""
	case f.PlaceHolder == "FILE":
		return " -r -F"
	case ours && len(v.options) > 0:
		return " -x -a '" + strings.Join(v.options, " ") + "'"
	}
	return " -x"
}
