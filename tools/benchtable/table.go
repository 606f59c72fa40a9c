package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// table returns a report in Markdown. A benchmark that no row knows comes last,
// under its own name.
func table(r *report) string {
	var b strings.Builder
	if len(r.machine) > 0 {
		fmt.Fprintf(&b, "%s\n\n", strings.Join(r.machine, ", "))
	}
	b.WriteString("| work | takes | limit | takes | ratio | goal | besides |\n|---|--:|---|--:|--:|---|---|\n")
	shown := map[*result]bool{}
	line := func(one *result, w row) {
		if !shown[one] {
			shown[one] = true
			b.WriteString(w.line(one))
		}
	}
	for _, w := range rows {
		pattern := regexp.MustCompile("^" + w.name + "$")
		for _, one := range r.results {
			if groups := pattern.FindStringSubmatchIndex(one.name); groups != nil {
				fit := w
				fit.work = string(pattern.ExpandString(nil, w.work, one.name, groups))
				fit.limit = string(pattern.ExpandString(nil, w.limit, one.name, groups))
				if !shown[one] && w.first(one) {
					line(one, fit)
				}
			}
		}
	}
	for _, one := range r.results {
		line(one, row{work: one.name})
	}
	for _, c := range comparisons {
		later, base := r.find(c.later), r.find(c.base)
		if later == nil || base == nil {
			continue
		}
		ratio := later.metrics["ns/op"] / base.metrics["ns/op"]
		fmt.Fprintf(&b, "\n"+c.what+"; the goal is at most %gx%s.\n", ratio, c.goal, missed(ratio > c.goal))
	}
	return b.String()
}

// first reports whether no row before this one fits the benchmark.
func (w row) first(one *result) bool {
	for _, other := range rows {
		if regexp.MustCompile("^" + other.name + "$").MatchString(one.name) {
			return other.name == w.name
		}
	}
	return false
}

// line is the row of a benchmark.
func (w row) line(one *result) string {
	limit, hasLimit := one.metrics["limit-ns/op"]
	if hasLimit {
		one.metrics[overLimit] = (one.metrics["ns/op"] - limit) / 1e6
	}
	main := w.main
	if main == "" {
		main = "ns/op"
	}
	cells := []string{w.work, value(one.metrics[main], main), "", "", "", w.goal.text(one), ""}
	if hasLimit {
		cells[2], cells[3] = w.limit, value(limit, "ns/op")
		cells[4] = fmt.Sprintf("%.2fx", one.metrics["ns/op"]/limit)
	}
	var besides []string
	for _, unit := range one.units {
		if unit != main && !slices.Contains([]string{"ns/op", "limit-ns/op", "x-limit"}, unit) {
			besides = append(besides, value(one.metrics[unit], unit))
		}
	}
	slices.Sort(besides)
	cells[6] = strings.Join(besides, ", ")
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// text is the goal and whether it was missed.
func (g goal) text(one *result) string {
	if g.unit == "" {
		return ""
	}
	v, ok := one.metrics[g.unit]
	if !ok {
		return ""
	}
	sign, miss := "at most", v > g.bound
	if g.least {
		sign, miss = "at least", v < g.bound
	}
	bound := value(g.bound, g.unit)
	if g.unit == "x-limit" {
		bound = fmt.Sprintf("%gx", g.bound)
	}
	return fmt.Sprintf("%s %s%s", sign, bound, missed(miss))
}

func missed(miss bool) string {
	if miss {
		return ", **missed**"
	}
	return ""
}

// value writes a metric for people.
func value(v float64, unit string) string {
	if unit == "ns/op" {
		switch {
		case v >= 1e9:
			return fmt.Sprintf("%.2f s", v/1e9)
		case v >= 1e6:
			return fmt.Sprintf("%.3g ms", v/1e6)
		case v >= 1e3:
			return fmt.Sprintf("%.3g us", v/1e3)
		}
		return fmt.Sprintf("%.0f ns", v)
	}
	number := fmt.Sprintf("%.3g", v)
	if v >= 1000 {
		number = fmt.Sprintf("%.0f", v)
	}
	return number + " " + unit
}
