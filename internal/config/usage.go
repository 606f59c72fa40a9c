package config

import (
	"slices"
	"text/template"

	"github.com/alecthomas/kingpin/v2"
)

// usageTemplate puts the help below its flag, because kingpin's two columns leave too little
// of 80 beside names as long as ours. It does not list variables, whose rule is in the
// description.
const usageTemplate = `usage: {{.App.Name}}
{{- with .Context.SelectedCommand}} {{.FullCommand}}{{if .Commands}} <command>{{end}}{{else}} [<command>]{{end}} [<flags>]

{{$commands := .App.FlattenedCommands -}}
{{with .Context.SelectedCommand}}{{$commands = .FlattenedCommands}}{{.Help | Wrap 0}}{{else}}{{.App.Help | Wrap 0}}{{end -}}
{{with $commands}}
Commands:
{{. | CommandRows | FormatTwoColumns -}}
{{end}}
Flags:
{{range HelpFlags .Context.SelectedCommand .Context.Flags}}  {{.}}
{{.Help | Wrap 6}}{{end}}{{with .Context.SelectedCommand}}{{if HasOwnFlags .}}
The exporter's other flags are accepted but have no effect here.
{{end}}{{end}}`

var usageFuncs = template.FuncMap{
	"FlagHead": flagHead, "CommandRows": commandRows, "HelpFlags": helpFlags, "HasOwnFlags": hasOwnFlags,
	"Roff": roff, "ManDate": manDate, "ManVersion": manVersion, "ManPurpose": purpose,
	"FishText": fishText, "FishValue": fishValue,
}

// flagHead returns the line above a flag's help, with its default.
func flagHead(f *kingpin.FlagModel) string {
	switch {
	case f.Short != 0:
		return "-" + string(f.Short) + ", --" + f.Name
	case f.IsBoolFlag() && f.Envar != "":
		return "--[no-]" + f.Name // how to undo a variable
	case f.IsBoolFlag():
		return "--" + f.Name
	case f.PlaceHolder != "":
		return "--" + f.Name + "=" + f.PlaceHolder
	}
	return "--" + f.Name + "=" + f.Default[0]
}

// commandFlags lists the flags that affect a command, if not all do.
var commandFlags = map[string][]string{
	"state":               {"api.url", "state.url", "state.url-file", "state.schema"},
	string(ResetCounters): {"api.url", "state.url", "state.url-file", "state.schema"},
	string(CopyState):     {"api.url", "state.url", "state.url-file", "state.schema"},
	string(Healthcheck):   {"web.listen-address", "web.systemd-socket", "web.config.file", "web.external-url", "web.route-prefix"},
}

func hasOwnFlags(c *kingpin.CmdModel) bool { return commandFlags[c.FullCommand] != nil }

// helpFlag is a flag in the help of a command.
type helpFlag struct {
	*kingpin.FlagModel
	of string // the subcommand that has the flag, or ""
}

func (f helpFlag) String() string {
	if f.of == "" {
		return flagHead(f.FlagModel)
	}
	return flagHead(f.FlagModel) + "  (" + f.of + ")"
}

// helpFlags returns the flags in the help of a command, its own first. flags are those of the
// program and then those of the command; the latter are nil for the program's own help.
func helpFlags(command *kingpin.CmdModel, flags []*kingpin.FlagModel) (shown []helpFlag) {
	var own []string
	if command != nil {
		for _, f := range command.Flags {
			shown = append(shown, helpFlag{f, ""})
		}
		for _, below := range command.Commands {
			for _, f := range below.Flags {
				shown = append(shown, helpFlag{f, below.FullCommand})
			}
		}
		flags = flags[:len(flags)-len(command.Flags)]
		own = commandFlags[command.FullCommand]
	}
	for _, f := range flags {
		if !f.Hidden && (own == nil || f.Envar == "" || slices.Contains(own, f.Name)) {
			shown = append(shown, helpFlag{f, ""})
		}
	}
	return shown
}

// commandRows returns a table of commands and their help.
func commandRows(commands []*kingpin.CmdModel) [][2]string {
	var rows [][2]string
	for _, c := range commands {
		if !c.Hidden {
			rows = append(rows, [2]string{c.FullCommand, c.Help})
		}
	}
	return rows
}
