package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// value is the kingpin.Value of every flag. It passes errors to fail instead of kingpin,
// which would stop at the first bad value without naming the flag.
type value struct {
	set        func(string) error
	fail       func(error) // set by flags.adopt
	given      []string    // as typed
	toggle     bool        // needs no value
	repeatable bool
	options    []string // allowed values, for completion; empty: any
}

func (v *value) Set(s string) error {
	v.given = append(v.given, s)
	if err := v.set(s); err != nil {
		v.fail(err)
	}
	return nil
}

func (v *value) String() string     { return strings.Join(v.given, ",") }
func (v *value) IsBoolFlag() bool   { return v.toggle }
func (v *value) IsCumulative() bool { return v.repeatable }

// The functions below create values of each kind.

func text(target *string) *value {
	return &value{set: func(s string) error {
		*target = s
		return nil
	}}
}

func toggle(target *bool) *value {
	return &value{toggle: true, set: func(s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		*target = b
		return nil
	}}
}

func whole(target *int) *value {
	return &value{set: func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", s)
		}
		*target = n
		return nil
	}}
}

func number(target *float64) *value {
	return &value{set: func(s string) error {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%q is not a number", s)
		}
		*target = f
		return nil
	}}
}

// duration accepts the durations of Prometheus (7d, 1d12h) and of Go (9.5s).
func duration(target *time.Duration) *value {
	return &value{set: func(s string) error {
		if d, err := model.ParseDuration(s); err == nil {
			*target = time.Duration(d)
			return nil
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is not a duration; write it like 9.5s, 15m, 24h or 7d", s)
		}
		if d < 0 {
			return fmt.Errorf("%q is negative", s)
		}
		*target = d
		return nil
	}}
}

// words formats a duration as people write it: 31d, 1d12h, 30m, 9.5s.
func words(d time.Duration) string {
	if d < time.Minute || d%time.Millisecond != 0 {
		return d.String()
	}
	return model.Duration(d).String()
}

func oneOf(target *string, options ...string) *value {
	return &value{options: options, set: func(s string) error {
		if !slices.Contains(options, s) {
			return fmt.Errorf("%q is not one of %s", s, strings.Join(options, ", "))
		}
		*target = s
		return nil
	}}
}

// list collects a repeatable flag. kingpin splits a variable at newlines, this function
// splits each line at commas.
func list(target *[]string) *value {
	return &value{repeatable: true, set: func(s string) error {
		for item := range strings.SplitSeq(s, ",") {
			item = strings.TrimSpace(item)
			if item == "" {
				return errors.New("has an empty value in its list; remove it")
			}
			*target = append(*target, item)
		}
		return nil
	}}
}
