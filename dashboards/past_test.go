package dashboards_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// What Grafana substitutes in a dashboard over a day, at a scrape interval of a minute.
const (
	pastStep = 5 * time.Minute
	pastRate = 6 * time.Minute
)

// pastValues runs a query on the backfilled data as its dashboard does: at the end, or over
// the dashboard's range. Each series has one value, or one for each step.
func pastValues(prom *prometheus, u use, end time.Time) (values [][]float64, expr string, err error) {
	span := time.Duration(u.hours) * time.Hour
	expr = fill(u.raw, pastJob, pastStep, pastRate, span)
	if !u.instant {
		values, err = prom.queryRange(expr, span, pastStep, end)
		return values, expr, err
	}
	found, err := prom.queryAt(expr, end)
	for _, s := range found {
		var v float64
		if _, err := fmt.Sscan(s.Value[1].(string), &v); err != nil {
			return nil, expr, err
		}
		values = append(values, []float64{v})
	}
	return values, expr, err
}

// askPast checks that a query finds backfilled data.
func askPast(t *testing.T, prom *prometheus, u use, end time.Time) {
	t.Helper()
	values, expr, err := pastValues(prom, u, end)
	if err != nil {
		t.Errorf("%s: %v\n%s", u.where, err, expr)
		return
	}
	if !slices.ContainsFunc(values, func(series []float64) bool {
		return slices.ContainsFunc(series, func(v float64) bool { return !math.IsNaN(v) })
	}) {
		t.Errorf("%s: no data within the last %d hours\n%s", u.where, u.hours, expr)
	}
}

// checkPast compares panels with the truth. The month had 32 pods in a row and another
// exporter beside them, and nothing is missing or counted twice.
func checkPast(t *testing.T, prom *prometheus, all []dashboard, end time.Time) {
	t.Helper()
	const (
		hour = 60
		day  = 24 * hour
	)
	failed := func(endpoint string, minutes int) float64 {
		deliveries, failures := happened(endpoint, minutes)
		return failures / deliveries
	}
	sent1, failed1 := happened("past1", day)
	sent2, failed2 := happened("past2", day)
	table := map[string]float64{"past1 OK": 1 - failed1/sent1, "past1 sent": sent1, "past1 failed": failed1, "past2 sent": sent2, "past2 failed": failed2}
	for _, tt := range []struct {
		panel  string
		target int
		where  string // selects the series
		want   float64
		within float64 // allowed difference, as windows of hours are aligned to the clock
	}{
		{"Success, 1 h", 0, "", 1 - failed("", hour), 0},
		{"Deliveries by status code", 0, "", sent1 + sent2, 5},
		{"Failures by status code", 0, "", failed1 + failed2, 0},
		{"Endpoints", 3, "past1", table["past1 OK"], 0.001},
		{"Endpoints", 4, "past1", table["past1 sent"], 0},
		{"Endpoints", 5, "past1", table["past1 failed"], 0},
		{"Endpoints", 4, "past2", table["past2 sent"], 0},
		{"Endpoints", 5, "past2", table["past2 failed"], 0},
		{"Burn rates", 0, "", failed("", hour) / 0.01, 0.01},
		{"Burn rates", 2, "", failed("", 6*hour) / 0.01, 0.01},
		{"Budget left, 30 days", 0, "", 1 - failed("", 30*day)/0.01, 0.01},
		// For selected endpoints, the panels read other records.
		{"Burn rates", 2, "past1", failed("past1", 6*hour) / 0.01, 0.01},
		{"Budget left, 30 days", 0, "past1", 1 - failed("past1", 30*day)/0.01, 0.01},
		{"Burn rates", 2, "(past1|past2)", failed("", 6*hour) / 0.01, 0.01},
		{"Budget left, 30 days", 0, "(past1|past2)", 1 - failed("", 30*day)/0.01, 0.01},
	} {
		u := use{instant: true, hours: 24}
		for _, p := range all[slices.IndexFunc(all, func(d dashboard) bool { return d.UID == "omegastream-deliveries" })].Panels {
			if p.Type != "row" && p.Title == tt.panel {
				u.raw, u.instant = p.Targets[tt.target].Expr, p.Targets[tt.target].Instant
			}
		}
		if tt.where != "" {
			u.raw = strings.ReplaceAll(u.raw, "$endpoint", tt.where)
		}
		values, expr, err := pastValues(prom, u, end)
		if err != nil || len(values) == 0 || len(values) != 1 && u.instant {
			t.Errorf("%s: %d series, %v\n%s", tt.panel, len(values), err, expr)
			continue
		}
		got := values[0][len(values[0])-1]
		if !u.instant && !strings.HasPrefix(tt.panel, "Burn") {
			got = 0
			for _, series := range values {
				for _, v := range series {
					got += v
				}
			}
		}
		if !(math.Abs(got-tt.want) <= tt.within) {
			t.Errorf("%s %d %s shows %g, want %g\n%s", tt.panel, tt.target, tt.where, got, tt.want, expr)
		}
	}
}
