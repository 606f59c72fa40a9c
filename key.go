package main

import (
	"fmt"
	"io"
	"os"

	"omegastream_exporter/client"
)

// envKey is the variable with the API key. It is no flag's variable, so that
// nothing prints it with the flags.
const envKey = "OMEGASTREAM_API_KEY"

// validateKey finds out where the key comes from. A key file is read here to find
// mistakes early; whoever uses it reads it again.
func (f *flags) validateKey() {
	c := &f.cfg.api
	fromEnv := os.Getenv(envKey)
	switch {
	case f.cfg.demo:
	case c.keyFile != "" && fromEnv != "":
		f.reject("api.key-file", "is given, and so is the environment variable %s; keep one of the two", envKey)
	case c.keyFile != "":
		if _, err := client.KeyFile(c.keyFile); err != nil {
			f.reject("api.key-file", "%w", err)
		}
	case fromEnv == "":
		f.reject("api.key-file", "no API key; set the environment variable %s or name a file with --api.key-file, or try --demo", envKey)
	default:
		key, err := client.StaticKey(fromEnv).Key()
		if err != nil {
			f.reject("api.key-file", "environment variable %s: %w", envKey, err)
		}
		c.key = newSecret(key)
	}
}

// maxSmallFile is far above any key or URL, and far below what would hurt when
// the wrong file is named.
const maxSmallFile = 64 << 10

func readSmallFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSmallFile+1))
	if err != nil {
		return "", err
	}
	if len(content) > maxSmallFile {
		return "", fmt.Errorf("%s: is larger than %d bytes, is it the right file?", name, maxSmallFile)
	}
	return string(content), nil
}
