// Package file keeps a state in one bbolt file, which one process has open at a time. It
// gives bbolt nothing that it has not checked: bbolt trusts its pages.
package file
