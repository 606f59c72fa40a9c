package file

import (
	"errors"
	"fmt"
	"runtime/debug"

	"omegastream_exporter/internal/ledger"
)

// errFault is among the errors of guard if the guarded function did not return.
var errFault = errors.New("fault")

// guard runs a function that reads a memory-mapped file. If the file is cut behind the
// mapping, the first access faults, and bbolt panics over pages that contradict each other.
// Both become an error here.
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
