package client

import (
	"testing"

	"pgregory.net/rapid"
)

// Plain text contains no word that looks like part of a URL.
func TestPlainTextIsNotSuspicious(t *testing.T) {
	t.Parallel()
	r := &redactor{blind: true}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([A-Za-z]{0,20}[ \n]|[0-9]{0,20}[ \n]|[A-Za-z0-9/:.%=é-]{0,12} ?){0,5}`).Draw(t, "text")
		for _, word := range anyWord.FindAllString(text, -1) {
			if isPlain(text) && r.suspicious(plainOf(word)) {
				t.Errorf("%q is plain, but %q is suspicious", text, word)
			}
		}
	})
	for text, want := range map[string]bool{"200 OK": true, "webhook received\n": true, "token4secret": false, "/in/secret": false, "": true} {
		if got := isPlain(text); got != want {
			t.Errorf("%q: plain is %v", text, got)
		}
	}
}
