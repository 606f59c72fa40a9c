package main

import (
	"fmt"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
)

// set is manifests that are applied together, by kind.
type set struct {
	deployments     []*appsv1.Deployment
	claims          map[string]bool
	serviceAccounts map[string]bool
	services        []*corev1.Service
	budgets         []*policyv1.PodDisruptionBudget
	networkPolicies []*networkingv1.NetworkPolicy
	serviceMonitors []*monitoringv1.ServiceMonitor
	podMonitors     []*monitoringv1.PodMonitor
}

func newSet(objects []object) *set {
	s := &set{claims: make(map[string]bool), serviceAccounts: map[string]bool{"": true, "default": true}}
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			s.deployments = append(s.deployments, o)
		case *corev1.PersistentVolumeClaim:
			s.claims[o.Name] = true
		case *corev1.ServiceAccount:
			s.serviceAccounts[o.Name] = true
		case *corev1.Service:
			s.services = append(s.services, o)
		case *policyv1.PodDisruptionBudget:
			s.budgets = append(s.budgets, o)
		case *networkingv1.NetworkPolicy:
			s.networkPolicies = append(s.networkPolicies, o)
		case *monitoringv1.ServiceMonitor:
			s.serviceMonitors = append(s.serviceMonitors, o)
		case *monitoringv1.PodMonitor:
			s.podMonitors = append(s.podMonitors, o)
		}
	}
	return s
}

// duplicates finds objects that would overwrite each other.
func duplicates(objects []object) (problems []error) {
	seen := make(map[string]bool)
	for _, o := range objects {
		if seen[name(o)] {
			problems = append(problems, fmt.Errorf("%s: is there twice", name(o)))
		}
		seen[name(o)] = true
	}
	return problems
}
