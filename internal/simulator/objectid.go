package simulator

import "encoding/hex"

// objectID is the compact form of an event's or endpoint's id.
type objectID [12]byte

// String returns the 24 hex digits, as in the API.
func (id objectID) String() string {
	return hex.EncodeToString(id[:])
}

// parseObjectID returns the compact form of an id of 24 lower-case hex digits; false for any
// other id.
func parseObjectID(s string) (objectID, bool) {
	var id objectID
	if len(s) != 2*len(id) {
		return id, false
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return id, false
	}
	return id, id.String() == s
}

// mix is splitmix64: it maps n to a number that looks random.
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
