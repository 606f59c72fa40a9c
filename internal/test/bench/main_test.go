package bench

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) {
	for variable, be := range map[string]func(string) error{serverEnv: serveScenario, naiveEnv: serveNaive} {
		if value := os.Getenv(variable); value != "" {
			if err := be(value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	dir, err := os.MkdirTemp("", "omegastream-bench-")
	if err == nil {
		work = dir
		err = trustTestServers(filepath.Join(dir, "ca.pem"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	stopServers()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// work is a folder for files that are built once.
var work string

// trustTestServers makes this process and its children trust the certificate of httptest,
// which is the same in every process.
func trustTestServers(path string) error {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	if err := writePEM(path, s.Certificate()); err != nil {
		return err
	}
	return os.Setenv("SSL_CERT_FILE", path)
}

func writePEM(path string, c *x509.Certificate) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600)
}
