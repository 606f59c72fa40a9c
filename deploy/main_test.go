package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v2"

	"omegastream_exporter/internal/test/gobuild"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/tools"
)

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, err := work(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(status)
}

// work is the folder of files that all tests share.
var work = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "omegastream-deploy-") })

// tool returns the path of a tool. Without it, the test ends.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := tools.Path("..", name)
	if err != nil {
		needs.Missing(t, err.Error())
	}
	return path
}

// output runs a program and returns its output. The error contains its standard error.
func output(dir, name string, args ...string) (string, error) {
	var out, complaint bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out.String(), complaint.String())
	}
	return out.String(), nil
}

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// write writes a file in a new folder.
func write(t *testing.T, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// binary builds the exporter once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := work()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "omegastream_exporter")
	return path, gobuild.Exporter(path)
})

// object holds the parts of a manifest that the tests read.
type object struct {
	Kind     string
	Metadata struct {
		Name        string
		Labels      map[string]string
		Annotations map[string]string
	}
	Data map[string]string
	Spec struct {
		Template struct {
			Spec struct {
				Containers []container
			}
		}
		MinReadySeconds     int `yaml:"minReadySeconds"`
		Endpoints           []endpoint
		PodMetricsEndpoints []endpoint `yaml:"podMetricsEndpoints"`
		Egress              []struct{ Ports []struct{ Port int } }
		Groups              []any
	}
}

// endpoint is what a monitor scrapes.
type endpoint struct {
	Port, Path, Scheme string
	Relabelings        []struct {
		TargetLabel string `yaml:"targetLabel"`
		Replacement string
	}
}

type container struct {
	Name, Image    string
	Args           []string
	StartupProbe   probe `yaml:"startupProbe"`
	LivenessProbe  probe `yaml:"livenessProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
}

type probe struct {
	HTTPGet struct{ Path, Scheme string } `yaml:"httpGet"`
	Exec    struct{ Command []string }
}

// parse returns the objects of a text.
func parse(t *testing.T, text string) (objects []object) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if o.Kind != "" {
			objects = append(objects, o)
		}
	}
}

// exporters returns the containers of the exporter.
func exporters(objects []object) (found []container) {
	for _, o := range objects {
		for _, c := range o.Spec.Template.Spec.Containers {
			if c.Name == "omegastream-exporter" {
				found = append(found, c)
			}
		}
	}
	return found
}
