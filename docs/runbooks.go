// Package docs embeds the documents that the program serves.
package docs

import _ "embed"

// Runbooks is docs/runbooks.md: a section for each alert.
//
//go:embed runbooks.md
var Runbooks []byte
