package command

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/server"
	"omegastream_exporter/internal/test/needs"
)

// healthcheck runs the command, and returns its exit status and output.
func healthcheck(ctx context.Context, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	_, cfg, err := config.Parse(append([]string{string(config.Healthcheck)}, args...), &out, &errs)
	if err == nil {
		err = Healthcheck(ctx, cfg.Web, &out)
	}
	if err != nil {
		config.Report(&errs, err)
		status = 1
	}
	return status, out.String(), errs.String()
}

// exporter is a running server.
type exporter struct {
	address string
	stop    func()
}

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// serve runs a server on one port.
func serve(t *testing.T, args ...string) exporter {
	t.Helper()
	_, cfg, err := config.Parse(append(args, "--demo"), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	log, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, cfg.Web, slog.New(slog.NewTextHandler(in, nil)), func(context.Context) (*server.Application, error) {
			none := http.NotFoundHandler()
			return &server.Application{Metrics: none, Pages: none, Close: func(context.Context) error { return nil }}, nil
		})
		in.Close()
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return exporter{found[1], stop}
		}
	}
	t.Fatal("the server does not listen")
	return exporter{}
}

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const askedOf = "; does the exporter run, and with the same flags or variables as this command?\n"

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	const yes = config.Program + " is healthy."
	for name, row := range map[string]struct {
		flags []string // the exporter's flags besides its address
		on    string   // the exporter's address; empty for 127.0.0.1:0
		ask   []string // the command's flags, with PORT
		says  string
	}{
		"same address":         {ask: []string{"--web.listen-address=127.0.0.1:PORT"}, says: yes},
		"no host":              {on: ":0", ask: []string{"--web.listen-address=:PORT"}, says: yes},
		"unspecified":          {on: "0.0.0.0:0", ask: []string{"--web.listen-address=0.0.0.0:PORT"}, says: yes},
		"unspecified v6":       {on: "[::]:0", ask: []string{"--web.listen-address=[::]:PORT"}, says: yes},
		"v6 alone":             {on: "[::1]:0", ask: []string{"--web.listen-address=[::]:PORT"}, says: yes},
		"with a zone":          {on: "[::1%lo]:0", ask: []string{"--web.listen-address=[::1%lo]:PORT"}, says: yes},
		"with a name":          {on: "localhost:0", ask: []string{"--web.listen-address=localhost:PORT"}, says: yes},
		"two addresses":        {ask: []string{"--web.listen-address=127.0.0.1:PORT,localhost:PORT"}, says: yes},
		"vsock beside it":      {ask: []string{"--web.listen-address=vsock://:1,127.0.0.1:PORT"}, says: yes},
		"a prefix":             {flags: []string{"--web.route-prefix=/x"}, ask: []string{"--web.route-prefix=/x", "--web.listen-address=:PORT"}, says: yes},
		"an external URL":      {flags: []string{"--web.external-url=http://h/x"}, ask: []string{"--web.external-url=http://h/x", "--web.listen-address=:PORT"}, says: yes},
		"a socket of systemd":  {ask: []string{"--web.systemd-socket", "--web.listen-address=:PORT"}, says: yes},
		"state and key absent": {ask: []string{"--state.url=file:/no/such/file", "--api.key-file=/no/such/key", "--web.listen-address=:PORT"}, says: yes},
		"TLS":                  {flags: []string{"--web.config.file=TLS"}, ask: []string{"--web.config.file=TLS", "--web.listen-address=:PORT"}, says: yes},
		"a client certificate": {flags: []string{"--web.config.file=MTLS"}, ask: []string{"--web.config.file=MTLS", "--web.listen-address=:PORT"}, says: "answers, and asks for a client certificate"},
		"a password":           {flags: []string{"--web.config.file=PASSWORD"}, ask: []string{"--web.config.file=PASSWORD", "--web.listen-address=:PORT"}, says: "answers, and asks for a password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(row.on, "[") {
				needIPv6(t)
			}
			if row.on == "" {
				row.on = "127.0.0.1:0"
			}
			files := strings.NewReplacer(webConfigs(t)...)
			flags := []string{"--web.listen-address=" + row.on}
			for _, arg := range row.flags {
				flags = append(flags, files.Replace(arg))
			}
			e := serve(t, flags...)
			var ask []string
			for _, arg := range row.ask {
				ask = append(ask, strings.ReplaceAll(files.Replace(arg), "PORT", port(t, e.address)))
			}
			if status, out, errs := healthcheck(t.Context(), ask...); status != 0 || errs != "" || !strings.Contains(out, ": "+row.says+"\n") {
				t.Errorf("status %d, stdout %q, stderr %q", status, out, errs)
			}
			e.stop()
			// A stopped exporter is not healthy.
			if status, out, errs := healthcheck(t.Context(), ask...); status != 1 || out != "" || !strings.HasSuffix(errs, "refused"+askedOf) {
				t.Errorf("ended: status %d, stdout %q, stderr %q", status, out, errs)
			}
		})
	}
}

// Any other answer than the exporter's is unhealthy, with a one-line reason.
func TestHealthcheckFails(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		handler http.HandlerFunc
		args    []string
		want    string
	}{
		"no answer in time": {
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil, "no answer within 3s",
		},
		"no end in time": {
			func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, server.Healthy)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}, nil, "no answer within 3s",
		},
		"no such page":    {http.NotFound, nil, "status 404"},
		"only a password": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, nil, "status 401"},
		"another program": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, nil, "another program answers there"},
		"a redirect": {
			func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, nil, "status 302",
		},
		"not found over plain HTTP": {http.NotFound, []string{"--web.config.file=web.yml"}, "status 404"},
		"cut off": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "EOF",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := httptest.NewServer(row.handler)
			defer peer.Close()
			address := peer.Listener.Addr().String()
			status, out, errs := healthcheck(t.Context(), append(row.args, "--web.listen-address="+address)...)
			want := fmt.Sprintf("%s: http://%s/-/healthy: %s%s", config.Program, address, row.want, askedOf)
			if status != 1 || out != "" || errs != want {
				t.Errorf("status %d, stdout %q, stderr\n%q, want\n%q", status, out, errs, want)
			}
		})
	}
	t.Run("one of two addresses", func(t *testing.T) {
		t.Parallel()
		e := serve(t, "--web.listen-address=127.0.0.1:0")
		free := listenLocal(t)
		free.Close()
		status, out, errs := healthcheck(t.Context(), "--web.listen-address="+e.address+","+free.Addr().String())
		if status != 1 || !strings.HasPrefix(out, e.address+": ") || !strings.Contains(errs, free.Addr().String()) || strings.Count(errs, "\n") != 1 {
			t.Errorf("status %d, stdout %q, stderr %q", status, out, errs)
		}
	})
}

// The command validates only the flags and variables that it uses.
func TestHealthcheckArguments(t *testing.T) {
	for name, row := range map[string]struct {
		variable, value string
		args            []string
		want            string
	}{
		"the socket of systemd": {
			"WEB_SYSTEMD_SOCKET", "true", nil,
			"--web.systemd-socket (from OMEGASTREAM_EXPORTER_WEB_SYSTEMD_SOCKET): leaves the address to systemd; name it for healthcheck with --web.listen-address",
		},
		"vsock alone": {
			"WEB_LISTEN_ADDRESS", "vsock://:9877", nil,
			"--web.listen-address (from OMEGASTREAM_EXPORTER_WEB_LISTEN_ADDRESS): healthcheck cannot connect over vsock; let the exporter also listen on an address like 127.0.0.1:9877",
		},
		"an unknown port": {
			"", "",
			[]string{"--web.listen-address=127.0.0.1:0"},
			`--web.listen-address: "127.0.0.1:0" lets the system choose a port; name the chosen one for healthcheck`,
		},
		"no address": {
			"", "",
			[]string{"--web.systemd-socket", "--web.listen-address=9877"},
			`--web.listen-address: "9877" is not an address and port; write it like :9877 or 127.0.0.1:9877`,
		},
		"a bad prefix": {
			"WEB_ROUTE_PREFIX", "x", nil,
			`--web.route-prefix (from OMEGASTREAM_EXPORTER_WEB_ROUTE_PREFIX): "x" is not a plain path; write it like /omegastream, or / for none`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if row.variable != "" {
				t.Setenv("OMEGASTREAM_EXPORTER_"+row.variable, row.value)
			}
			status, out, errs := healthcheck(t.Context(), row.args...)
			if want := config.Program + ": " + row.want + "\n"; status != 1 || out != "" || errs != want {
				t.Errorf("status %d, stdout %q, stderr\n%q, want\n%q", status, out, errs, want)
			}
		})
	}
}

// A signal cancels the request.
func TestHealthcheckIsInterrupted(t *testing.T) {
	t.Parallel()
	asked, ctx := make(chan struct{}, 1), t.Context()
	ctx, stop := context.WithCancel(ctx)
	peer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer peer.Close()
	go func() { <-asked; stop() }()
	began := time.Now()
	status, _, _ := healthcheck(ctx, "--web.listen-address="+peer.Listener.Addr().String())
	if took := time.Since(began); status != 1 || took >= healthTimeout {
		t.Errorf("status %d after %s", status, took)
	}
}

func needIPv6(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		needs.Missing(t, "IPv6 on loopback: "+err.Error())
	}
	l.Close()
}

// webConfigs writes one web configuration file of each kind, and returns pairs of name and
// path.
func webConfigs(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"exporter.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("tls.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	write("tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyBytes}))
	const tlsServer = "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n"
	const client = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: tls.crt\n"
	const password = "basic_auth_users:\n  user: $2b$04$abcdefghijklmnopqrstuuoD8yw7MmybLKVooaTGGZAt3HXugv2.a\n"
	return []string{
		"MTLS", write("mtls.yml", []byte(tlsServer+client)),
		"TLS", write("tls.yml", []byte(tlsServer)),
		"PASSWORD", write("password.yml", []byte(password)),
	}
}
