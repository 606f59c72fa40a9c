package client

import (
	"strings"
	"testing"
)

func TestValidID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, id string
		want     bool
	}{
		{"as documented", endpointID, true},
		{"one character", "a", true},
		{"dots inside", "a..b", true},
		{"three dots", "...", true},
		{"slash", "a/b", true},
		{"space", "a b", true},
		{"beyond ASCII", "é世", true},
		{"empty", "", false},
		{"dot", ".", false},
		{"dots", "..", false},
		{"line break", "a\nb", false},
		{"NUL", "\x00", false},
		{"DEL", "a\x7f", false},
		{"C1 control", "a\u0085", false},
		{"invalid UTF-8", "a\xff", false},
		{"lost character", "a\uFFFD", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if ValidEndpointID(tt.id) != tt.want || ValidEventID(tt.id) != tt.want {
				t.Errorf("endpoint %v, event %v, want %v", ValidEndpointID(tt.id), ValidEventID(tt.id), tt.want)
			}
		})
	}
}

func TestValidIDLength(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	if !ValidEndpointID(long[:128]) || ValidEndpointID(long[:129]) || !ValidEventID(long) || ValidEventID(long+"x") {
		t.Error("the limits are not 128 and 256 bytes")
	}
}
