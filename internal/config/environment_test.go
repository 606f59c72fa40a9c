package config

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The exporter warns about misspelled variables, but not about those that Kubernetes sets for
// services.
func TestUnknownVariables(t *testing.T) { //nolint:paralleltest // It sets variables, in a loop that the linter does not look into.
	for name, value := range map[string]string{
		"OMEGASTREAM_EXPORTER_COLLECTOR_WINDOWS":            "7d",
		"OMEGASTREAM_EXPORTER_API_KEY":                      "s3cret",
		"OMEGASTREAM_EXPORTER_COLLECTOR_WINDOW":             "7d",
		"OMEGASTREAM_EXPORTER_SERVICE_HOST":                 "10.0.0.1",
		"OMEGASTREAM_EXPORTER_SERVICE_PORT":                 "9877",
		"OMEGASTREAM_EXPORTER_SERVICE_PORT_HTTP_METRICS":    "9877",
		"OMEGASTREAM_EXPORTER_PORT":                         "tcp://10.0.0.1:9877",
		"OMEGASTREAM_EXPORTER_PORT_9877_TCP":                "tcp://10.0.0.1:9877",
		"OMEGASTREAM_EXPORTER_PORT_9877_TCP_ADDR":           "10.0.0.1",
		"OMEGASTREAM_EXPORTER_HEADLESS_SERVICE_HOST":        "10.0.0.1",
		"OMEGASTREAM_EXPORTER_HEADLESS_PORT_9877_TCP_PROTO": "tcp",
		"OMEGASTREAM_EXPORTER_NOTHING_LIKE_IT":              "1",
		"OMEGASTREAM_OTHER":                                 "x",
	} {
		t.Setenv(name, value)
	}
	_, cfg, err := Parse([]string{"--demo"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"environment variable OMEGASTREAM_EXPORTER_API_KEY belongs to no flag and is ignored; the key goes into OMEGASTREAM_API_KEY",
		"environment variable OMEGASTREAM_EXPORTER_COLLECTOR_WINDOWS belongs to no flag and is ignored; did you mean OMEGASTREAM_EXPORTER_COLLECTOR_WINDOW?",
		"environment variable OMEGASTREAM_EXPORTER_NOTHING_LIKE_IT belongs to no flag and is ignored",
	}
	if diff := cmp.Diff(want, cfg.Warnings); diff != "" {
		t.Error(diff)
	}
}
