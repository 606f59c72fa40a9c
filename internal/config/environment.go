package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// envPrefix is the prefix of every flag's variable.
const envPrefix = "OMEGASTREAM_EXPORTER_"

// serviceVariable matches what Kubernetes sets in every pod for a service whose name is
// omegastream-exporter, or starts with it.
var serviceVariable = regexp.MustCompile(`^` + envPrefix + `(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// checkEnvironment warns about variables that look like those of flags but are not, because
// misspelled ones would silently be ignored.
func (f *flags) checkEnvironment() {
	var known []string
	for _, flag := range f.app.Model().Flags {
		if flag.Envar != "" {
			known = append(known, flag.Envar)
		}
	}
	var unknown []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(known, name) && !serviceVariable.MatchString(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		f.warn("environment variable %s belongs to no flag and is ignored%s", name, hint(name, known))
	}
}

// hint guesses the intended variable.
func hint(name string, known []string) string {
	if name == envPrefix+"API_KEY" {
		return "; the key goes into " + EnvKey
	}
	nearest := slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
	if distance(name, nearest) > 3 {
		return ""
	}
	return "; did you mean " + nearest + "?"
}

// distance is the Levenshtein distance of two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
