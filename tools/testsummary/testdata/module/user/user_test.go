package user

import (
	"testing"

	"example.com/sample/broken"
)

func TestAnswer(t *testing.T) { _ = broken.Answer }
