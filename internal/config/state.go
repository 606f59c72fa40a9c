package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"omegastream_exporter/internal/smallfile"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
	"omegastream_exporter/internal/state/postgres"
)

// State is the place of a state: the parsed value of --state.url. The zero value is in
// memory.
type State struct {
	path   string          // of a file, as given
	server *postgres.Place // PostgreSQL
}

// Store returns the store at this place. It opens and creates nothing before its first
// use.
func (s State) Store() (state.Store, error) {
	switch {
	case s.path != "":
		return file.New(s.path), nil
	case s.server != nil:
		return s.server.Open()
	}
	return state.NewMemory(), nil
}

// File returns the path of a state in a file.
func (s State) File() (path string, ok bool) { return s.path, s.path != "" }

// InMemory reports whether the state is lost when the process ends.
func (s State) InMemory() bool { return s == State{} }

// Shared reports whether several processes can use the state at once.
func (s State) Shared() bool { return s.server != nil }

// String returns the URL without user and password.
func (s State) String() string {
	switch {
	case s.path != "":
		return "file:" + s.path
	case s.server != nil:
		return s.server.String()
	}
	return "memory:"
}

// Where names the state for people; a file by its path.
func (s State) Where() string { return cmp.Or(s.path, s.String()) }

const knownStates = "file:PATH, memory: or postgres://USER@HOST/DATABASE"

func (f *flags) validateState(command Command) {
	if f.cfg.Demo {
		return
	}
	if !schemaName.MatchString(f.raw.stateSchema) || strings.HasPrefix(f.raw.stateSchema, "pg_") {
		f.reject("state.schema", "cannot be the name of a schema; use up to 63 lower-case letters, digits and _, without a digit first and without pg_ at the start")
	}
	source, raw := "state.url", f.raw.stateURL
	if name := f.raw.stateURLFile; name != "" {
		if f.given("state.url") {
			f.reject("state.url-file", "cannot be combined with --state.url; use only one of them")
			return
		}
		content, _, err := smallfile.Read(name)
		if err != nil {
			f.reject("state.url-file", "%w", err)
			return
		}
		f.warnOfReaders("state.url-file", name)
		source, raw = "state.url-file", strings.TrimSpace(content)
	}
	c, err := parseState(raw, f.raw.stateSchema)
	if err != nil {
		f.reject(source, "%w", err)
		return
	}
	f.cfg.State = c
	if source == "state.url" && *f.typed[source] && c.hasPassword() {
		f.reject(source, "contains a password, which every user of this host can see in the process list; use the environment variable OMEGASTREAM_EXPORTER_STATE_URL or --state.url-file")
	}
	if c.InMemory() && command == ResetCounters {
		f.reject(source, "is memory:, which has no counters to reset; name the state with file:PATH")
	}
	if command == CopyState {
		f.validateCopy(source)
	}
}

// validateCopy checks both ends of a copy.
func (f *flags) validateCopy(source string) {
	from, err := parseState(f.raw.from, f.raw.stateSchema)
	f.cfg.From = from
	switch {
	case err != nil:
		f.reject(flagFrom, "%w", err)
	case from.InMemory():
		f.reject(flagFrom, "is memory:, which has nothing to copy; name a state with file:PATH")
	case from.hasPassword():
		f.reject(flagFrom, "contains a password, which every user of this host can see in the process list; use the environment variable PGPASSWORD or a .pgpass file")
	}
	if f.cfg.State.InMemory() {
		f.reject(source, "is memory:, which keeps nothing; name the target with file:PATH or postgres://")
	}
}

func (s State) hasPassword() bool { return s.server != nil && s.server.HasPassword() }

// schemaName matches identifiers that PostgreSQL accepts without quotes.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// scheme is the only part of a state URL that an error repeats; the rest can contain a
// password.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)

// parseState returns the place that a URL names. Its errors show no more of the URL than
// the scheme.
func parseState(raw, schema string) (s State, err error) {
	if strings.EqualFold(raw, "none") {
		return s, errors.New("is not a kind of state; write memory: to keep none")
	}
	name, rest, found := strings.Cut(raw, ":")
	if !found || !scheme.MatchString(name) {
		return s, fmt.Errorf("does not say what kind of state it is; write %s", knownStates)
	}
	switch strings.ToLower(name) {
	case "file":
		path, isURL := strings.CutPrefix(rest, "//")
		if isURL && !strings.HasPrefix(path, "/") {
			return s, errors.New("names a host, but the file is on this one; write file:data/ledger.db or file:/var/lib/ledger.db")
		}
		if path == "" || strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0) {
			return s, errors.New("does not name a file; write it like file:data/ledger.db")
		}
		s.path = path
	case "memory":
		if strings.Trim(rest, "/") != "" {
			return s, errors.New("memory: takes nothing after the colon")
		}
	case "postgres", "postgresql":
		s.server, err = postgres.ParseURL(raw, schema)
	default:
		return s, fmt.Errorf("%q is not a kind of state; write %s", name, knownStates)
	}
	return s, err
}
