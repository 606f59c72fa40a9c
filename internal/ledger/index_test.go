package ledger

import (
	"testing"

	"pgregory.net/rapid"
)

// The table's index behaves like a map from key to slot.
func TestIndexIsAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, want := newTable(rapid.IntRange(0, 40).Draw(t, "size")), map[Key]slot{}
		id := rapid.IntRange(0, 60)
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			k := Key{byte(id.Draw(t, "id"))}
			slot, known := s.find(k)
			if wanted, ok := want[k]; known != ok || known && slot != wanted {
				t.Fatalf("%v is in slot %d, %v; want %d, %v", k, slot, known, wanted, ok)
			}
			if known {
				s.remove(slot)
				delete(want, k)
			} else {
				want[k] = s.insert(Event{Key: k, Stage: Listed})
			}
			if s.len() != len(want) {
				t.Fatalf("%d events, want %d", s.len(), len(want))
			}
		}
		for k, wanted := range want {
			if slot, ok := s.find(k); !ok || slot != wanted || s.at(slot).Key != k {
				t.Fatalf("%v is in slot %d, %v; want %d", k, slot, ok, wanted)
			}
		}
	})
}
