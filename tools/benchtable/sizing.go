package main

import (
	"fmt"
	"math"
	"strings"
)

// units are the costs of one thing, as a run has measured them.
type units struct {
	scrape      float64 // seconds of a scrape of one endpoint when nothing is new
	endpoint    float64 // seconds that each further endpoint adds
	element     float64 // seconds for each element of a list that is read again
	event       float64 // CPU seconds of a new event: list, detail, state
	memory      float64 // MB of a small account
	perTracked  float64 // MB for each tracked event
	perEndpoint float64 // MB for each endpoint
	disk        float64 // bytes for each tracked event
}

// measured returns the units of a report, and false where a benchmark is missing.
func measured(r *report) (u units, ok bool) {
	ok = true
	get := func(name, unit string) float64 {
		one := r.find(name)
		if one == nil {
			ok = false
			return 0
		}
		return one.metrics[unit]
	}
	const million, few = 1e6, 1e3
	u.scrape = get("Sync/endpoints=1", "ns/op") / 1e9
	u.endpoint = (get("Sync/endpoints=1k", "ns/op")/1e9 - u.scrape) / (few - 1)
	u.element = get("FullRead/h1", "ns/op") / 1e9 / million
	u.event = get("CatchUp", "cpu-us/event") / 1e6
	u.disk = get("CatchUp", "B-file/event")
	u.memory = get("Memory/tracked=1k", "MB-peak")
	u.perTracked = (get("Memory/tracked=1M", "MB-peak") - u.memory) / (million - few)
	u.perEndpoint = (get("MemoryOfEndpoints/endpoints=1k", "MB-peak") - get("MemoryOfEndpoints/endpoints=1", "MB-peak")) / (few - 1)
	return u, ok
}

func (u units) String() string {
	return fmt.Sprintf("scrape %.2g ms, endpoint %.2g ms, element %.2g us, event %.3g us of CPU, memory %.3g MB + %.3g B an event tracked + %.3g MB an endpoint, disk %.3g B an event",
		u.scrape*1e3, u.endpoint*1e3, u.element*1e6, u.event*1e6, u.memory, u.perTracked*1e6, u.perEndpoint, u.disk)
}

// size is one account, and the settings that fit it.
type size struct {
	events    float64 // a day
	endpoints float64
	window    float64 // hours
	overlap   float64 // minutes
	interval  float64 // seconds between scrapes
	rateLimit float64 // requests a second
}

// accounts have at most 1,000 endpoints: beyond, the exposition grows faster than they do.
var accounts = []size{
	{1_000, 1, 24, 15, 15, 20},
	{10_000, 5, 24, 15, 15, 20},
	{100_000, 10, 24, 15, 15, 20},
	{1_000_000, 10, 24, 15, 15, 40},
	{1_000_000, 100, 24, 5, 30, 40},
	{100_000, 1_000, 24, 15, 60, 40},
	{10_000_000, 100, 2, 2, 30, 300},
}

const (
	day     = 86400.0
	latency = 0.05 // seconds, of an API call
	atATime = 16.0 // --api.concurrency
)

// sizing is the table of what accounts take, by the units of a report.
func sizing(r *report) string {
	u, ok := measured(r)
	if !ok {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nUnits: %v\n\n", u)
	b.WriteString("| events a day | endpoints | window | overlap | interval | rate limit | calls/s | CPU | memory | disk | sync | an hour of outage |\n" +
		"|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, s := range accounts {
		b.WriteString(s.line(u))
	}
	return b.String()
}

func (s size) line(u units) string {
	perSecond := s.events / day
	lists := s.endpoints/s.interval + 1/max(60, s.interval) // and the account's endpoints once a minute
	// Of each list 20 s are read again, and once a minute the overlap.
	again := perSecond * (20 + min(1, s.interval/60)*s.overlap*60)
	scrape := u.scrape + u.endpoint*(s.endpoints-1) + u.element*again
	cpu := scrape/s.interval + u.event*perSecond
	// What is forgotten waits for a full read, an hour at most.
	tracked := perSecond * (s.window + 1) * 3600
	memory := u.memory + u.perTracked*tracked + u.perEndpoint*(s.endpoints-1)
	sync := max((1+s.endpoints)/s.rateLimit, (1+s.endpoints)*latency/atATime) + scrape
	// The API's rate, and one processor's.
	catchUp := perSecond * 3600 / min(s.rateLimit-lists-perSecond, (1-cpu)/u.event)
	return fmt.Sprintf("| %s | %s | %g h | %g min | %g s | %g/s | %g | %g %% | %s MB | %s MB | %s | %s |\n",
		count(s.events), count(s.endpoints), s.window, s.overlap, s.interval, s.rateLimit,
		round(lists+perSecond), round(100*cpu), count(round(memory)), count(round(max(0.1, 2*u.disk*tracked/1e6))), seconds(sync), seconds(catchUp))
}

// round keeps two digits: more would promise too much.
func round(v float64) float64 {
	if v < 10 {
		return math.Round(v*100) / 100
	}
	scale := math.Pow(10, math.Floor(math.Log10(v))-1)
	return math.Round(v/scale) * scale
}

// count writes a number with commas.
func count(v float64) string {
	if v < 1000 {
		return fmt.Sprintf("%g", v)
	}
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func seconds(v float64) string {
	switch {
	case v >= 5400:
		return fmt.Sprintf("%.2g h", v/3600)
	case v >= 90:
		return fmt.Sprintf("%.2g min", v/60)
	case v >= 1:
		return fmt.Sprintf("%.2g s", v)
	}
	return fmt.Sprintf("%.0f ms", v*1e3)
}
