package file

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
)

// stateSigns are JSON members that occur in the records of every state. An inspection looks
// for them only in bbolt pages.
var stateSigns = [][]byte{
	[]byte(`"folded_types":`),    // of the account
	[]byte(`,"records":`),        // of the totals
	[]byte(`"last_sufficient":`), // of an endpoint
	[]byte(`,"released":`),       // of a counter
}

const (
	maxSign = 20 // at least the bytes of the longest sign

	pageStep = 4096 // the size of a page, or a fraction of it
	maxPage  = 1 << 16
)

// wasState reports whether a file that cannot be read as a state was one: it has bbolt's
// magic, or pages with our records, or is empty and was created like a state. Everything else
// belongs to another program, as does an intact bbolt file without our records; the rest of a
// truncated one can be ours without any.
func wasState(file *os.File, info os.FileInfo) (bool, error) {
	t := inspection{blank: true}
	buf := make([]byte, maxSign+pageStep) // the end of the previous page, then a page
	for at := int64(0); ; at += pageStep {
		n, err := file.ReadAt(buf[maxSign:], at)
		if err != nil && err != io.EOF {
			return false, err
		}
		t.page(buf[:maxSign+n], at)
		if n < pageStep {
			return t.state(info), nil
		}
		copy(buf, buf[pageStep:])
	}
}

// inspection is what is known so far about a file.
type inspection struct {
	blank  bool  // only zeros
	magic  bool  // of bbolt
	pages  bool  // a page of records
	signed bool  // a sign of a state
	owned  bool  // a sign of a state, in a page with the right number
	need   int64 // size of the file in bytes, by a bbolt meta page
}

// page inspects the page at an offset, which follows the last bytes of the previous page.
func (t *inspection) page(b []byte, at int64) {
	page := b[maxSign:]
	if t.blank && len(bytes.TrimLeft(page, "\x00")) > 0 {
		t.blank = false
	}
	found := false
	for _, sign := range stateSigns {
		found = found || bytes.Contains(b, sign)
	}
	t.signed = t.signed || found
	switch {
	case len(page) >= pageHeader+4 && at <= maxPage && binary.NativeEndian.Uint32(page[pageHeader:]) == metaMagic:
		t.magic = true
		t.need = max(t.need, says(page))
	case len(page) >= pageHeader && placed(page, at) && binary.NativeEndian.Uint16(page[8:]) == leafPage &&
		binary.NativeEndian.Uint16(page[10:]) > 0:
		t.pages = true
		t.owned = t.owned || found
	}
}

// says returns the size of the file by a meta page; 0 if that makes no sense.
func says(page []byte) int64 {
	if len(page) < pageHeader+metaLen {
		return 0
	}
	b := page[pageHeader:]
	size, pages := binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint64(b[40:])
	if size > maxPage || pages > 1<<40 {
		return 0
	}
	return int64(size) * int64(pages)
}

// placed reports whether a page's number fits its place in the file.
func placed(page []byte, at int64) bool {
	id := int64(binary.NativeEndian.Uint64(page))
	if id < 2 || at%id != 0 {
		return false
	}
	size := at / id
	return size >= pageStep && size <= maxPage && size&(size-1) == 0
}

// state is the verdict.
func (t *inspection) state(info os.FileInfo) bool {
	switch {
	case t.blank: // as after a crash of the machine
		return info.Mode().Perm() == 0o600 && ownedByUs(info)
	case t.magic: // an intact file of another program has pages, but no sign
		return t.signed || !t.pages || info.Size() < t.need
	}
	return t.owned
}
