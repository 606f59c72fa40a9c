package main

import (
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// references finds what names something that is not there. Secrets are made by hand and left out.
func (s *set) references() (problems []error) {
	wrong := func(o object, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: "+format, append([]any{name(o)}, args...)...))
	}
	for _, d := range s.deployments {
		if ok, err := matches(d.Spec.Selector, d.Spec.Template.Labels); !ok {
			wrong(d, "does not select its own pods %s", because(err))
		}
		for _, problem := range s.volumes(d) {
			wrong(d, "%s", problem)
		}
	}
	for _, service := range s.services {
		pods := s.selected(&metav1.LabelSelector{MatchLabels: service.Spec.Selector})
		if len(pods) == 0 {
			wrong(service, "selects no pod")
		}
		for _, port := range service.Spec.Ports {
			for _, pod := range pods {
				if !hasPort(pod, port.TargetPort) {
					wrong(service, "its pods have no port %s", port.TargetPort.String())
				}
			}
		}
	}
	for _, budget := range s.budgets {
		if len(s.selected(budget.Spec.Selector)) == 0 {
			wrong(budget, "selects no pod")
		}
	}
	for _, policy := range s.networkPolicies {
		pods := s.selected(&policy.Spec.PodSelector)
		if len(pods) == 0 {
			wrong(policy, "selects no pod")
		}
		for _, rule := range policy.Spec.Ingress {
			for _, port := range rule.Ports {
				for _, pod := range pods {
					if port.Port != nil && !hasPort(pod, *port.Port) {
						wrong(policy, "its pods have no port %s", port.Port.String())
					}
				}
			}
		}
	}
	for _, monitor := range s.podMonitors {
		pods := s.selected(&monitor.Spec.Selector)
		if len(pods) == 0 {
			wrong(monitor, "selects no pod")
		}
		for _, endpoint := range monitor.Spec.PodMetricsEndpoints {
			for _, pod := range pods {
				if endpoint.Port == nil || !hasPort(pod, intstr.FromString(*endpoint.Port)) {
					wrong(monitor, "an endpoint's port is not one of its pods'")
				}
			}
		}
	}
	for _, monitor := range s.serviceMonitors {
		found := 0
		for _, service := range s.services {
			if ok, _ := matches(&monitor.Spec.Selector, service.Labels); !ok {
				continue
			}
			found++
			for _, endpoint := range monitor.Spec.Endpoints {
				if !servicePort(service, endpoint.Port) {
					wrong(monitor, "%s has no port %q", name(service), endpoint.Port)
				}
			}
		}
		if found == 0 {
			wrong(monitor, "selects no service")
		}
	}
	return problems
}

// volumes finds mounts without a volume, volumes without a mount and claims that are not there.
func (s *set) volumes(d *appsv1.Deployment) (problems []error) {
	pod := d.Spec.Template.Spec
	used := make(map[string]bool)
	for _, c := range pod.Containers {
		for _, mount := range c.VolumeMounts {
			used[mount.Name] = true
		}
	}
	for _, volume := range pod.Volumes {
		if !used[volume.Name] {
			problems = append(problems, fmt.Errorf("no container mounts the volume %s", volume.Name))
		}
		delete(used, volume.Name)
		if claim := volume.PersistentVolumeClaim; claim != nil && !s.claims[claim.ClaimName] {
			problems = append(problems, fmt.Errorf("there is no PersistentVolumeClaim %s", claim.ClaimName))
		}
	}
	for missing := range used {
		problems = append(problems, fmt.Errorf("there is no volume %s", missing))
	}
	if !s.serviceAccounts[pod.ServiceAccountName] {
		problems = append(problems, fmt.Errorf("there is no ServiceAccount %s", pod.ServiceAccountName))
	}
	return problems
}

// selected returns the pods that a selector finds. One that finds everything is a mistake here.
func (s *set) selected(selector *metav1.LabelSelector) []corev1.PodSpec {
	var pods []corev1.PodSpec
	for _, d := range s.deployments {
		if ok, _ := matches(selector, d.Spec.Template.Labels); ok {
			pods = append(pods, d.Spec.Template.Spec)
		}
	}
	return pods
}

func matches(selector *metav1.LabelSelector, found map[string]string) (bool, error) {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return false, err
	}
	if parsed.Empty() {
		return false, errors.New("the selector is empty")
	}
	return parsed.Matches(labels.Set(found)), nil
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return "(" + err.Error() + ")"
}

func hasPort(pod corev1.PodSpec, port intstr.IntOrString) bool {
	for _, c := range pod.Containers {
		for _, has := range c.Ports {
			if port == intstr.FromString(has.Name) || port == intstr.FromInt32(has.ContainerPort) {
				return true
			}
		}
	}
	return false
}

func servicePort(service *corev1.Service, port string) bool {
	for _, has := range service.Spec.Ports {
		if has.Name == port {
			return true
		}
	}
	return false
}
