package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
)

// bcryptHash matches what exporter-toolkit accepts as a password.
var bcryptHash = regexp.MustCompile(`^\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}$`)

// CheckWebFile returns what is wrong with the file of --web.config.file, or nil without one.
// The error repeats nothing from the file but the name of a user, because any word in the
// wrong place can be a secret.
func CheckWebFile(name string) error {
	if name == "" {
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var file struct {
		TLS   web.TLSConfig  `yaml:"tls_server_config"`
		Users map[string]any `yaml:"basic_auth_users"`
	}
	if yaml.Unmarshal(content, &file) == nil { // otherwise exporter-toolkit says why not
		for _, user := range slices.Sorted(maps.Keys(file.Users)) {
			if password, _ := file.Users[user].(string); !bcryptHash.MatchString(password) {
				return fmt.Errorf(`the password of user %q in basic_auth_users is not a bcrypt hash; make one with: htpasswd -nBC 10 "" | tr -d ':\n'`, user)
			}
		}
		file.TLS.SetDirectory(filepath.Dir(name))
		for _, f := range []struct{ field, name string }{
			{"cert_file", file.TLS.TLSCertPath}, {"key_file", file.TLS.TLSKeyPath}, {"client_ca_file", file.TLS.ClientCAs},
		} {
			if err := readable(f.name); err != nil {
				return fmt.Errorf("%s: the file that it names cannot be read: %w", f.field, err)
			}
		}
	}
	if err := web.Validate(name); err != nil {
		return withoutValues(err)
	}
	return nil
}

// readable returns why a file cannot be read, without its name.
func readable(name string) error {
	if name == "" {
		return nil
	}
	_, err := os.ReadFile(name)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}

// saidOf maps errors of the YAML library, exporter-toolkit and crypto/tls to what is repeated
// or said instead: nothing that comes from the file.
var saidOf = []struct {
	pattern *regexp.Regexp
	says    string
}{
	{regexp.MustCompile(`(line \d+): cannot unmarshal`), "$1 has a value of the wrong kind"},
	{regexp.MustCompile(`(line \d+): field .* not found in type`), "$1 has an unknown field"},
	{regexp.MustCompile(`(line \d+): (?:field|key) .* already set`), "$1 repeats a field"},
	{regexp.MustCompile(`^yaml: (line \d+: )?((?:could not|did not|found|mapping|block|control) [a-z ,':?\[\]{}-]+)$`), "is not YAML: $1$2"},
	{regexp.MustCompile(`^yaml: (?:(line \d+): )?unknown anchor`), "is not YAML: $1 refers to an unknown anchor"},
	{regexp.MustCompile(`^unknown (cipher|curve|TLS version)`), "names an unknown $1"},
	{regexp.MustCompile(`^invalid ClientAuth`), "client_auth_type is not one of NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"},
	{regexp.MustCompile(`^missing one of (\w+) or (\w+)`), "tls_server_config needs $1 or $2"},
	{regexp.MustCompile(`^client CA's have been configured`), "tls_server_config has a client_ca_file, but no client_auth_type that asks for a certificate"},
	{regexp.MustCompile(`^failed to load X509KeyPair: ((?:tls|x509): [a-z][A-Za-z ,]*)`), "certificate and key: $1"},
	{regexp.MustCompile(`^HTTP header .* can not be configured`), "headers contains one that cannot be set"},
	{regexp.MustCompile(`^invalid value for ([\w-]+)\. Expected one of: (\[[a-z" ]*\])`), "the header $1 must be one of $2"},
}

// withoutValues returns an error's text without words from the file.
func withoutValues(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, said := range saidOf {
		if match := said.pattern.FindStringSubmatchIndex(text); match != nil {
			return errors.New(string(said.pattern.ExpandString(nil, said.says, text, match)))
		}
	}
	return errors.New("is invalid; see https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md")
}
