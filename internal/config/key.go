package config

import (
	"os"
	"runtime"

	"omegastream_exporter/client"
)

// EnvKey is the environment variable with the API key. It does not belong to a flag, so that
// nothing prints it with the flags.
const EnvKey = "OMEGASTREAM_API_KEY"

// validateKey determines the source of the key. It reads a key file to find mistakes early;
// the client reads the file again.
func (f *flags) validateKey() {
	c := &f.cfg.API
	fromEnv := os.Getenv(EnvKey)
	switch {
	case f.cfg.Demo:
	case c.KeyFile != "" && fromEnv != "":
		f.reject("api.key-file", "cannot be combined with the environment variable %s; use only one of them", EnvKey)
	case c.KeyFile != "":
		if _, err := client.KeyFile(c.KeyFile); err != nil {
			f.reject("api.key-file", "%w", err)
		}
		f.warnOfReaders("api.key-file", c.KeyFile)
	case fromEnv == "":
		f.reject("api.key-file", "no API key; set the environment variable %s or name a file with --api.key-file, or try --demo", EnvKey)
	default:
		key, err := client.StaticKey(fromEnv).Key()
		if err != nil {
			f.reject("api.key-file", "environment variable %s: %w", EnvKey, err)
		}
		c.Key = key
	}
}

// warnOfReaders warns about a secret file that every user of the host can read.
func (f *flags) warnOfReaders(flag, name string) {
	info, err := os.Stat(name)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0 {
		f.warn("--%s: every user of this host can read %s; prevent that with chmod o-r", flag, name)
	}
}
