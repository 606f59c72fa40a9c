package ledger

import (
	"strings"
	"unicode/utf8"
)

// maxLabelBytes limits a label value from the API.
const maxLabelBytes = 128

// Label returns text that is safe in a label: valid UTF-8, as one bad byte fails a whole
// scrape, of at most 128 bytes, cut between runes.
func Label(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxLabelBytes {
		return text
	}
	cut := maxLabelBytes
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}
