package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
)

// bcryptHash is what exporter-toolkit takes for a password.
var bcryptHash = regexp.MustCompile(`^\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}$`)

// checkWebFile returns what is wrong with the file of --web.config.file. The error has
// no value of the file in it: any can be a secret in the wrong place.
func checkWebFile(name string) error {
	if name == "" {
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var file struct {
		Users map[string]string `yaml:"basic_auth_users"`
	}
	if yaml.Unmarshal(content, &file) == nil { // else it is exporter-toolkit that says why not
		for _, user := range slices.Sorted(maps.Keys(file.Users)) {
			if !bcryptHash.MatchString(file.Users[user]) {
				return fmt.Errorf(`the password of the user %q is not a bcrypt hash; make one with: htpasswd -nBC 10 "" | tr -d ':\n'`, user)
			}
		}
	}
	if err := web.Validate(name); err != nil {
		return withoutValues(err)
	}
	return nil
}

// yamlValue is where the errors of the YAML library and of exporter-toolkit have a value.
var yamlValue = regexp.MustCompile("(?s) `.*?`( into )|( anchor) '.*?'( referenced)|(unknown (?:cipher|curve|TLS version)|invalid ClientAuth|, but got):.*$")

func withoutValues(err error) error {
	return errors.New(yamlValue.ReplaceAllString(err.Error(), "$1$2$3$4"))
}
