package ledger

import "slices"

// TypeID is the number of an event type's label among an account's.
type TypeID uint16

// The labels that stand for no one type.
const (
	TypeUnknown = "unknown" // the API sent no type
	TypeOther   = "other"   // the account has more types than are admitted
)

// maxAdmittedTypes bounds how many undocumented types get a label of their own.
const maxAdmittedTypes = 20

// builtinTypes have their numbers from their place here, in every state file:
// append only. The documented types come first.
var builtinTypes = []string{
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

// DocumentedTypes returns the event types that the API documents.
func DocumentedTypes() []string { return slices.Clone(builtinTypes[:10]) }

// types numbers the labels of an account: the builtin ones, then up to
// maxAdmittedTypes more in the order in which they were met.
type types struct {
	names []string
	ids   map[string]TypeID
}

func newTypes(admitted []string) types {
	t := types{ids: make(map[string]TypeID)}
	for _, name := range slices.Concat(builtinTypes, admitted) {
		t.add(name)
	}
	return t
}

func (t *types) add(name string) TypeID {
	id := TypeID(len(t.names))
	t.names = append(t.names, name)
	t.ids[name] = id
	return id
}

// admitted returns the types beyond the builtin ones.
func (t *types) admitted() []string { return slices.Clone(t.names[len(builtinTypes):]) }

func (t *types) name(id TypeID) string { return t.names[id] }

// resolve returns the number of a type as the API sent it, and whether the
// account's list of types grew. A type that finds no place is folded into
// TypeOther.
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
	if len(t.names) >= len(builtinTypes)+maxAdmittedTypes {
		return t.ids[TypeOther], false
	}
	return t.add(name), true
}
