package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// event is one line of `go test -json`, see `go doc test2json` and `go help buildjson`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of a build-output
	Test        string // empty: the event is the package's
	Elapsed     float64
	Output      string
	FailedBuild string
	Key, Value  string // of an attribute
}

// summary is what a run has shown so far.
type summary struct {
	out    io.Writer
	module string

	packages map[string]*pkg
	builds   map[string]*strings.Builder // compiler output by import path

	passed   int
	failures []failure // in the order in which they were seen
	skipped  []skip
	figures  []figures
	slowest  []timed
}

type pkg struct {
	tests  map[string]*test
	order  []string
	output strings.Builder
}

type test struct {
	output  strings.Builder
	result  string // pass, fail, skip; empty while it runs
	elapsed float64
	parent  bool // it has subtests, and those are what is counted
	failing bool // a subtest of it failed
}

type failure struct{ what, output string }

type skip struct{ what, reason string }

// figures are what a test has measured, as it says with t.Attr("figures", ...).
type figures struct{ what, text string }

type timed struct {
	what    string
	seconds float64
}

func newSummary(out io.Writer, module string) *summary {
	return &summary{out: out, module: module, packages: map[string]*pkg{}, builds: map[string]*strings.Builder{}}
}

func (s *summary) fail(what, output string) { s.failures = append(s.failures, failure{what, output}) }

func (s *summary) skip(what, reason string) { s.skipped = append(s.skipped, skip{what, reason}) }

// add takes one event, and shows a package's line when it is the package's last one.
func (s *summary) add(e event) {
	if e.Action == "build-output" {
		if s.builds[e.ImportPath] == nil {
			s.builds[e.ImportPath] = &strings.Builder{}
		}
		s.builds[e.ImportPath].WriteString(e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	p := s.packages[e.Package]
	if p == nil {
		p = &pkg{tests: map[string]*test{}}
		s.packages[e.Package] = p
	}
	switch {
	case e.Test != "":
		s.addTest(e, p)
	case e.Action == "output":
		p.output.WriteString(e.Output)
	case e.Action == "pass", e.Action == "fail", e.Action == "skip":
		s.endPackage(e, p)
	}
}

func (s *summary) addTest(e event, p *pkg) {
	t := p.tests[e.Test]
	if t == nil {
		t = &test{}
		p.tests[e.Test] = t
		p.order = append(p.order, e.Test)
		if above := p.above(e.Test); above != nil {
			above.parent = true
		}
	}
	switch e.Action {
	case "output":
		if !frame.MatchString(e.Output) {
			t.output.WriteString(e.Output)
		}
	case "attr":
		if e.Key == "figures" {
			s.figures = append(s.figures, figures{s.short(e.Package) + " " + e.Test, e.Value})
		}
	case "pass", "fail", "skip":
		t.result, t.elapsed = e.Action, e.Elapsed
		s.endTest(e, p, t)
	}
}

// frame is a line by which go test says what runs; the summary says that in its own way.
var frame = regexp.MustCompile(`^\s*(=== (RUN|PAUSE|CONT|NAME|ATTR) |--- (PASS|FAIL|SKIP): )`)

// verdict is a line of go test that the package's own line has told already.
var verdict = regexp.MustCompile(`(?m)^(PASS|FAIL(\t.*)?)\n`)

// race is how the testing package marks every test that ran while a race was found; the finding is in one of them.
var race = regexp.MustCompile(`(?m)^\s*testing\.go:\d+: race detected during execution of test\n`)

// place is the position that t.Log puts before a line.
var place = regexp.MustCompile(`(?m)^\s*\S+\.go:\d+: `)

// above is the test that name is a subtest of, or nil.
func (p *pkg) above(name string) *test {
	if i := strings.LastIndex(name, "/"); i > 0 {
		return p.tests[name[:i]]
	}
	return nil
}

func (s *summary) endTest(e event, p *pkg, t *test) {
	what := s.short(e.Package) + " " + e.Test
	switch {
	case e.Action == "skip":
		s.skip(what, strings.Join(strings.Fields(place.ReplaceAllString(t.output.String(), "")), " "))
	case e.Action == "fail":
		if above := p.above(e.Test); above != nil {
			above.failing = true
		}
		// A parent that only passes on what its subtests found is no failure of its own.
		if output := t.output.String(); !t.failing || strings.TrimSpace(output) != "" {
			s.fail(what, output)
		}
	case !t.parent:
		s.passed++
		s.slowest = append(s.slowest, timed{what, e.Elapsed})
	}
	if output := t.output.String(); e.Action == "pass" && strings.Contains(output, "WARNING: DATA RACE") {
		s.fail(what+", or a test beside it", output)
	}
	t.output.Reset()
}

func (s *summary) endPackage(e event, p *pkg) {
	name, note := s.short(e.Package), ""
	leaves := 0
	for _, t := range p.tests {
		if !t.parent {
			leaves++
		}
	}
	switch {
	case e.Action == "skip":
		return // It has no test files.
	case e.Action == "fail":
		s.endFailed(e, p)
		if e.FailedBuild != "" {
			note = "  (did not build)"
		}
	case strings.Contains(p.output.String(), "(cached)"):
		note = "  (cached)"
	}
	fmt.Fprintf(s.out, "%-4s  %-32s %5d tests %7.1fs%s\n",
		map[string]string{"pass": "ok", "fail": "FAIL"}[e.Action], name, leaves, e.Elapsed, note)
}

// endFailed finds the cause of a failed package where no test has told it: the compiler, a panic, a time limit,
// an os.Exit, a check after the last test.
func (s *summary) endFailed(e event, p *pkg) {
	told := false
	var unfinished []string
	for _, name := range p.order {
		t := p.tests[name]
		told = told || t.result == "fail"
		if t.result != "" {
			continue
		}
		if output := t.output.String(); strings.TrimSpace(output) != "" {
			s.fail(s.short(e.Package)+" "+name, output)
			told = true
		} else if !t.parent {
			unfinished = append(unfinished, name)
		}
	}
	output := verdict.ReplaceAllString(p.output.String(), "")
	if build := s.builds[e.FailedBuild]; build != nil {
		// One broken package fails all that import it, under a header of its own for each: it is told once.
		_, output, _ = strings.Cut(build.String(), "\n")
		told = slices.ContainsFunc(s.failures, func(f failure) bool { return f.output == output })
	}
	if len(unfinished) > 0 {
		output += fmt.Sprintf("did not finish: %s\n", strings.Join(unfinished, ", "))
	}
	if !told {
		s.fail(s.short(e.Package), output)
	}
}

// short is a package's name as a person in this module would say it.
func (s *summary) short(path string) string {
	if path == s.module {
		return "."
	}
	return strings.TrimPrefix(path, s.module+"/")
}

const (
	slowestShown = 5
	slow         = 500 * time.Millisecond
)

// report prints what a run leaves to be done, the most important thing last and once more in brief.
func (s *summary) report() {
	slices.SortFunc(s.slowest, func(a, b timed) int { return cmp.Compare(b.seconds, a.seconds) })
	for i, t := range s.slowest {
		if i == slowestShown || t.seconds < slow.Seconds() {
			break
		}
		if i == 0 {
			fmt.Fprint(s.out, "\nSlowest tests:\n")
		}
		fmt.Fprintf(s.out, "  %6.1fs  %s\n", t.seconds, t.what)
	}
	if len(s.figures) > 0 {
		fmt.Fprint(s.out, "\nFigures:\n")
	}
	for _, f := range s.figures {
		fmt.Fprintf(s.out, "  %s: %s\n", f.what, f.text)
	}
	if len(s.skipped) > 0 {
		fmt.Fprint(s.out, "\nSkipped:\n")
	}
	for _, t := range grouped(s.skipped) {
		fmt.Fprintf(s.out, "  %s: %s\n", t.what, t.reason)
	}
	if len(s.failures) > 0 {
		fmt.Fprint(s.out, "\nFailures, in the order in which they came:\n")
	}
	var silent []string
	for _, f := range s.failures {
		if strings.TrimSpace(race.ReplaceAllString(f.output, "")) == "" {
			silent = append(silent, f.what)
			continue
		}
		fmt.Fprintf(s.out, "\n--- FAIL %s\n%s\n", f.what, strings.TrimRight(f.output, "\n"))
	}
	if len(silent) > 0 {
		fmt.Fprintf(s.out, "\n--- FAIL with no cause of their own, look above:\n    %s\n", strings.Join(silent, "\n    "))
	}
	fmt.Fprintln(s.out)
	s.brief()
}

const (
	briefTests  = 12  // told of at most
	briefLength = 240 // of each message
)

// brief prints a line or two for each failure, for those who see only the end of a long log.
func (s *summary) brief() {
	for i, f := range s.failures {
		if i == briefTests {
			fmt.Fprintf(s.out, "... and %d more\n", len(s.failures)-i)
			break
		}
		fmt.Fprintf(s.out, "FAIL %s\n", f.what)
		for _, message := range f.messages() {
			fmt.Fprintf(s.out, "     %.*s\n", briefLength, message)
		}
	}
	if len(s.failures) > 0 {
		fmt.Fprintln(s.out)
	}
}

// messages are the first and the last line that the test gave with its position. A failure that has none, such as
// a panic, has its first line.
func (f failure) messages() []string {
	var placed, all []string
	for line := range strings.Lines(f.output) {
		line = strings.TrimSpace(line)
		if place.MatchString(line) {
			placed = append(placed, line)
		}
		if line != "" {
			all = append(all, line)
		}
	}
	switch {
	case len(placed) > 1:
		return []string{placed[0], placed[len(placed)-1]}
	case len(placed) == 0:
		return all[:min(1, len(all))]
	}
	return placed
}

// grouped returns what was skipped with those of one package and one reason together:
// a tool that is missing is one thing to read, however many tests need it.
func grouped(skipped []skip) (groups []skip) {
	type of struct{ pkg, reason string }
	tests := make(map[of][]string)
	var order []of
	for _, t := range skipped {
		pkg, test, _ := strings.Cut(t.what, " ")
		g := of{pkg, t.reason}
		if tests[g] == nil {
			order = append(order, g)
		}
		tests[g] = append(tests[g], test)
	}
	for _, g := range order {
		what, n := g.pkg, len(tests[g])
		if n > 1 {
			what += fmt.Sprintf(" %s and %d more", tests[g][0], n-1)
		} else if tests[g][0] != "" {
			what += " " + tests[g][0]
		}
		groups = append(groups, skip{what, g.reason})
	}
	return groups
}
