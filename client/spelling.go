package client

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// escapes are the characters that start an escaped spelling.
const escapes = `\%&`

// maxSpellings is how many times a text can be escaped, in one way after another.
const maxSpellings = 3

// entities are the relevant characters that have a name in HTML.
var entities = map[string]string{
	"amp": "&", "sol": "/", "bsol": `\`, "quot": `"`, "apos": "'", "lt": "<", "gt": ">",
	"colon": ":", "commat": "@", "quest": "?", "equals": "=", "percnt": "%", "period": ".",
}

// hasSlash reports whether a text can contain a slash, in any spelling.
func hasSlash(text string) bool { return strings.ContainsAny(text, "/"+escapes) }

// plainOf returns text with the escapes of JSON, URLs and HTML resolved.
func plainOf(text string) string {
	plain, _ := unspell(text)
	return plain
}

// unspell is plainOf for texts up to 2 GiB. For each byte of plain, and for its end, at has
// the offset in text where its spelling starts. at is nil if plain is text.
func unspell(text string) (plain string, at []int32) {
	plain = text
	for range maxSpellings {
		if !strings.ContainsAny(plain, escapes) {
			break
		}
		next, from := unspellOnce(plain)
		if next == plain {
			break
		}
		if at != nil {
			for i := range from {
				from[i] = at[from[i]]
			}
		}
		plain, at = next, from
	}
	return plain, at
}

func unspellOnce(text string) (plain string, at []int32) {
	out := make([]byte, 0, len(text))
	at = make([]int32, 0, len(text)+1)
	for i := 0; i < len(text); {
		char, n := spelled(text[i:])
		if n == 0 {
			char, n = text[i:i+1], 1
		}
		for range len(char) {
			at = append(at, int32(i))
		}
		out = append(out, char...)
		i += n
	}
	return string(out), append(at, int32(len(text)))
}

// spelled returns the character whose spelling text starts with, and the length of that
// spelling; 0 if there is none.
func spelled(text string) (char string, n int) {
	switch text[0] {
	case '%':
		return hexByte(text, 1)
	case '\\':
		if len(text) < 2 {
			return "", 0
		}
		switch text[1] {
		case '/', '\\', '"', '\'':
			return text[1:2], 2
		case 'x':
			return hexByte(text, 2)
		case 'u':
			if len(text) < 6 {
				return "", 0
			}
			return number(text[2:6], 16, 6)
		}
	case '&':
		end := strings.IndexByte(text[:min(len(text), 12)], ';')
		if end < 0 {
			return "", 0
		}
		name := text[1:end]
		switch {
		case strings.HasPrefix(name, "#x"), strings.HasPrefix(name, "#X"):
			return number(name[2:], 16, end+1)
		case strings.HasPrefix(name, "#"):
			return number(name[1:], 10, end+1)
		}
		if char, ok := entities[name]; ok {
			return char, end + 1
		}
	}
	return "", 0
}

// hexByte reads the byte of two hex digits after a prefix.
func hexByte(text string, prefix int) (char string, n int) {
	if len(text) < prefix+2 {
		return "", 0
	}
	b, err := strconv.ParseUint(text[prefix:prefix+2], 16, 8)
	if err != nil {
		return "", 0
	}
	return string([]byte{byte(b)}), prefix + 2
}

func number(digits string, base, length int) (char string, n int) {
	code, err := strconv.ParseUint(digits, base, 21)
	if err != nil || !utf8.ValidRune(rune(code)) {
		return "", 0
	}
	return string(rune(code)), length
}

// replacement replaces a part of a text.
type replacement struct {
	from, to int
	text     string
}

// replaceSpelled replaces in text what find found in its plain form. The result of find must
// be in order, without overlaps.
func replaceSpelled(text string, find func(plain string) []replacement) string {
	plain, at := unspell(text)
	found := find(plain)
	if len(found) == 0 {
		return text
	}
	var b strings.Builder
	end := 0
	for _, r := range found {
		if at != nil {
			r.from, r.to = int(at[r.from]), int(at[r.to])
		}
		b.WriteString(text[end:max(end, r.from)])
		b.WriteString(r.text)
		end = max(end, r.to)
	}
	b.WriteString(text[end:])
	return b.String()
}

// sorted sorts replacements, and joins those that overlap.
func sorted(all []replacement) []replacement {
	slices.SortStableFunc(all, func(a, b replacement) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	kept := all[:0]
	for _, r := range all {
		if last := len(kept) - 1; last >= 0 && r.from < kept[last].to {
			kept[last].to = max(kept[last].to, r.to)
			continue
		}
		kept = append(kept, r)
	}
	return kept
}
