package config

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omegastream_exporter/internal/test/needs"
)

// printed returns the output of the program for a flag such as --version.
func printed(t *testing.T, flag string) string {
	t.Helper()
	// Run the program instead of Parse, because kingpin prints its scripts to the process's
	// standard output.
	cmd := exec.CommandContext(t.Context(), Program, flag)
	cmd.Stderr = new(bytes.Buffer)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", flag, err, cmd.Stderr)
	}
	return string(out)
}

// Each shell completes commands, flags, and values from a short list, with the script of a
// release.
func TestCompletions(t *testing.T) {
	t.Parallel()
	for shell, ask := range map[string]string{
		// The last word is the one to complete.
		"bash": `source ./script
			COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
			_omegastream_exporter_bash_autocomplete
			printf '%s\n' "${COMPREPLY[@]}"`,
		// zsh has no completion system without a terminal, so define the commands that the
		// script calls.
		"zsh": `compdef() { }
			typeset -A compstate=(nmatches 0)
			compadd() { compstate[nmatches]=$#matches; print -l -- ${(M)matches:#$words[CURRENT]*} }
			_files() { print script }
			source ./script
			words=("$@"); CURRENT=$#
			_omegastream_exporter`,
		"fish": `source ./script
			complete -C "$argv" | string replace -r '\t.*' ''; true`,
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			path := needs.Tool(t, shell)
			dir := t.TempDir()
			script := printed(t, "--completion-script-"+shell)
			if err := os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			complete := func(words ...string) []string {
				args := append([]string{"-c", ask}, append([]string{Program}, words...)...)
				if shell != "fish" {
					args = slices.Insert(args, 2, shell) // $0
				}
				cmd := exec.CommandContext(t.Context(), path, args...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "HOME="+dir)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				return strings.Fields(string(out))
			}
			files := []string{"script"}
			if shell == "bash" { // bash completes files if the function finds nothing
				files = nil
			}
			for _, row := range []struct {
				words []string
				want  []string
			}{
				{[]string{"--api.key-file", "s"}, files},
				{[]string{"check", "--state.url-file", "s"}, files},
				{[]string{"--web.config.file", "s"}, files},
				{[]string{"--api.timeout", "1s", "check", "--log.level", "de"}, []string{"debug"}},
				{[]string{"che"}, []string{"check"}},
				{[]string{"state", "res"}, []string{"reset-counters"}},
				{[]string{"state", "copy", "--fr"}, []string{"--from"}},
				{[]string{"--api.k"}, []string{"--api.key-file"}},
				{[]string{"check", "--log.fo"}, []string{"--log.format"}},
				{[]string{"--log.level", "de"}, []string{"debug"}},
				{[]string{"--webhook.url-detail", "n"}, []string{"none"}},
			} {
				got := complete(row.words...)
				for i := range got { // fish appends a = to flags with a value
					got[i] = strings.TrimSuffix(got[i], "=")
				}
				if !slices.Equal(got, row.want) {
					t.Errorf("%q completes to %q, want %q", row.words, got, row.want)
				}
			}
			var flags []string
			for _, f := range newFlags(new(Config), io.Discard, io.Discard).app.Model().Flags {
				if !f.Hidden {
					flags = append(flags, "--"+f.Name)
				}
			}
			got := complete("--")
			slices.Sort(flags)
			slices.Sort(got)
			if !slices.Equal(got, flags) {
				t.Errorf("-- completes to\n%q, want\n%q", got, flags)
			}
		})
	}
}

// Bash splits --flag=value into three words.
func TestCompleteAfterEquals(t *testing.T) {
	t.Parallel()
	app := newFlags(new(Config), io.Discard, io.Discard).app.Model()
	levels := []string{"debug", "info", "warn", "error"}
	for _, row := range []struct{ words, want []string }{
		{[]string{"--log.level", "="}, levels},
		{[]string{"--log.level", "=", "de"}, levels},
		{[]string{"--log.level", "=", "debug", "state", ""}, []string{"reset-counters", "copy"}},
		{[]string{"--api.key-file", "=", "/et"}, nil},
		{[]string{"--demo", "state", ""}, []string{"reset-counters", "copy"}},
	} {
		if got := complete(app, row.words); !slices.Equal(got, row.want) {
			t.Errorf("%q completes to %q, want %q", row.words, got, row.want)
		}
	}
}
