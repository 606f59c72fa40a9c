package config

import (
	"net/url"
	"os"
	"slices"
	"strings"
)

// validateProxy refuses a proxy that the client would ignore without a word, as Go does
// with one that it cannot read. The problem does not repeat it: it can hold a password.
func (f *flags) validateProxy() {
	u := f.cfg.API.URL
	if u == nil || f.cfg.Demo || isLoopback(u.Hostname()) { // which no proxy is asked for
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

// validProxy takes what Go's client takes: a URL, or a host and a port.
func validProxy(value string) bool {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	return err == nil && u.Hostname() != "" && validPort(u.Port()) &&
		slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)
}
