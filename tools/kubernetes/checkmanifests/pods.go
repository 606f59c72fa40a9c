package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// pods holds every pod to the Pod Security Standard "restricted", and to what that leaves out.
func (s *set) pods() (problems []error) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []error{err}
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, d := range s.deployments {
		template := d.Spec.Template
		for _, result := range evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec) {
			if !result.Allowed {
				problems = append(problems, fmt.Errorf("%s: Pod Security restricted: %s: %s", name(d), result.ForbiddenReason, result.ForbiddenDetail))
			}
		}
		if mount := template.Spec.AutomountServiceAccountToken; mount == nil || *mount {
			problems = append(problems, fmt.Errorf("%s: automountServiceAccountToken is not false", name(d)))
		}
		if grace := template.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < 15 {
			problems = append(problems, fmt.Errorf("%s: terminationGracePeriodSeconds is under 15; the drain takes up to 10 s", name(d)))
		}
		for _, c := range template.Spec.Containers {
			for _, problem := range container(c) {
				problems = append(problems, fmt.Errorf("%s: container %s: %s", name(d), c.Name, problem))
			}
		}
	}
	return problems
}

func container(c corev1.Container) (problems []string) {
	if c.SecurityContext == nil || c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
		problems = append(problems, "readOnlyRootFilesystem is not true")
	}
	if c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
		problems = append(problems, "lacks a request for CPU or memory, or the limit of memory")
	}
	return problems
}
