package config

import (
	"text/template"

	"github.com/alecthomas/kingpin/v2"
)

// usageTemplate puts the help under its flag: beside names as long as ours,
// kingpin's two columns leave too little of 80. It names no variables, whose
// rule the description gives.
const usageTemplate = `usage: {{.App.Name}}
{{- with .Context.SelectedCommand}} {{.FullCommand}}{{if .Commands}} <command>{{end}}{{else}} [<command>]{{end}} [<flags>]

{{$commands := .App.FlattenedCommands -}}
{{with .Context.SelectedCommand}}{{$commands = .FlattenedCommands}}{{.Help | Wrap 0}}{{else}}{{.App.Help | Wrap 0}}{{end -}}
{{with $commands}}
Commands:
{{. | CommandRows | FormatTwoColumns -}}
{{end}}
Flags:
{{range .Context.Flags}}{{if not .Hidden}}  {{. | FlagHead}}
{{.Help | Wrap 6}}{{end}}{{end}}`

var usageFuncs = template.FuncMap{
	"FlagHead": flagHead, "CommandRows": commandRows,
	"Roff": roff, "ManDate": manDate, "ManVersion": manVersion, "ManPurpose": purpose,
	"FishText": fishText, "FishValue": fishValue,
}

// flagHead is the line above a flag's help, with its default.
func flagHead(f *kingpin.FlagModel) string {
	switch {
	case f.Short != 0:
		return "-" + string(f.Short) + ", --" + f.Name
	case f.IsBoolFlag() && f.Envar != "":
		return "--[no-]" + f.Name // the way to undo a variable
	case f.IsBoolFlag():
		return "--" + f.Name
	case f.PlaceHolder != "":
		return "--" + f.Name + "=" + f.PlaceHolder
	}
	return "--" + f.Name + "=" + f.Default[0]
}

// commandRows lists commands beside their help.
func commandRows(commands []*kingpin.CmdModel) [][2]string {
	var rows [][2]string
	for _, c := range commands {
		if !c.Hidden {
			rows = append(rows, [2]string{c.FullCommand, c.Help})
		}
	}
	return rows
}
