// Package check verifies a set-up as a person would: does the key work, does the
// API answer, what does each endpoint say, can the state be used. It writes a
// report for a terminal of 80 columns and changes nothing.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"omegastream_exporter/client"
)

// API is what a check needs of a client.Client.
type API interface {
	ListEndpoints(ctx context.Context) (client.EndpointList, error)
	ListEvents(ctx context.Context, endpointID string) (*client.EventList, error)
	GetEvent(ctx context.Context, endpointID, eventID string) (client.Event, error)
}

// Setup is what is checked.
type Setup struct {
	KeyFrom string // where the key comes from, for people
	BaseURL string // of the API
	API     API

	// ShowURL returns of an endpoint's URL what may be shown.
	ShowURL func(string) string

	// Only limits the check to these endpoints; empty means all.
	Only []string

	StateURL string // without a password
	// State says what the state holds.
	State func(ctx context.Context) (string, error)
}

// ErrFailed is returned when something that was checked does not work. The report
// says what.
var ErrFailed = errors.New("the set-up does not work yet")

const (
	mostEndpoints = 50  // that are looked at
	headEvents    = 100 // of a list, among which the newest event is looked for
	atATime       = 8
	lineWidth     = 80
)

// Run checks the set-up and writes the report to w.
func Run(ctx context.Context, s Setup, w io.Writer) error {
	r := report{w: w}
	r.line("Key", true, "found "+s.KeyFrom)
	began := time.Now()
	list, err := s.API.ListEndpoints(ctx)
	switch {
	case err != nil && len(s.Only) > 0 && !errors.Is(err, client.ErrUnauthorized):
		// A key may be allowed to read no more than the endpoints that were named.
		r.line("API", true, fmt.Sprintf("%s does not list the account: %s", s.BaseURL, cause(err)))
		err = nil
	case err != nil:
		r.line("API", false, fmt.Sprintf("%s: %v", s.BaseURL, err))
	default:
		r.line("API", true, fmt.Sprintf("%s answered in %s", s.BaseURL, time.Since(began).Round(time.Millisecond)))
	}
	if state, err := s.State(ctx); err != nil {
		r.line("State", false, err.Error())
	} else {
		r.line("State", true, s.StateURL+", "+state)
	}
	if err == nil {
		r.endpoints(ctx, s, list)
	}
	if r.failed || r.err != nil {
		return errors.Join(r.err, failure(r.failed))
	}
	return nil
}

func failure(failed bool) error {
	if failed {
		return ErrFailed
	}
	return nil
}

// report writes the lines of a report.
type report struct {
	w      io.Writer
	failed bool
	err    error // of writing
}

func (r *report) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(r.w, format, args...); err != nil && r.err == nil {
		r.err = err
	}
}

// line writes the result of one step, wrapped.
func (r *report) line(what string, ok bool, text string) {
	status := "ok"
	if !ok {
		status = "FAILED"
		r.failed = true
	}
	const indent = 19
	for i, part := range wrap(text, lineWidth-indent) {
		if i == 0 {
			r.printf("%-10s%-9s%s\n", what, status, part)
		} else {
			r.printf("%*s%s\n", indent, "", part)
		}
	}
}

// wrap breaks a text between words.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// endpoints writes a table of the endpoints, each with its newest event.
func (r *report) endpoints(ctx context.Context, s Setup, list client.EndpointList) {
	chosen := choose(list.Endpoints, s.Only)
	if len(chosen) == 0 {
		r.printf("\nThe account has no webhook endpoints: there is nothing to watch yet.\n")
		return
	}
	shown := chosen[:min(len(chosen), mostEndpoints)]
	rows := make([]row, len(shown))
	var group errgroup.Group
	group.SetLimit(atATime)
	for i, e := range shown {
		group.Go(func() error {
			rows[i] = look(ctx, s.API, e, list.Date)
			return nil
		})
	}
	_ = group.Wait()
	r.printf("\n")
	table := tabwriter.NewWriter(r.w, 0, 0, 2, ' ', 0)
	write := func(cells ...string) { _, _ = fmt.Fprintln(table, strings.Join(cells, "\t")) }
	write("ENDPOINT", "HOST", "ACTIVE", "NEWEST EVENT", "ANSWER")
	for i, e := range shown {
		write(e.ID, cut(s.ShowURL(e.URL), 20), active(e), rows[i].newest, rows[i].answer)
	}
	if err := table.Flush(); err != nil && r.err == nil {
		r.err = err
	}
	if more := len(chosen) - len(shown); more > 0 {
		r.printf("... and %d more\n", more)
	}
	for i, e := range shown {
		if err := rows[i].err; err != nil {
			r.line("Endpoint", false, e.ID+": "+cause(err))
		}
	}
}

// cause returns why a call failed, without the endpoint that stands before it.
func cause(err error) string {
	if failed, ok := errors.AsType[*client.Error](err); ok {
		return failed.Err.Error()
	}
	return err.Error()
}

// choose returns the endpoints to look at. One that was named is looked at even if
// the account does not list it.
func choose(all []client.Endpoint, only []string) []client.Endpoint {
	if len(only) == 0 {
		return all
	}
	byID := make(map[string]client.Endpoint, len(all))
	for _, e := range all {
		byID[e.ID] = e
	}
	var chosen []client.Endpoint
	for _, id := range only {
		e := byID[id]
		e.ID = id
		chosen = append(chosen, e)
	}
	return chosen
}
