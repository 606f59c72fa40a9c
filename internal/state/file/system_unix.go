//go:build unix

package file

import (
	"os"
	"syscall"
)

// openFlags keep an open from waiting, and from taking a terminal, where a path
// leads to something else than it did a moment ago.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

// ownedByUs reports whether a file belongs to the user of this process.
func ownedByUs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// sameFileSystem reports whether two files are on the same one.
func sameFileSystem(a, b os.FileInfo) bool {
	x, ok := a.Sys().(*syscall.Stat_t)
	y, also := b.Sys().(*syscall.Stat_t)
	return ok && also && x.Dev == y.Dev
}
