package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/server"
)

// healthTimeout is short, because the page waits for nothing. It is below the 5 s that the
// Dockerfile gives the command, so that the command itself reports the error.
const healthTimeout = 3 * time.Second

// Healthcheck asks each address of the exporter that runs with the same flags
// for /-/healthy, for supervisors that can run a command but not ask a page. It is
// not /-/ready: supervisors restart on a failure, which helps against a process that
// hangs, but not against a state that is unreachable.
func Healthcheck(ctx context.Context, c config.Web, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	var errs []error
	for _, address := range c.TCPAddresses() {
		answer, err := askHealth(ctx, c, address)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(stdout, "%s: %s\n", address, answer)
	}
	return errors.Join(errs...)
}

// askHealth returns what one address answered.
func askHealth(ctx context.Context, c config.Web, address string) (answer string, err error) {
	schemes := []string{"http"}
	secured := *c.Toolkit.WebConfigFile != ""
	if secured {
		// Only the server knows for sure whether it uses TLS.
		schemes = []string{"https", "http"}
	}
	for _, scheme := range schemes {
		page := scheme + "://" + shownAddress(address) + c.RoutePrefix + "/-/healthy"
		answer, err = getHealth(ctx, page, address)
		var status statusError
		switch {
		case errors.Is(err, http.ErrSchemeMismatch):
			continue
		case secured && errors.As(err, &status) && status == http.StatusUnauthorized:
			return "answers, and asks for a password", nil
		case secured && refusedByPeer(err):
			return "answers, and asks for a client certificate", nil
		case err != nil:
			return "", fmt.Errorf("%s: %w; does the exporter run, and with the same flags or variables as this command?", page, reason(err))
		default:
			return answer, nil
		}
	}
	return "", err
}

// statusError is an HTTP status that is not 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// getHealth requests page on a connection of its own to address, without a proxy and
// without any secret.
func getHealth(ctx context.Context, page, address string) (string, error) {
	asking := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSelf(ctx, address) },
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // The certificate is for the name that others use.
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := asking.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", statusError(response.StatusCode)
	}
	if answer := strings.TrimSpace(string(body)); answer == server.Healthy {
		return answer, nil
	}
	return "", errors.New("another program answers there")
}

// dialSelf connects to an address that we listen on. One without a host, or with
// an unspecified one, is reached on loopback, by either protocol.
func dialSelf(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		hosts = []string{"127.0.0.1", "::1"}
	}
	var errs []error
	for _, host := range hosts {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errs[0] // the one that people expect
}

// shownAddress is the address with a host, as in a URL.
func shownAddress(address string) string {
	host, port, _ := net.SplitHostPort(address) // parse has checked it
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	} else if err == nil {
		host = ip.WithZone("").String() // Go's URLs need zones escaped
	}
	return net.JoinHostPort(host, port)
}

// refusedByPeer reports whether the server ended the TLS handshake, as it does with a
// client without a certificate.
func refusedByPeer(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// reason is err without the URL, which precedes it already.
func reason(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s", healthTimeout)
	case errors.As(err, &op) && op.Op == "dial":
		return op.Err
	}
	return err
}
