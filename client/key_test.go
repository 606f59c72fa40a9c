package client

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omegastream_exporter/internal/smallfile"
)

func writeKey(t *testing.T, path, content string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	when := time.Now().Add(-age)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func TestCheckKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, content, want, problem string }{
		{"line", "geheim\n", "geheim", ""},
		{"surrounding white space", "\r\n\t geheim \n", "geheim", ""},
		{"empty", "", "", "empty"},
		{"only white space", " \n", "", "empty"},
		{"two lines", "geheim\nzwei", "", "white space"},
		{"assignment", "KEY = geheim", "", "NAME=key"},
		{"line of an environment file", "OMEGASTREAM_API_KEY=geheim\n", "", "NAME=key"},
		{"line of a shell", `export api_key="geheim"`, "", "NAME=key"},
		{"quotes", `"geheim"`, "", "in quotes"},
		{"single quotes", "'geheim'\n", "", "in quotes"},
		{"one quote", `geheim"`, "", "in quotes"},
		{"byte order mark", "\ufeffgeheim\n", "", "byte order mark"},
		{"base64", "Z2VoZWlt+/==", "Z2VoZWlt+/==", ""},
		{"base64 in capitals", "ABCDEFGH==", "ABCDEFGH==", ""},
		{"punctuation", "sk-live+1/2=3", "sk-live+1/2=3", ""},
		{"control character", "geheim\x00", "", "control character"},
		{"invalid UTF-8", "geheim\xff", "", "invalid UTF-8"},
		{"much too long", strings.Repeat("geheim", smallfile.Max), "", "longer than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "key")
			writeKey(t, path, tt.content, 0)
			fromFile, fileErr := KeyFile(path)
			static, staticErr := StaticKey(tt.content).Key()
			if tt.problem == "" {
				if fileErr != nil || staticErr != nil || static.Reveal() != tt.want || fromFile.key.Reveal() != tt.want {
					t.Fatalf("file %v, static %q, %v", fileErr, static.Reveal(), staticErr)
				}
				return
			}
			for _, err := range []error{fileErr, staticErr} {
				if err == nil || !strings.Contains(err.Error(), tt.problem) || strings.ContainsAny(err.Error(), "\n\x00") || strings.Contains(err.Error(), "geheim") {
					t.Errorf("error %v, want %q", err, tt.problem)
				}
			}
			if !strings.Contains(fileErr.Error(), path) {
				t.Errorf("error does not name the file: %v", fileErr)
			}
		})
	}
}

func TestKeyFileMissing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none")
	if _, err := KeyFile(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if _, err := KeyFile(t.TempDir()); err == nil {
		t.Error("NewKeyFile accepts a directory")
	}
}

func TestKeyFileFollowsTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	writeKey(t, path, "one", time.Hour)
	k, err := KeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when, want string) {
		t.Helper()
		if got, err := k.Key(); got.Reveal() != want || err != nil {
			t.Errorf("%s: key %q, error %v, want %q", when, got.Reveal(), err, want)
		}
	}
	expect("at first", "one")
	writeKey(t, path, "two", time.Minute)
	expect("written again", "two")
	writeKey(t, path, "", 0)
	expect("emptied", "two")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect("removed", "two")
	if changed, err := k.Reload(); changed || err == nil {
		t.Errorf("reload of a removed file: changed %v, error %v", changed, err)
	}

	// Kubernetes replaces a secret's file with another one; here it has the same size and
	// time.
	writeKey(t, path, "ten", time.Minute)
	expect("there again", "ten")
	other := path + ".new"
	writeKey(t, other, "six", 0)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chtimes(other, info.ModTime(), info.ModTime()), os.Rename(other, path)); err != nil {
		t.Fatal(err)
	}
	expect("replaced", "six")

	rewrite := func(content string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("seven")
	expect("rewritten with another size", "seven")
	rewrite("six")
	expect("and back", "six")

	// Only the content has changed, and only a forced read notices.
	rewrite("two")
	expect("rewritten unnoticed", "six")
	if changed, err := k.Reload(); !changed || err != nil {
		t.Errorf("reload: changed %v, error %v", changed, err)
	}
	expect("reloaded", "two")
	if changed, err := k.Reload(); changed || err != nil {
		t.Errorf("second reload: changed %v, error %v", changed, err)
	}
}

// keyed answers 401 unless a request has the key.
func keyed(good string, s *script) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Authorization") != "Bearer "+good {
			s.steps = []func() (*http.Response, error){status(401, "")}
		} else {
			s.steps = []func() (*http.Response, error){status(200, anEvent)}
		}
		return s.RoundTrip(r)
	})
}

func TestUnauthorizedReadsTheKeyAgain(t *testing.T) {
	t.Parallel()
	// then is the content of the key file at the second request; empty if the file is gone.
	for _, tt := range []struct {
		name, file, then string
		requests         int
		want             error
	}{
		{"rotated", "old", "new", 2, nil},
		{"rotated to another bad one", "old", "bad", 2, ErrUnauthorized},
		{"unchanged", "old", "old", 1, ErrUnauthorized},
		{"gone", "old", "", 1, ErrUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "key")
			writeKey(t, path, tt.file, 0)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			keys, err := KeyFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, o := &script{}, &counts{}
			c, err := New("http://api", keys, Options{Transport: keyed("new", s), Observer: o})
			if err != nil {
				t.Fatal(err)
			}
			// Size and time stay the same: only the 401 makes the client read the file again.
			if tt.then == "" {
				err = os.Remove(path)
			} else {
				err = errors.Join(os.WriteFile(path, []byte(tt.then), 0o600), os.Chtimes(path, info.ModTime(), info.ModTime()))
			}
			if err != nil {
				t.Fatal(err)
			}
			err = getEvent(t.Context(), c)
			if !errors.Is(err, tt.want) || s.requests() != tt.requests || o.retries != tt.requests-1 {
				t.Errorf("error %v after %d requests, %d retries", err, s.requests(), o.retries)
			}
			if tt.then == "" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error does not say that the key file is gone: %v", err)
			}
		})
	}
}
