package main

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// result is one benchmark, the medians of all its lines.
type result struct {
	name    string // without Benchmark and the number of processors
	metrics map[string]float64
	units   []string // in order
}

// report is what a run says.
type report struct {
	machine []string // its lines before the benchmarks
	results []*result
}

func (r *report) find(name string) *result {
	for _, one := range r.results {
		if one.name == name {
			return one
		}
	}
	return nil
}

var processors = regexp.MustCompile(`-\d+$`)

// parse reads the output of go test -bench.
// See https://go.dev/design/14313-benchmark-format.
func parse(output []byte) *report {
	r := &report{}
	values := map[*result]map[string][]float64{}
	for line := range bytes.Lines(output) {
		fields := strings.Fields(string(line))
		switch {
		case len(fields) >= 2 && slices.Contains([]string{"goos:", "goarch:", "cpu:"}, fields[0]):
			r.machine = append(r.machine, strings.TrimSpace(string(line)))
			continue
		case len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark"):
			continue
		}
		name := processors.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		one := r.find(name)
		if one == nil {
			one = &result{name: name, metrics: map[string]float64{}}
			r.results = append(r.results, one)
			values[one] = map[string][]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				unit := fields[i+1]
				values[one][unit] = append(values[one][unit], v)
				if !slices.Contains(one.units, unit) {
					one.units = append(one.units, unit)
				}
			}
		}
	}
	for one, units := range values {
		for unit, all := range units {
			one.metrics[unit] = median(all)
		}
	}
	return r
}

func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
