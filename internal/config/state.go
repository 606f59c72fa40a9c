package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/state/file"
	"omegastream_exporter/internal/state/postgres"
)

// State is a place that keeps a state: the parsed value of --state.url.
type State struct {
	kind   stateKind
	path   string        // of a file, as given
	dsn    client.Secret // of PostgreSQL, the URL as given
	schema string        // of PostgreSQL
}

type stateKind int

const (
	stateFile stateKind = iota
	stateMemory
	statePostgres
)

// Store returns the store at this place. It opens and creates nothing before its first
// use.
func (s State) Store() (state.Store, error) {
	switch s.kind {
	case stateMemory:
		return state.NewMemory(), nil
	case statePostgres:
		store, err := postgres.New(s.dsn.Reveal(), s.schema)
		if err != nil {
			return nil, fmt.Errorf("--state.url: %w", err)
		}
		return store, nil
	default:
		return file.New(s.path), nil
	}
}

// File returns the path of a state in a file.
func (s State) File() (path string, ok bool) { return s.path, s.kind == stateFile }

// InMemory reports whether the state ends with the process.
func (s State) InMemory() bool { return s.kind == stateMemory }

// Shared reports whether several processes can have the state open at once.
func (s State) Shared() bool { return s.kind == statePostgres }

// String returns the URL without user and password.
func (s State) String() string {
	switch s.kind {
	case stateFile:
		return "file:" + s.path
	case stateMemory:
		return "memory:"
	default:
		return postgres.Name(s.dsn.Reveal(), s.schema)
	}
}

// Where names the state for people: a file by its path.
func (s State) Where() string {
	if path, ok := s.File(); ok {
		return path
	}
	return s.String()
}

const knownStates = "file:PATH, memory: or postgres://USER@HOST/DATABASE"

func (f *flags) validateState(command Command) {
	c := &f.cfg.State
	if f.cfg.Demo {
		c.kind = stateMemory
		return
	}
	if !schemaName.MatchString(c.schema) || strings.HasPrefix(c.schema, "pg_") {
		f.reject("state.schema", "cannot be the name of a schema; use up to 63 lower-case letters, digits and _, without a digit first and without pg_ at the start")
	}
	source, raw := "state.url", f.raw.stateURL
	if name := f.raw.stateURLFile; name != "" {
		if f.given("state.url") {
			f.reject("state.url-file", "cannot be combined with --state.url; use only one of them")
			return
		}
		content, err := readSmallFile(name)
		if err != nil {
			f.reject("state.url-file", "%w", err)
			return
		}
		f.warnOfReaders("state.url-file", name)
		source, raw = "state.url-file", strings.TrimSpace(content)
	}
	if err := c.parse(raw); err != nil {
		f.reject(source, "%w", err)
		return
	}
	if source == "state.url" && *f.typed[source] && c.kind == statePostgres && hasPassword(raw) {
		f.reject(source, "contains a password, which every user of this host can see in the process list; use the environment variable OMEGASTREAM_EXPORTER_STATE_URL or --state.url-file")
	}
	if c.kind == stateMemory && command == ResetCounters {
		f.reject(source, "is memory:, which has no counters to reset; name the state with file:PATH")
	}
	if command == CopyState {
		f.validateCopy(source)
	}
}

// validateCopy checks both ends of a copy.
func (f *flags) validateCopy(source string) {
	from := &f.cfg.From
	from.schema = f.cfg.State.schema
	switch err := from.parse(f.raw.from); {
	case err != nil:
		f.reject(flagFrom, "%w", err)
	case from.kind == stateMemory:
		f.reject(flagFrom, "is memory:, which has nothing to copy; name a state with file:PATH")
	case from.kind == statePostgres && hasPassword(f.raw.from):
		f.reject(flagFrom, "contains a password, which every user of this host can see in the process list; use the environment variable PGPASSWORD or a .pgpass file")
	}
	if f.cfg.State.kind == stateMemory {
		f.reject(source, "is memory:, which keeps nothing; name the target with file:PATH or postgres://")
	}
}

// schemaName is an identifier that PostgreSQL accepts without quotes.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// scheme is the only part of a state URL that an error repeats; the rest can contain a
// password.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)

// parse sets kind, path and dsn. Its errors show no more of raw than the scheme.
func (s *State) parse(raw string) error {
	if strings.EqualFold(raw, "none") {
		return errors.New("is not a kind of state; write memory: to keep none")
	}
	name, rest, found := strings.Cut(raw, ":")
	if !found || !scheme.MatchString(name) {
		return fmt.Errorf("does not say what kind of state it is; write %s", knownStates)
	}
	switch strings.ToLower(name) {
	case "file":
		path, isURL := strings.CutPrefix(rest, "//")
		if isURL && !strings.HasPrefix(path, "/") {
			return errors.New("names a host, but the file is on this one; write file:data/ledger.db or file:/var/lib/ledger.db")
		}
		if path == "" || strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0) {
			return errors.New("does not name a file; write it like file:data/ledger.db")
		}
		s.kind, s.path = stateFile, path
	case "memory":
		if strings.Trim(rest, "/") != "" {
			return errors.New("memory: takes nothing after the colon")
		}
		s.kind = stateMemory
	case "postgres", "postgresql":
		if _, err := url.Parse(postgres.URL(raw)); err != nil || !strings.HasPrefix(rest, "//") {
			return errors.New("is not a PostgreSQL URL; write it like postgres://USER@HOST:5432/DATABASE")
		}
		s.kind, s.dsn = statePostgres, client.NewSecret(raw)
	default:
		return fmt.Errorf("%q is not a kind of state; write %s", name, knownStates)
	}
	return nil
}

// hasPassword reports whether a URL that parse has accepted contains a password, in
// either of the two places where PostgreSQL accepts it.
func hasPassword(raw string) bool {
	u, err := url.Parse(postgres.URL(raw))
	if err != nil {
		return true
	}
	if _, set := u.User.Password(); set {
		return true
	}
	for parameter := range u.Query() {
		if strings.Contains(strings.ToLower(parameter), "password") { // also sslpassword
			return true
		}
	}
	return false
}
