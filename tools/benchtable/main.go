// Command benchtable runs the benchmarks of internal/test/bench and prints one table in Markdown: what the exporter takes,
// what its limit takes in the same run, their ratio, and the goal. Figures that miss a goal are marked; that is never an error,
// for the machine has a say in it.
//
//	benchtable [-o file] -- [arguments of go test]
//	benchtable -read file
//
// Below it is a table of the resources for accounts of several sizes, computed from the measured costs.
//
// The lines of go test go to standard error as they come, and to the file given, where benchstat can read them.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("benchtable", flag.ContinueOnError)
	flags.SetOutput(stderr)
	keep := flags.String("o", "", "`file` that keeps the output of go test")
	read := flags.String("read", "", "make the table of a `file` that was kept")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	var output []byte
	var err error
	if *read != "" {
		output, err = os.ReadFile(*read)
	} else {
		output, err = bench(flags.Args(), stderr)
		if *keep != "" {
			err = errors.Join(err, os.WriteFile(*keep, output, 0o600))
		}
	}
	found := parse(output)
	fmt.Fprint(stdout, table(found), sizing(found))
	if err != nil {
		fmt.Fprintf(stderr, "benchtable: %v\n", err)
		return 1
	}
	return 0
}

// bench runs the benchmarks and returns what go test says. What they said before
// an error is worth a table, too.
func bench(args []string, progress io.Writer) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"test", "-run", "^$"}, args...)...) //nolint:gosec,noctx // The arguments are the Makefile's; go test has its own time limit.
	var output bytes.Buffer
	cmd.Stdout = io.MultiWriter(&output, progress)
	cmd.Stderr = progress
	err := cmd.Run()
	return output.Bytes(), err
}
