package command

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]error{
		"y\n": nil, "YES\r\n": nil, "y": nil,
		"": errNotConfirmed, "\n": errNotConfirmed, "n\n": errNotConfirmed, "yellow\n": errNotConfirmed,
	} {
		var out bytes.Buffer
		if err := ask(strings.NewReader(answer), &out, "Go on?"); !errors.Is(err, want) {
			t.Errorf("answer %q: %v, want %v", answer, err, want)
		}
		if out.String() != "Go on? [y/N] " {
			t.Errorf("it asks %q", out.String())
		}
	}
}
