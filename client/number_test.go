package client

import (
	"math"
	"math/big"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestFloorInt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		number string
		want   int64
	}{
		{"0", 0},
		{"-0", 0},
		{"1664581231", 1664581231},
		{"-5", -5},
		{"1664581231.999999999999", 1664581231},
		{"-1.5", -2},
		{"-1.0", -1},
		{"-0.5", -1},
		{"0.5", 0},
		{"16645812315e-1", 1664581231},
		{"1.5E3", 1500},
		{"-15e-1", -2},
		{"1e400", math.MaxInt64},
		{"-1e400", math.MinInt64},
		{"1e-400", 0},
		{"9223372036854775807", math.MaxInt64},
		{"9223372036854775808", math.MaxInt64},
		{"9223372036854775807.5", math.MaxInt64},
		{"-9223372036854775808", math.MinInt64},
		{"-9223372036854775809", math.MinInt64},
		{"-9223372036854775808.5", math.MinInt64},
		{"9223372036854775808e0", math.MaxInt64},
		{"-9223372036854775809e0", math.MinInt64},
		{"999999999999999999", 999999999999999999},
	} {
		t.Run(tt.number, func(t *testing.T) {
			t.Parallel()
			if got := floorInt([]byte(tt.number)); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// Numbers without an exponent are exact, whatever their length.
func TestFloorIntAgainstBig(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,20})?`).Draw(t, "number")
		exact, _ := new(big.Rat).SetString(number)
		floor := new(big.Int).Div(exact.Num(), exact.Denom()) // Euclidean: down for a positive divisor
		want := floor.Int64()
		if !floor.IsInt64() {
			want = math.MaxInt64
			if floor.Sign() < 0 {
				want = math.MinInt64
			}
		}
		if got := floorInt([]byte(number)); got != want {
			t.Fatalf("%s: got %d, want %s", number, got, strconv.FormatInt(want, 10))
		}
	})
}
