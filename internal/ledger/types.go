package ledger

import "slices"

// TypeID is the number of an event type's label in an account.
type TypeID uint16

// Labels that do not stand for one type.
const (
	TypeUnknown = "unknown" // the API sent no type
	TypeOther   = "other"   // the account has too many types to admit this one
)

// maxAdmittedTypes limits how many undocumented types get their own label.
const maxAdmittedTypes = 20

// firstTypes have their index here as their number, in every state file. Types that an
// account admits have the next maxAdmittedTypes numbers. Add nothing here: types that the API
// documents later belong in laterTypes.
var firstTypes = []string{
	"video.uploaded",
	"video.ready_for_processing",
	"video.in_progress",
	"video.completed_processing",
	"video.process_failed",
	"video.process_succeeded",
	"video.ready_to_watch",
	"video.deleted",
	"video.failed_to_delete",
	"video.deletion_reverted",
	TypeUnknown,
	TypeOther,
}

// laterTypes are types documented after the first version, append only. Their numbers follow
// those of the admitted types. An account that admitted one before it was added here keeps
// that number.
var laterTypes []string

// DocumentedTypes returns the event types that the API documents.
func DocumentedTypes() []string { return slices.Concat(firstTypes[:10], laterTypes) }

// types numbers the labels of an account: the first ones, then up to maxAdmittedTypes others
// in the order of their first sight, then the later ones.
type types struct {
	names    []string // "" if no type has the number
	ids      map[string]TypeID
	admitted int
}

func newTypes(admitted, later []string) types {
	t := types{ids: make(map[string]TypeID), names: make([]string, len(firstTypes)+maxAdmittedTypes+len(later))}
	for i, name := range firstTypes {
		t.put(i, name)
	}
	for _, name := range admitted {
		t.admit(name)
	}
	for i, name := range later {
		t.put(len(firstTypes)+maxAdmittedTypes+i, name)
	}
	return t
}

// put gives a type a number, and its name the number if that has none yet.
func (t *types) put(n int, name string) {
	t.names[n] = name
	if _, ok := t.ids[name]; !ok {
		t.ids[name] = TypeID(n)
	}
}

func (t *types) admit(name string) TypeID {
	n := len(firstTypes) + t.admitted
	t.admitted++
	t.put(n, name)
	return TypeID(n)
}

// rows returns the admitted types, as stored.
func (t *types) rows() []string {
	return slices.Clone(t.names[len(firstTypes):][:t.admitted])
}

// has reports whether a type has the number.
func (t *types) has(id TypeID) bool { return int(id) < len(t.names) && t.names[id] != "" }

func (t *types) name(id TypeID) string { return t.names[id] }

// resolve returns the number of a type as the API sent it, and whether the account admitted
// it just now. A type without a place is folded into TypeOther.
func (t *types) resolve(raw string) (id TypeID, grew bool) {
	if id, ok := t.ids[raw]; ok {
		return id, false
	}
	name := Label(raw)
	if name == "" {
		name = TypeUnknown
	}
	if id, ok := t.ids[name]; ok {
		return id, false
	}
	if t.admitted == maxAdmittedTypes {
		return t.ids[TypeOther], false
	}
	return t.admit(name), true
}
