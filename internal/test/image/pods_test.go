//go:build linux

package image

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v2"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/needs"
	"omegastream_exporter/internal/test/postgres"
	"omegastream_exporter/internal/test/tools"
)

// pause is the image that holds a pod, and replaces the application in the manifests.
const pause = "registry.k8s.io/pause:3.10"

// object is part of a manifest.
type object = map[any]any

// pods runs each variant of deploy/kubernetes with podman, changed only where podman lacks a
// feature, sends the kubelet's probes, and scrapes.
func pods(t *testing.T, e *engine, image string) {
	kustomize, err := tools.Path(root(t), "kustomize")
	if err != nil {
		needs.Missing(t, err.Error())
	}
	e.makePause()
	account := simulator.New(simulator.Options{})
	account.AddEndpoint(simulator.Endpoint{Active: true})
	api, stopAPI, err := simulator.Serve(account)
	if err != nil {
		t.Fatal(err)
	}
	defer stopAPI()
	e.secret("omegastream-api-key", "api-key", simulator.DefaultKey)
	e.secret("omegastream-state", "url", postgres.Start(t).NewDatabase(t))
	for _, tt := range []struct {
		variant string
		pods    int
	}{{"sidecar", 1}, {"sidecar-shared", 2}, {"standalone", 1}, {"replicated", 2}} {
		t.Run(tt.variant, func(t *testing.T) {
			e := &engine{t: t, dir: e.dir, env: e.env}
			defer func() {
				if t.Failed() {
					for _, name := range strings.Fields(e.podman("ps", "--all", "--format", "{{.Names}}")) {
						out, errs, _ := e.try(e.dir, "podman", "logs", name)
						t.Logf("the log of %s:\n%.4000s\n%.4000s", name, out, errs)
					}
				}
				e.podman("pod", "rm", "--all", "--force", "--time", "0")
			}()
			text := e.run(root(t), kustomize, "build", "deploy/kubernetes/"+tt.variant)
			var urls []string
			for i := range tt.pods {
				address := freeAddress(t)
				played, used, probes := playable(t, text, fmt.Sprintf("%s-%d", tt.variant, i), api, address)
				e.podman("tag", image, used)
				file := e.write(fmt.Sprintf("%s-%d.yaml", tt.variant, i), played)
				e.podman("kube", "play", file)
				await(t, address, "\nomegastream_up 1\n")
				for _, path := range probes {
					urls = append(urls, "http://"+address+path)
				}
			}
			for _, url := range urls {
				response, err := (&http.Client{Timeout: 10 * time.Second}).Get(url)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("%s: %s", url, response.Status)
				}
			}
			running := strings.Fields(e.podman("ps", "--format", "{{.Names}}"))
			apps := len(running) - 2*tt.pods // each pod has a pause container and the exporter
			if want := strings.HasPrefix(tt.variant, "sidecar"); (apps == tt.pods) != want {
				t.Errorf("these run: %q", running)
			}
		})
	}
}

// makePause builds an image that does nothing.
func (e *engine) makePause() {
	e.t.Helper()
	program, err := os.ReadFile(needs.Tool(e.t, "busybox"))
	if err != nil {
		e.t.Fatal(err)
	}
	if err := os.Chmod(e.write("pause/bin/busybox", string(program)), 0o755); err != nil {
		e.t.Fatal(err)
	}
	e.write("pause/Dockerfile", "FROM scratch\nCOPY bin /bin\nENTRYPOINT [\"/bin/busybox\", \"sleep\", \"100000\"]\n")
	e.run(e.path("pause"), "buildah", "build", "-t", pause, ".")
}

// secret creates a Secret with one file.
func (e *engine) secret(name, key, content string) {
	e.t.Helper()
	if !strings.HasPrefix(e.podman("version", "--format", "{{.Client.Version}}"), "4.3.") {
		// Podman 4.3 mounts the data of a Secret without decoding it.
		content = base64.StdEncoding.EncodeToString([]byte(content))
	}
	e.podman("secret", "create", name, e.write(name+".yaml", manifest(e.t, object{
		"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": name}, "data": object{key: content},
	})))
}

// playable adapts a manifest to podman 4.3: the pod uses the host's network and no ports, has
// no probes, which would run a program that the image lacks, requires its Secrets, and has
// one replica. It also returns the exporter's image and the paths of its probes.
func playable(t *testing.T, text, name, api, address string) (played, image string, probes []string) {
	t.Helper()
	var keep []object
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch o["kind"] {
		case "PersistentVolumeClaim":
			keep = append(keep, o)
		case "Deployment":
			o["metadata"].(object)["name"] = name
			spec := o["spec"].(object)
			spec["replicas"] = 1
			pod := spec["template"].(object)["spec"].(object)
			pod["hostNetwork"], pod["restartPolicy"] = true, "Never" // so that a killed test leaves nothing that restarts
			for _, v := range pod["volumes"].([]any) {
				if secret, is := v.(object)["secret"].(object); is {
					secret["optional"] = false
				}
			}
			for _, c := range pod["containers"].([]any) {
				c := c.(object)
				delete(c, "ports")
				for _, name := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
					if probe, is := c[name].(object); is {
						probes = append(probes, probe["httpGet"].(object)["path"].(string))
						delete(c, name)
					}
				}
				if c["name"] == "omegastream-exporter" {
					image = c["image"].(string)
					c["args"] = append(c["args"].([]any), "--api.url="+api, "--web.listen-address="+address)
				}
			}
			keep = append(keep, o)
		}
	}
	if image == "" || len(probes) < 2 || !slices.ContainsFunc(keep, func(o object) bool { return o["kind"] == "Deployment" }) {
		t.Fatalf("no exporter with its probes in %.500s", text)
	}
	return manifest(t, keep...), image, probes
}

// manifest writes objects as one file.
func manifest(t *testing.T, all ...object) string {
	t.Helper()
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	for _, o := range all {
		if err := encoder.Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
