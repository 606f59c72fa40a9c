package ledger

import "encoding/hex"

// Video identifies an event's video, as the API does. An id is empty if it is unknown.
type Video struct{ ID, UUID string }

// MaxVideo limits each id of a Video, in bytes.
const MaxVideo = 128

// Trace is what the ledger keeps of a failed delivery besides its event. It has a fixed size
// without pointers, because there can be as many as events.
type Trace struct {
	VideoID   [12]byte // of the video, if it is 24 hex digits
	VideoUUID [16]byte
	Healed    int64 // when a later answer was a success, Unix seconds; 0 if none was
	Asked     uint32
	Code      Code   // the last one other than a success
	Reason    Reason // valid if Code is CodeNone
	Names     VideoNames
}

// VideoNames says where the ids of a trace's video are.
type VideoNames uint8

// What a trace knows about its video.
const (
	HasID   VideoNames = 1 << iota // in VideoID
	HasUUID                        // in uuid
	HasOdd                         // beside the trace, as text
	videoNames
)

// Valid reports whether all its bits are known.
func (n VideoNames) Valid() bool { return n < videoNames }

// SetVideo stores the video's ids. It returns the video if they do not fit into the trace and
// must be stored beside it.
func (t *Trace) SetVideo(v Video) (odd Video) {
	if v == (Video{}) {
		return odd // keep what is known
	}
	t.Names, t.VideoID, t.VideoUUID = 0, [12]byte{}, [16]byte{}
	if len(v.ID) == hexIDLen {
		if k, ok := plainKey([]byte(v.ID)); ok {
			copy(t.VideoID[:], k[:])
			t.Names |= HasID
		}
	}
	if uuid, ok := parseUUID(v.UUID); ok {
		t.VideoUUID = uuid
		t.Names |= HasUUID
	}
	if v != t.Video(Video{}) {
		t.Names, t.VideoID, t.VideoUUID = HasOdd, [12]byte{}, [16]byte{}
		odd = Video{Prose(v.ID, MaxVideo), Prose(v.UUID, MaxVideo)}
	}
	return odd
}

// Video returns the video of a trace. odd is what is stored beside it.
func (t *Trace) Video(odd Video) Video {
	if t.Names&HasOdd != 0 {
		return odd
	}
	var v Video
	if t.Names&HasID != 0 {
		v.ID = hex.EncodeToString(t.VideoID[:])
	}
	if t.Names&HasUUID != 0 {
		v.UUID = formatUUID(t.VideoUUID)
	}
	return v
}

// uuidGroups are the positions of a UUID's hex digits between its dashes.
var uuidGroups = [...][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, 36}}

// parseUUID parses a UUID that formatUUID formats identically.
func parseUUID(text string) (id [16]byte, ok bool) {
	if len(text) != 36 {
		return id, false
	}
	b := id[:0]
	for _, g := range uuidGroups {
		b, _ = hex.AppendDecode(b, []byte(text[g[0]:g[1]]))
	}
	return id, len(b) == len(id) && formatUUID(id) == text
}

func formatUUID(id [16]byte) string {
	var out [36]byte
	b := out[:0]
	at := 0
	for i, g := range uuidGroups {
		if i > 0 {
			b = append(b, '-')
		}
		n := (g[1] - g[0]) / 2
		b = hex.AppendEncode(b, id[at:at+n])
		at += n
	}
	return string(b)
}
