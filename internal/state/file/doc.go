// Package file keeps a state in one bbolt file, which one process at a time has open. It
// checks every file before bbolt opens it, because bbolt trusts its pages.
package file
