package deploy_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// flagHead matches the line of a flag in the help: whether it can be negated, its name, and
// its default or placeholder.
var flagHead = regexp.MustCompile(`(?m)^  --(\[no-\])?([a-z][a-z0-9.-]*)(?:=(.*))?\n((?:      .*\n)+)`)

// sample is a flag of the program, with a value to set.
type sample struct {
	value any
	args  []string
}

// samples returns all flags in the program's help, with toggles on or off.
func samples(t *testing.T, on bool) map[string]sample {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	help, err := output("", program, "--help")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]sample{}
	for _, m := range flagHead.FindAllStringSubmatch(help, -1) {
		toggle, name, text := m[1] != "", m[2], m[3]
		repeatable := strings.Contains(strings.Join(strings.Fields(m[4]), " "), "Repeatable.")
		switch {
		case name == "version": // does not configure anything
		case toggle && on:
			found[name] = sample{true, []string{"--" + name}}
		case toggle:
			found[name] = sample{false, []string{"--no-" + name}}
		case repeatable:
			found[name] = sample{[]string{text, "second:2"}, []string{"--" + name + "=" + text, "--" + name + "=second:2"}}
		case json.Valid([]byte(text)):
			found[name] = sample{json.RawMessage(text), []string{"--" + name + "=" + text}}
		default:
			found[name] = sample{text, []string{"--" + name + "=" + text}}
		}
	}
	for _, name := range []string{"api.rate-limit", "webhook.endpoint-id", "demo", "log.format"} {
		if _, ok := found[name]; !ok {
			t.Fatalf("--%s is not in the help:\n%s", name, help)
		}
	}
	return found
}

// nested returns the samples as values of the chart, with a level for each dot.
func nested(flags map[string]sample) map[string]any {
	tree := map[string]any{}
	for name, flag := range flags {
		at := tree
		path := strings.Split(name, ".")
		for _, level := range path[:len(path)-1] {
			if at[level] == nil {
				at[level] = map[string]any{}
			}
			at = at[level].(map[string]any)
		}
		at[path[len(path)-1]] = flag.value
	}
	return tree
}

// TestEveryFlag checks that values of the chart can set every flag of the program. A new flag
// fails here until values.schema.json has it.
func TestEveryFlag(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]bool{"on": true, "off": false} {
		t.Run("toggles "+name, func(t *testing.T) {
			t.Parallel()
			flags := samples(t, on)
			values, err := json.Marshal(map[string]any{"flags": nested(flags)})
			if err != nil {
				t.Fatal(err)
			}
			text, err := render(t, "--values="+write(t, "values.json", string(values)))
			if err != nil {
				t.Fatalf("%v\nadd a flag that the chart does not know to values.schema.json", err)
			}
			var want []string
			for _, flag := range flags {
				want = append(want, flag.args...)
			}
			got := exporters(parse(t, text))[0].Args
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-flags +arguments:\n%s", diff)
			}
		})
	}
}

// TestNoOtherFlags checks that the chart has no flag that the program lacks.
func TestNoOtherFlags(t *testing.T) {
	t.Parallel()
	type schema struct{ Properties map[string]json.RawMessage }
	var offered []string
	var walk func(prefix string, raw json.RawMessage)
	walk = func(prefix string, raw json.RawMessage) {
		var level schema
		if err := json.Unmarshal(raw, &level); err != nil {
			t.Fatal(err)
		}
		for name, below := range level.Properties {
			walk(prefix+"."+name, below)
		}
		if level.Properties == nil {
			offered = append(offered, strings.TrimPrefix(prefix, "."))
		}
	}
	var top schema
	if err := json.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &top); err != nil {
		t.Fatal(err)
	}
	walk("", top.Properties["flags"])
	slices.Sort(offered)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(samples(t, true))), offered); diff != "" {
		t.Errorf("-flags +offered:\n%s", diff)
	}
}
