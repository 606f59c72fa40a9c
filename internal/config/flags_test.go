package config

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/client"
)

// samples has a non-default value for every flag.
var samples = map[string]string{
	"api.url":                     "http://127.0.0.1:8080/company",
	"api.key-file":                "/run/secrets/key",
	"api.allow-insecure":          "true",
	"api.timeout":                 "3s",
	"api.max-list-events":         "5",
	"api.concurrency":             "2",
	"api.rate-limit":              "0.5",
	"webhook.endpoint-id":         "a,b",
	"webhook.url-detail":          "none",
	"collector.window":            "7d",
	"collector.overlap":           "1h30m",
	"collector.no-response-after": "1m",
	"collector.hold-new-series":   "0",
	"collector.count-since":       "10m",
	"collector.max-backlog":       "1000",
	"collector.min-interval":      "1s",
	"collector.timeout":           "20s",
	"collector.timeout-offset":    "0.25s",
	"state.url":                   "memory:",
	"state.url-file":              "/run/secrets/state",
	"state.schema":                "second",
	"web.systemd-socket":          "true",
	"web.listen-address":          "127.0.0.1:1",
	"web.config.file":             "web.yml",
	"web.external-url":            "https://example.com/x",
	"web.route-prefix":            "/x",
	"web.telemetry-path":          "/m",
	"web.show-response-body":      "true",
	"web.enable-pprof":            "true",
	"demo":                        "true",
	"log.level":                   "debug",
	"log.format":                  "json",
	"log.failures":                "false",
}

func TestEveryFlagHasAVariable(t *testing.T) {
	var names []string
	for _, f := range newFlags(new(Config), io.Discard, io.Discard).app.Model().Flags {
		if f.Name == "help" || f.Name == "version" || f.Hidden {
			continue
		}
		names = append(names, f.Name)
	}
	if len(names) != len(samples) {
		t.Errorf("%d flags, %d samples", len(names), len(samples))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			sample, ok := samples[name]
			if !ok {
				t.Fatal("add a sample for this flag")
			}
			variable := "OMEGASTREAM_EXPORTER_" + strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToUpper(name))
			t.Setenv(variable, sample)

			var cfg Config
			f := newFlags(&cfg, io.Discard, io.Discard)
			if _, err := f.app.Parse(f.withCommand(nil)); err != nil {
				t.Fatal(err)
			}
			if err := f.err(); err != nil {
				t.Fatal(err)
			}
			for _, flag := range f.app.Model().Flags {
				if flag.Name != name {
					continue
				}
				if flag.Envar != variable {
					t.Errorf("variable %q, want %q", flag.Envar, variable)
				}
				if got := flag.Value.String(); got != sample {
					t.Errorf("%s=%s gives %q", variable, sample, got)
				}
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Setenv(EnvKey, "key")
	command, cfg, err := Parse(nil, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if command != Serve {
		t.Errorf("command %q", command)
	}
	if got := cfg.API.URL.String(); got != "https://api.omegastream.net/company" {
		t.Errorf("api.url %s", got)
	}
	if got := cfg.API.Key.Reveal(); got != "key" {
		t.Errorf("key %q", got)
	}
	if diff := cmp.Diff([]string{":9877"}, *cfg.Web.Toolkit.WebListenAddresses); diff != "" {
		t.Error(diff)
	}
	cfg.API.URL, cfg.API.Key, cfg.Web.Toolkit = nil, client.Secret{}, nil
	want := Config{
		API:     API{Timeout: 10 * time.Second, MaxListEvents: 10_000_000, Concurrency: 16, RateLimit: 20},
		Webhook: Webhook{URLDetail: "host"},
		Collector: Collector{
			Window: 24 * time.Hour, Overlap: 15 * time.Minute, NoResponseAfter: 10 * time.Minute,
			HoldNewSeries: time.Minute, MaxBacklog: 100_000, MinInterval: 9 * time.Second,
			Timeout: 9500 * time.Millisecond, TimeoutOffset: 500 * time.Millisecond,
		},
		State: State{path: "data/ledger.db"},
		Web:   Web{TelemetryPath: "/metrics"},
		Log:   Log{Level: "info", Format: "logfmt", Failures: true},
	}
	if diff := cmp.Diff(want, cfg, cmp.AllowUnexported(State{}, client.Secret{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLists(t *testing.T) {
	for name, variable := range map[string]string{
		"newlines": "a\nb\n",
		"commas":   "a, b",
		"both":     "a\nb",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OMEGASTREAM_EXPORTER_WEBHOOK_ENDPOINT_ID", variable)
			_, cfg, err := Parse([]string{"--demo"}, io.Discard, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"a", "b"}, cfg.Webhook.EndpointIDs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCommandLineWins(t *testing.T) {
	t.Setenv("OMEGASTREAM_EXPORTER_WEB_LISTEN_ADDRESS", ":1")
	t.Setenv("OMEGASTREAM_EXPORTER_DEMO", "true")
	_, cfg, err := Parse([]string{"--web.listen-address=:2", "--web.listen-address=:3"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{":2", ":3"}, *cfg.Web.Toolkit.WebListenAddresses); diff != "" {
		t.Error(diff)
	}
	if !cfg.Demo || !cfg.State.InMemory() {
		t.Errorf("demo %t, state %s", cfg.Demo, cfg.State)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour, "9.5s": 9500 * time.Millisecond,
		"1h30m": 90 * time.Minute, "0": 0, "0s": 0, "500ms": 500 * time.Millisecond, "250us": 250 * time.Microsecond,
	} {
		var got time.Duration
		if err := duration(&got).set(text); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-5s", "-1d", "5", "1.5d", "d", "1h1d", "9999999y", "NaN"} {
		var got time.Duration
		if err := duration(&got).set(text); err == nil {
			t.Errorf("%q is accepted as %s", text, got)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		31 * 24 * time.Hour: "31d", 32*24*time.Hour + time.Hour: "32d1h", 36 * time.Hour: "1d12h", 59 * time.Minute: "59m",
		30 * time.Minute: "30m", 121 * time.Second: "2m1s", 9500 * time.Millisecond: "9.5s", 500 * time.Millisecond: "500ms",
		250 * time.Microsecond: "250µs", 0: "0s",
	} {
		if got := words(d); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
