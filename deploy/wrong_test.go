package deploy_test

import (
	"strings"
	"testing"
)

// TestWrongManifests checks that the check finds an error in one place of a manifest.
func TestWrongManifests(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		folders    []string
		old, wrong string
		want       string
	}{
		{"unknown field", []string{"standalone"}, "replicas:", "replica:", `unknown field "spec.replica"`},
		{"unknown field by the schema", []string{"standalone"}, "replicas:", "replica:", `spec.replica: Invalid value`},
		{"unknown field of a monitor", []string{"standalone", "servicemonitor"}, "scrapeTimeout:", "scrapeTimeOut:", `spec.endpoints[0].scrapeTimeOut: Invalid value`},
		{"wrong type", []string{"replicated"}, "replicas: 2", "replicas: two", `spec.replicas: Invalid value: "string"`},
		{"value against a monitor's pattern", []string{"standalone", "servicemonitor"}, "interval: 15s", "interval: often", "spec.endpoints[0].interval: Invalid value"},
		{"rules that are not a list", []string{"rules"}, "    rules:", "    rules: 1\n    others:", "spec.groups[0].others: Invalid value"},
		{"unknown kind", []string{"replicated"}, "kind: PodDisruptionBudget", "kind: PodDisruptionPlan", "PodDisruptionPlan"},
		{"twice", []string{"standalone", "replicated"}, "", "", "Service/omegastream-exporter: is there twice"},

		{"root", []string{"standalone"}, "runAsUser: 65534", "runAsUser: 0", "Pod Security restricted: runAsUser=0"},
		{"no seccomp profile", []string{"sidecar"}, "type: RuntimeDefault", "type: Unconfined", "Pod Security restricted: seccompProfile"},
		{"capabilities", []string{"standalone"}, "- ALL", "- NET_RAW", "Pod Security restricted: unrestricted capabilities"},
		{"privilege escalation", []string{"standalone"}, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "Pod Security restricted: allowPrivilegeEscalation"},
		{"writable root", []string{"standalone"}, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem is not true"},
		{"token", []string{"standalone"}, "automountServiceAccountToken: false", "automountServiceAccountToken: true", "automountServiceAccountToken is not false"},
		{"grace", []string{"standalone"}, "terminationGracePeriodSeconds: 15", "terminationGracePeriodSeconds: 5", "the drain takes up to 10 s"},
		{"no limit of memory", []string{"standalone"}, "memory: 128Mi", "ephemeral-storage: 1Gi", "the limit of memory"},

		{"pods by another label", []string{"standalone"}, "      labels:\n        app.kubernetes.io/name: omegastream-exporter", "      labels:\n        app.kubernetes.io/name: other", "does not select its own pods"},
		{"service by another label", []string{"standalone"}, "  selector:\n    app.kubernetes.io/name: omegastream-exporter", "  selector:\n    app.kubernetes.io/name: other", "Service/omegastream-exporter: selects no pod"},
		{"port of a service", []string{"standalone"}, "targetPort: http", "targetPort: metrics", "its pods have no port metrics"},
		{"port of a ServiceMonitor", []string{"standalone", "servicemonitor"}, "port: http\n    scrapeTimeout", "port: metrics\n    scrapeTimeout", `Service/omegastream-exporter has no port "metrics"`},
		{"port of a PodMonitor", []string{"sidecar", "podmonitor"}, "port: omegastream\n    relabelings", "port: metrics\n    relabelings", "an endpoint's port is not one of its pods'"},
		{"label of a PodMonitor", []string{"sidecar", "podmonitor"}, "        omegastream-exporter: sidecar", "        other: sidecar", "PodMonitor/omegastream-exporter: selects no pod"},
		{"a ServiceMonitor alone", []string{"servicemonitor"}, "", "", "selects no service"},
		{"a budget for others", []string{"replicated"}, "  selector:\n    matchLabels:\n      app.kubernetes.io/name: omegastream-exporter\n  unhealthy", "  selector:\n    matchLabels:\n      app.kubernetes.io/name: other\n  unhealthy", "PodDisruptionBudget/omegastream-exporter: selects no pod"},
		{"port of a policy", []string{"standalone", "network-policy"}, "port: 9877\n      protocol", "port: 9999\n      protocol", "its pods have no port 9999"},
		{"missing claim", []string{"standalone"}, "claimName: omegastream-exporter", "claimName: other", "there is no PersistentVolumeClaim other"},
		{"missing volume", []string{"standalone"}, "mountPath: /data\n          name: data", "mountPath: /data\n          name: date", "there is no volume date"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var manifests []string
			for _, folder := range tt.folders {
				manifests = append(manifests, build(t, folder))
			}
			all := strings.Join(manifests, "---\n")
			wrong := strings.Replace(all, tt.old, tt.wrong, 1)
			if wrong == all && tt.old != "" {
				t.Fatalf("the manifests have no %q:\n%s", tt.old, all)
			}
			err := checkFor(t, kubernetesVersions[1:], wrong)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the check reports %v, want %s", err, tt.want)
			}
		})
	}
}
