// Command checkmanifests checks what schemas do not: that Kubernetes' own types read the manifests without a field left
// over, that they fit together, and that every pod meets the Pod Security Standard "restricted".
//
// Its arguments are files that are applied together. It prints each problem on a line, and exits with 1 if there is one.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(files []string, stdout, stderr io.Writer) int {
	var all []object
	var problems []error
	for _, file := range files {
		objects, err := read(file)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", file, err))
		}
		all = append(all, objects...)
	}
	if len(problems) == 0 && len(all) == 0 {
		problems = append(problems, errors.New("no manifest was given"))
	}
	s := newSet(all)
	problems = append(problems, duplicates(all)...)
	problems = append(problems, s.references()...)
	problems = append(problems, s.pods()...)
	for _, problem := range problems {
		fmt.Fprintln(stderr, problem)
	}
	if len(problems) > 0 {
		return 1
	}
	fmt.Fprintf(stdout, "%d objects are in order\n", len(all))
	return 0
}
