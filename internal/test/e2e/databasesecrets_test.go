package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/postgres"
)

// dbPassword contains characters that URLs, SQL and logs write differently.
const dbPassword = `Pa5s+W0rd/4716 =&'"%q\`

// noPassword fails the test if a text contains the database's password.
func noPassword(t *testing.T, where, text string) {
	t.Helper()
	quoted := fmt.Sprintf("%q", dbPassword)
	for _, s := range []string{
		dbPassword, quoted[1 : len(quoted)-1], url.QueryEscape(dbPassword), url.PathEscape(dbPassword),
		base64.StdEncoding.EncodeToString([]byte(dbPassword)), "Pa5s", "W0rd/4716", "W0rd%2F4716",
	} {
		if at := strings.Index(text, s); at >= 0 {
			t.Errorf("%s shows %q: ...%s", where, s, text[max(0, at-200):min(len(text), at+len(s)+50)])
		}
	}
}

// The database's password never shows, whatever happens to the database and wherever the
// password comes from.
func TestDatabasePasswordStaysSecret(t *testing.T) {
	t.Parallel()
	account, apiURL := serveAccount(t, simulator.Options{Seed: 41})
	id := account.AddEndpoint(simulator.Endpoint{Active: true})
	server := postgres.Start(t)
	name := strings.TrimPrefix(mustParse(t, server.NewDatabase(t)).Path, "/")
	server.SQL(t, name, "CREATE ROLE odd LOGIN PASSWORD E'"+strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(dbPassword)+"';"+
		"GRANT CREATE ON DATABASE "+name+" TO odd")
	proxy, _ := proxied(t, server.URL(name), 41)
	dsn := func(address, database, query string) string {
		u := url.URL{Scheme: "postgres", User: url.UserPassword("odd", dbPassword), Host: address, Path: database, RawQuery: query}
		return u.String()
	}
	good := dsn(proxy.Address(), name, "sslmode=disable")

	for _, way := range []string{"environment", "file"} {
		s := sharing(t, good, apiURL, "--log.level=debug", "--collector.min-interval=0s", "--collector.hold-new-series=0",
			"--web.enable-pprof")
		if way == "file" {
			s.env = s.env[:1:1]
			write(t, filepath.Join(s.dir, "url"), []byte(good+"\n"))
			s = s.with("--state.url-file=url")
		}
		p := s.serve(t)
		eventually(t, func() error { return upAndContacted(1)(p.mustScrape(2 * time.Second)) })
		account.Emit(id, "video.process_failed", simulator.Responded(503))
		p.mustScrape(2 * time.Second)
		look := func(when string) {
			t.Helper()
			for _, path := range []string{"/metrics", "/", "/endpoints/" + id, "/-/ready", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2"} {
				_, body, err := p.fetch(context.Background(), http.MethodGet, path, "Accept", acceptText)
				if err != nil {
					t.Fatal(err)
				}
				noPassword(t, path+" "+when, string(body))
			}
			for _, entry := range []string{"cmdline", "comm", "stat"} {
				noPassword(t, "the process list", string(read(t, fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, entry))))
			}
			noPassword(t, "the log "+when, p.log.String())
		}
		look("at work")
		away := func() error { return failing(p.mustScrape(2*time.Second), "unreachable") }
		accept := proxy.Refuse()
		eventually(t, away)
		look("without a database")
		accept()
		resume := proxy.Stall()
		eventually(t, away)
		look("with a database that hangs")
		resume()
		eventually(t, func() error { return upAndContacted(1)(p.mustScrape(2 * time.Second)) })
		server.SQL(t, name, "ALTER ROLE odd PASSWORD 'another'")
		proxy.Cut()
		eventually(t, func() error {
			if up, _ := p.mustScrape(2 * time.Second).get("omegastream_up"); up != 0 {
				return fmt.Errorf("up with a wrong password")
			}
			return nil
		})
		look("with a password that has become wrong")
		server.SQL(t, name, "ALTER ROLE odd PASSWORD E'"+strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(dbPassword)+"'")
		eventually(t, func() error { return upAndContacted(1)(p.mustScrape(2 * time.Second)) })
		if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		<-p.exited
		noPassword(t, "the crash", p.log.String())
	}

	for what, bad := range map[string]string{
		"no such database":  dsn(server.Address(), "absent", "sslmode=disable"),
		"no encryption":     dsn(server.Address(), name, "sslmode=require"),
		"a wrong parameter": dsn(server.Address(), name, "sslmode=sometimes"),
		"a wrong port":      dsn("127.0.0.1:port", name, ""),
		"in a parameter":    "postgres://odd@" + server.Address() + "/absent?sslmode=disable&password=" + url.QueryEscape(dbPassword),
		"not escaped":       "postgres://odd:" + dbPassword + "@" + server.Address() + "/" + name,
		"no scheme":         "//odd:" + url.PathEscape(dbPassword) + "@" + server.Address() + "/" + name,
	} {
		t.Run(what, func(t *testing.T) {
			for _, command := range [][]string{
				{"--web.listen-address=127.0.0.1:0"},
				{"check"},
				{"state", "reset-counters"},
				{"state", "copy", "--from=file:ledger.db"},
			} {
				s := sharing(t, bad, apiURL)
				if command[0] == "state" {
					s.args = []string{"--api.url=" + apiURL}
				}
				s.args = append(slices.Clone(command), s.args...)
				status, stdout, stderr := s.run(t)
				if status == 0 || stdout+stderr == "" {
					t.Errorf("%v: exit status %d, %q", command, status, stderr)
				}
				noPassword(t, strings.Join(command, " "), stdout+stderr)
			}
		})
	}
	t.Run("as a flag", func(t *testing.T) {
		s := sharing(t, "", apiURL).with("--state.url=" + good)
		s.env = s.env[:1:1]
		status, stdout, stderr := s.run(t)
		if status != 1 || !strings.Contains(stderr, "OMEGASTREAM_EXPORTER_STATE_URL") {
			t.Errorf("exit status %d, %q", status, stderr)
		}
		noPassword(t, "the output", stdout+stderr)
	})
}
