package app

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/config"
)

func TestLogfmt(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	log := NewLogger(&out, config.Log{Level: "warn", Format: "logfmt"}).With("endpoint_id", "e1")
	log.Info("not shown")
	log.Warn("List failed", "err", errors.New("two\nlines"), "attempts", 3, "id", "a\u202eb")
	for _, want := range []string{"level=warn", "caller=logger_test.go:", "time=", `msg="List failed"`, "endpoint_id=e1", `err="two\nlines"`, "attempts=3", `id=a\u202eb`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in: %s", want, out.String())
		}
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("not one line: %s", out.String())
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	NewLogger(&out, config.Log{Level: "debug", Format: "json"}).Debug("Read", "err", errors.New("cut off"), "events", 3, "took", 1500*time.Millisecond)
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("%v in: %s", err, out.String())
	}
	for key, want := range map[string]any{"level": "debug", "msg": "Read", "err": "cut off", "events": 3.0, "took": "1.5s"} {
		if got[key] != want {
			t.Errorf("%s is %#v, want %#v", key, got[key], want)
		}
	}
}
