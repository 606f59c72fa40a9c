package main

import (
	"strings"
	"testing"
)

// costs are round figures: a scrape takes 1 ms, and 1 ms more for each endpoint; an element
// takes 1 us, an event 100 us and 100 bytes.
const costs = `
BenchmarkSync/endpoints=1-2 	 3	 1000000 ns/op
BenchmarkSync/endpoints=1k-2 	 3	 1000000000 ns/op
BenchmarkFullRead/h1-2 	 3	 1000000000 ns/op
BenchmarkCatchUp-2 	 1	 5 ns/op	 100 cpu-us/event	 100 B-file/event
BenchmarkMemory/tracked=1k-2 	 3	 1 ns/op	 20 MB-peak
BenchmarkMemory/tracked=1M-2 	 3	 1 ns/op	 219.8 MB-peak
BenchmarkMemoryOfEndpoints/endpoints=1-2 	 3	 1 ns/op	 20 MB-peak
BenchmarkMemoryOfEndpoints/endpoints=1k-2 	 3	 1 ns/op	 219.8 MB-peak
`

func TestSizing(t *testing.T) {
	t.Parallel()
	u, ok := measured(parse([]byte(costs)))
	if !ok {
		t.Fatal("a benchmark is missing")
	}
	if got, want := u.String(), "scrape 1 ms, endpoint 1 ms, element 1 us, event 100 us of CPU, "+
		"memory 20 MB + 200 B an event tracked + 0.2 MB an endpoint, disk 100 B an event"; got != want {
		t.Errorf("units are\n%s\nwant\n%s", got, want)
	}
	// There are 10 events a second. Every 10 s, 10 lists are read, with 10 * (20 + 600/6)
	// elements: 10.2 ms of sync besides the 0.5 s of the API at 20 calls a second. 720,000
	// events are tracked.
	s := size{events: 864_000, endpoints: 9, window: 19, overlap: 10, interval: 10, rateLimit: 20}
	want := "| 864,000 | 9 | 19 h | 10 min | 10 s | 20/s | 11 | 0.2 % | 170 MB | 140 MB | 510 ms | 66 min |\n"
	if got := s.line(u); got != want {
		t.Errorf("the line is\n%swant\n%s", got, want)
	}
	if _, ok := measured(parse([]byte(strings.Replace(costs, "CatchUp", "Other", 1)))); ok {
		t.Error("measured returns units although a benchmark is missing")
	}
}
