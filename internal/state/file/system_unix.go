//go:build unix

package file

import (
	"os"
	"syscall"
)

// openFlags keep an open from blocking, and from acquiring a terminal, if a path suddenly
// leads to something else.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

// ownedByUs reports whether a file belongs to the user of this process.
func ownedByUs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// sameFileSystem reports whether two files are on the same file system.
func sameFileSystem(a, b os.FileInfo) bool {
	x, ok := a.Sys().(*syscall.Stat_t)
	y, also := b.Sys().(*syscall.Stat_t)
	return ok && also && x.Dev == y.Dev
}
