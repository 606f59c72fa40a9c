package file

import (
	"errors"
	"fmt"
	"runtime/debug"

	"omegastream_exporter/internal/ledger"
)

// errFault is among the errors of guard where what it ran was not ended by itself.
var errFault = errors.New("fault")

// guard runs what reads a memory-mapped file. A file that is cut behind the
// mapping faults at the first touch, and bbolt panics over pages that contradict
// each other; both become an error here.
func guard(read func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %w: %v", ledger.ErrUnreadable, errFault, p)
		}
	}()
	return read()
}
