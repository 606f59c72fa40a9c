package main

// row is what a benchmark's line in the table says.
type row struct {
	name  string // of the benchmark, a regular expression; its groups are $1 and so on in work
	work  string
	limit string // what limit-ns/op is the time of
	main  string // the unit of what stands for the work, ns/op where it is empty
	goal  goal
}

// goal is a bound of a metric. The zero value is none.
type goal struct {
	unit  string
	bound float64
	least bool // it is a lower bound
}

func most(unit string, bound float64) goal  { return goal{unit: unit, bound: bound} }
func least(unit string, bound float64) goal { return goal{unit: unit, bound: bound, least: true} }

// overLimit is the unit of ns/op less limit-ns/op, in milliseconds.
const overLimit = "ms above the limit"

// rows are the lines of the table in order. Where more than one fits a benchmark, the first one says what it is.
var rows = []row{
	{name: `Decode/events=(.*)`, work: "decode a list of $1 events", limit: "`bytes.Count` over it"},
	{name: `FullRead/(.*)`, work: "read a list of 1M events over $1", limit: "GET and `bytes.Count`", goal: most("x-limit", 4)},
	{name: `EarlyStop/(.*)`, work: "read the head of 1M events over $1", limit: "GET and 4 KB"},
	{name: `SteadyScrape/events=(.*)/every=2s`, work: "scrape, nothing new, $1 events listed, one every 2s", limit: "GET and 4 KB", goal: most(overLimit, 5)},
	{name: `SteadyScrape/events=(.*)/every=(.*)`, work: "scrape, nothing new, $1 events listed, one every $2", limit: "GET and 4 KB"},
	{name: `Naive`, work: "scrape, nothing new among 1,000 events", limit: "list and every detail", goal: most("calls", 2)},
	{name: `Peer/events=(.*)/naive`, work: "scrape, nothing new among $1 events", limit: "naive exporter"},
	{name: `Peer/events=(.*)/(.*)`, work: "scrape, nothing new among $1 events", limit: "$2"},
	{name: `Sync/endpoints=(.*)`, work: "scrape, nothing new, $1 endpoints", limit: "GETs and a CounterVec"},
	{name: `Thousand`, work: "scrape of 1,000 endpoints beside a busy core, timeout 10 s", goal: most("late", 0)},
	{name: `Pair/replicas=1`, work: "calls of two servers, 15 s, 5 endpoints", main: "calls/min", goal: most("calls/min", 22)},
	{name: `Pair/replicas=(.*)`, work: "calls of two servers, 15 s, 5 endpoints, $1 replicas", main: "calls/min", goal: most("calls/min", 22)},
	{name: `Replicas/transactions`, work: "a sync of 1,000 endpoints, 8 replicas, the database 50 ms away", goal: most("transactions/sync-with-heartbeats", 24)},
	{name: `Replicas/scrapes`, work: "scrape of a follower among them"},
	{name: `Replicas/takeover=(.*)`, work: "a leader among them that is $1 is replaced after", goal: most("s-longest", 7)},
	{name: `ListBytes`, work: "read of a list with 1M events a day, 9 scrapes of 10", main: "MB-read", goal: most("MB-read", 0.2)},
	{name: `Detection/permin=(.*)/alone`, work: "failure to exposed value, $1 events a minute", limit: "half an interval of 15 s"},
	{name: `Detection/permin=(.*)/(.*)`, work: "failure to exposed value, $1 events a minute, $2", limit: "half an interval of 15 s"},
	{name: `Details/delay=0s/at=(.*)`, work: "a detail, $1 at a time", limit: "GET"},
	{name: `Details/delay=(.*)/at=32`, work: "a detail of $1, 32 at a time", limit: "GET", goal: least("%-of-latency", 95)},
	{name: `Details/delay=(.*)/at=(.*)`, work: "a detail of $1, $2 at a time", limit: "GET"},
	{name: `CatchUp`, work: "catch up on 100k events", limit: "GETs of the details"},
	{name: `Commit/events=100`, work: "commit of 100 events", limit: "write and fdatasync", goal: most("x-limit", 3)},
	{name: `Commit/events=(.*)`, work: "commit of $1 events", limit: "write and fdatasync"},
	{name: `Start`, work: "open a state of 1M events", limit: "read the file"},
	{name: `FirstAnswer`, work: "program start to first answer, 1M events", limit: "the same, no state", goal: most("ns/op", 500e6)},
	{name: `Memory/tracked=1k`, work: "memory, 1k events tracked", main: "MB-peak", goal: most("MB-peak", 40)},
	{name: `Memory/tracked=1M`, work: "memory, 1M events tracked", main: "MB-peak", goal: most("MB-peak", 300)},
	{name: `Memory/tracked=(.*)`, work: "memory, $1 events tracked", main: "MB-peak"},
	{name: `Memory/contact=(.*)`, work: "memory at contact with $1 events", main: "MB-peak"},
	{name: `MemoryOfEndpoints/endpoints=(.*)`, work: "memory, $1 endpoints", main: "MB-peak"},
	{name: `Failures/time`, work: "100k failures of 1M events as NDJSON", goal: most("ns/op", 2e9)},
	{name: `Failures/memory`, work: "memory that it takes above the steady", main: "MB-above", goal: most("MB-above", 20)},
	{name: `Exposition/endpoints=7/(.*)`, work: "exposition, 7 endpoints, $1", limit: "CounterVec", goal: most("x-limit", 1.2)},
	{name: `Exposition/endpoints=(.*)/(.*)`, work: "exposition, $1 endpoints, $2", limit: "CounterVec"},
	{name: `Window`, work: "window gauges, 1M events tracked", limit: "1k events"},
	{name: `Pages/(.*)`, work: "page $1, 1M events tracked", limit: "1k events"},
}

// comparison holds two benchmarks against each other.
type comparison struct {
	what        string
	later, base string
	goal        float64 // the highest ratio wanted
}

var comparisons = []comparison{
	{
		"A scrape with nothing new costs %.2fx with 1M events listed of what it costs with 10k",
		"SteadyScrape/events=1M/every=2s", "SteadyScrape/events=10k/every=2s", 2,
	},
}
