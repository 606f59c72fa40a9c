package client

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"omegastream_exporter/internal/smallfile"
)

// KeySource returns the API key. Its methods are safe for concurrent use, and their errors
// never contain the key.
type KeySource interface {
	// Key returns the current key.
	Key() (Secret, error)

	// Reload reads the key again, even if it seems unchanged, and reports whether it has
	// changed. The client calls it when the API answers 401.
	Reload() (changed bool, err error)
}

// StaticKey returns a source of a key that never changes. Key, and so New, reports an
// unusable key.
func StaticKey(key string) KeySource {
	key, err := checkKey(key)
	return staticKey{NewSecret(key), err}
}

type staticKey struct {
	key Secret
	err error
}

func (k staticKey) Key() (Secret, error)  { return k.key, k.err }
func (k staticKey) Reload() (bool, error) { return false, k.err }

// FileKey is a KeySource that follows a file, so that a key can be rotated
// without a restart.
type FileKey struct {
	path string

	mu   sync.Mutex
	key  Secret
	read os.FileInfo // the file when the key was read
}

// KeyFile returns the key in the file at path, without the white space around
// it. The error is one line that names the file.
func KeyFile(path string) (*FileKey, error) {
	k := &FileKey{path: path}
	if _, err := k.Reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// Key returns the key, which it reads again if the file's time, size or identity has changed.
// If that fails, it returns the last good key without an error, because files are often
// replaced in two steps.
func (k *FileKey) Key() (Secret, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now, err := os.Stat(k.path); err == nil && !sameFile(now, k.read) {
		_, _ = k.load()
	}
	return k.key, nil
}

// Reload reads the file. On an error, the last good key stays.
func (k *FileKey) Reload() (changed bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.load()
}

func (k *FileKey) load() (changed bool, err error) {
	content, info, err := smallfile.Read(k.path)
	if err != nil {
		return false, fmt.Errorf("key file: %w", err)
	}
	key, err := checkKey(content)
	if err != nil {
		return false, fmt.Errorf("key file %s: %w", k.path, err)
	}
	changed = key != k.key.Reveal()
	k.key, k.read = NewSecret(key), info
	return changed, nil
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// assignment matches a line of a shell or environment file. It does not match the = signs at
// the end of a base64 key.
var assignment = regexp.MustCompile(`^(?:export\s+)?(?:[A-Z][A-Z0-9_]*|[A-Za-z0-9_]*(?i:key|token|secret)[A-Za-z0-9_]*)\s*=\s*[^=\s]`)

// checkKey returns the key without the white space around it.
func checkKey(key string) (string, error) {
	key = strings.TrimSpace(key)
	switch {
	case key == "":
		return "", errors.New("API key: empty")
	case len(key) > smallfile.Max:
		return "", fmt.Errorf("API key: longer than %d bytes", smallfile.Max)
	case strings.HasPrefix(key, "\uFEFF"):
		return "", errors.New("API key: starts with a byte order mark; save the file as UTF-8 without one")
	case assignment.MatchString(key):
		return "", errors.New("API key: looks like NAME=key; write the key alone")
	case strings.ContainsAny(key[:1]+key[len(key)-1:], "\"'`"):
		return "", errors.New("API key: is in quotes; write the key alone")
	case strings.ContainsFunc(key, unicode.IsSpace):
		return "", errors.New("API key: contains white space, is it more than the key?")
	case !utf8.ValidString(key) || strings.ContainsFunc(key, isControl):
		return "", errors.New("API key: contains a control character or invalid UTF-8")
	}
	return key, nil
}
