package config

import (
	"strings"
	"time"

	"github.com/prometheus/common/version"
)

// manTemplate is the manual page, for --help-man.
const manTemplate = `.TH OMEGASTREAM_EXPORTER 1 "{{ManDate}}" "{{ManVersion}}" "User Commands"
.SH NAME
omegastream_exporter \- {{ManPurpose | Roff}}
.SH SYNOPSIS
.B omegastream_exporter
[\fIcommand\fR] [\fIflags\fR]
.SH DESCRIPTION
{{.App.Help | Roff}}
.SH COMMANDS
{{range .App.FlattenedCommands}}{{if not .Hidden}}.TP
.B {{.FullCommand | Roff}}
{{.Help | Roff}}
{{range .Flags}}.RS
.TP
.B {{. | FlagHead | Roff}}
{{.Help | Roff}}
.RE
{{end}}{{end}}{{end}}.SH OPTIONS
{{range .App.Flags}}{{if not .Hidden}}.TP
.B {{. | FlagHead | Roff}}
{{.Help | Roff}}
{{end}}{{end}}.SH ENVIRONMENT
.TP
.B OMEGASTREAM_API_KEY
The API key. Not used together with \-\-api.key\-file.
{{range .App.Flags}}{{if .Envar}}.TP
.B {{.Envar | Roff}}
\-\-{{.Name | Roff}}
{{end}}{{end}}.TP
.B HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE
Proxy and certificate authorities for the connection to the API.
.SH EXIT STATUS
0 after SIGTERM or SIGINT and if a command succeeds, 1 otherwise.
Each problem is one line on standard error.
.SH FILES
.TP
.B data/ledger.db
The state, in the folder that the exporter is started in.
`

// purpose returns the first sentence of description, without its full stop.
func purpose() string {
	first, _, _ := strings.Cut(description, "\n")
	return strings.TrimSuffix(first, ".")
}

// manDate is the day of the build; empty if unknown.
func manDate() string {
	built, err := time.Parse("20060102-15:04:05", version.BuildDate)
	if err != nil {
		return ""
	}
	return built.Format(time.DateOnly)
}

// manVersion names program and version, as other manual pages do.
func manVersion() string { return strings.TrimSpace(Program + " " + version.Version) }

// roff escapes text for troff.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n\n", "\n.PP\n").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != ".PP" && strings.IndexAny(line, ".'") == 0 {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
