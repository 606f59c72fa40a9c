package config

import (
	"net/url"
	"os"
	"slices"
	"strings"
)

// validateProxy refuses a proxy that the client would silently ignore, as Go does if it
// cannot parse one. The problem does not repeat the proxy, which can contain a password.
func (f *flags) validateProxy() {
	u := f.cfg.API.URL
	if u == nil || f.cfg.Demo || isLoopback(u.Hostname()) { // reached without a proxy
		return
	}
	name := strings.ToUpper(u.Scheme) + "_PROXY"
	value := os.Getenv(name)
	if value == "" {
		name = strings.ToLower(name)
		value = os.Getenv(name)
	}
	if value != "" && !validProxy(value) {
		f.reject("api.url", "the environment variable %s is not the URL of a proxy; write it like http://proxy.example.com:3128", name)
	}
}

// validProxy accepts what Go's client accepts: a URL, or a host and a port.
func validProxy(value string) bool {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	return err == nil && u.Hostname() != "" && validPort(u.Port()) &&
		slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)
}
