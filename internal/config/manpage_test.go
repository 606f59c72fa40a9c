package config

import (
	"io"
	"os/exec"
	"strings"
	"testing"

	"omegastream_exporter/internal/test/needs"
)

// A formatter accepts the manual page without warnings, and the page has every flag, variable
// and command.
func TestManPage(t *testing.T) {
	t.Parallel()
	mandoc := needs.Tool(t, "mandoc")
	page := printed(t, "--help-man")
	lint := exec.CommandContext(t.Context(), mandoc, "-T", "lint", "-W", "warning")
	lint.Stdin = strings.NewReader(page)
	// Unlike a release, a test has no build date.
	out, _ := lint.CombinedOutput()
	if rest := strings.TrimSpace(strings.ReplaceAll(string(out), `mandoc: <stdin>:1:28: WARNING: missing date, using "": TH`, "")); rest != "" {
		t.Errorf("mandoc: %s", rest)
	}

	render := exec.CommandContext(t.Context(), mandoc, "-T", "ascii", "-O", "width=400")
	render.Stdin = strings.NewReader(page)
	out, err := render.Output()
	if err != nil {
		t.Fatal(err)
	}
	var plain strings.Builder // the formatter overstrikes letters for bold and underline
	for i, c := range out {
		if c != '\b' && (i+1 == len(out) || out[i+1] != '\b') {
			plain.WriteByte(c)
		}
	}
	shown := plain.String()
	wants := []string{"omegastream_exporter - Prometheus exporter for the webhooks of an OmegaStream account\n", EnvKey, "state reset-counters", "SIGTERM"}
	model := newFlags(new(Config), io.Discard, io.Discard).app.Model()
	for _, f := range model.Flags {
		if !f.Hidden {
			wants = append(wants, flagHead(f)+"\n", f.Help, f.Envar)
		}
	}
	for _, c := range model.FlattenedCommands() {
		wants = append(wants, c.FullCommand, c.Help)
		for _, f := range c.Flags { // the description of a short flag is on the same line
			wants = append(wants, flagHead(f), f.Help)
		}
	}
	for _, want := range wants {
		if !strings.Contains(shown, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	for _, hidden := range []string{"help-man", "completion"} {
		if strings.Contains(shown, hidden) {
			t.Errorf("the page shows %q, which is for packaging", hidden)
		}
	}
}

func TestRoff(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"--api.url":         `\-\-api.url`,
		".dot\n'quote\na.b": "\\&.dot\n\\&'quote\na.b",
		"one\n\ntwo":        "one\n.PP\ntwo",
		`C:\data`:           `C:\edata`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}
