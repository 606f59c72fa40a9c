package ledger

import (
	"fmt"
	"runtime/debug"
)

// guard runs what reads a memory-mapped file. A file that is cut behind the
// mapping faults at the first touch, and bbolt panics over pages that contradict
// each other; both become an error here.
func guard(read func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrUnreadable, p)
		}
	}()
	return read()
}
