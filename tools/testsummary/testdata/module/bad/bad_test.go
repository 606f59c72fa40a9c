package bad

import "testing"

func TestFine(t *testing.T) { t.Log("is not shown") }

func TestRows(t *testing.T) {
	t.Run("good", func(*testing.T) {})
	t.Run("bad", func(t *testing.T) { t.Error("got 3, want 2") })
}

func TestPlain(t *testing.T) { t.Fatal("first line\nsecond line") }
