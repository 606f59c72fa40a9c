package client

import (
	"bytes"
	"math"
	"strconv"
)

// floorInt returns the whole part, rounded down, of a JSON number. What an int64
// cannot hold becomes the nearest that it can.
func floorInt(number []byte) int64 {
	if whole, ok := smallInt(number); ok {
		return whole
	}
	if bytes.ContainsAny(number, "eE") {
		f, _ := strconv.ParseFloat(string(number), 64) // out of range is ±Inf
		switch f = math.Floor(f); {
		case f >= math.MaxInt64:
			return math.MaxInt64
		case f <= math.MinInt64:
			return math.MinInt64
		}
		return int64(f)
	}
	// Without an exponent the digits before the point are exact; a float is not.
	digits, fraction, _ := bytes.Cut(number, []byte("."))
	whole, _ := strconv.ParseInt(string(digits), 10, 64) // out of range is the nearest
	if number[0] == '-' && len(bytes.Trim(fraction, "0")) > 0 && whole > math.MinInt64 {
		whole--
	}
	return whole
}

// smallInt parses up to 18 digits and nothing else, which is what a time looks like.
func smallInt(number []byte) (n int64, ok bool) {
	if len(number) > 18 {
		return 0, false
	}
	for _, c := range number {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
