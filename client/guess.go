package client

import (
	"regexp"
	"strings"
	"unicode"
)

// guess removes the words of a text that can contain a secret part of a URL, for when the URL
// itself is unknown.
func (r *redactor) guess(text string) string {
	if !r.blind || isPlain(text) {
		return text
	}
	return anyWord.ReplaceAllStringFunc(text, func(word string) string {
		if r.suspicious(plainOf(word)) {
			return redacted
		}
		return word
	})
}

// isPlain reports whether a text has only words of letters and numbers of digits, like most
// answers. None of these is suspicious, and checking each is slow.
func isPlain(text string) bool {
	letters, digits := false, false
	for _, c := range []byte(text) {
		switch {
		case c == ' ' || c == '\n':
			letters, digits = false, false
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			letters = true
		case '0' <= c && c <= '9':
			digits = true
		default:
			return false
		}
		if letters && digits {
			return false
		}
	}
	return true
}

var (
	// anyWord matches a spelled word, because a space in the plain form is part of a URL.
	anyWord = regexp.MustCompile(`[^ \t\r\n]+`)

	// harmless matches words with a slash that occur in the errors of many programs.
	harmless = regexp.MustCompile(`^["'(]?(?i:i/o|n/a|net/http|http/[\d.]{1,3}|text/html|text/plain|application/json)["'):;,.]*$`)

	// urlSign matches what is common in URLs and rare in sentences. A port does not match.
	urlSign = regexp.MustCompile(`[=@%\\]|[?&].|[\pL\pN_-]:\pN*[\pL_~+$!*-]`)
)

// minMixed is the length from which a mix of letters and digits without a dot looks like a
// token.
const minMixed = 10

func (r *redactor) suspicious(word string) bool {
	if harmless.MatchString(word) {
		return false
	}
	if urlSign.MatchString(word) || r.detail != URLPath && strings.Contains(word, "/") {
		return true
	}
	for token := range strings.FieldsFuncSeq(word, func(c rune) bool { return !isWord(c) }) {
		if len(token) >= minMixed && strings.ContainsFunc(token, unicode.IsDigit) && strings.ContainsFunc(token, unicode.IsLetter) {
			return true
		}
	}
	return false
}
