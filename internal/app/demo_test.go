package app

import (
	"testing"

	"github.com/prometheus/exporter-toolkit/web"

	"omegastream_exporter/internal/config"
)

func TestPageURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ address, prefix, file, want string }{
		{":9877", "", "", "http://localhost:9877/"},
		{"0.0.0.0:9877", "", "", "http://localhost:9877/"},
		{"[::]:9877", "/webhooks", "", "http://localhost:9877/webhooks/"},
		{"127.0.0.1:9871", "", "", "http://localhost:9871/"},
		{"192.0.2.1:80", "", "", "http://192.0.2.1:80/"},
		{"[2001:db8::1]:9877", "", "", "http://[2001:db8::1]:9877/"},
		{"127.0.0.1:0", "", "", ""},
		{"vsock://:9877", "", "", ""},
		{":9877", "", "web.yml", ""},
	} {
		w := config.Web{
			Toolkit:     &web.FlagConfig{WebListenAddresses: &[]string{tt.address}, WebConfigFile: &tt.file},
			RoutePrefix: tt.prefix,
		}
		if got := pageURL(w); got != tt.want {
			t.Errorf("%q, %q, %q: %q, want %q", tt.address, tt.prefix, tt.file, got, tt.want)
		}
	}
}
