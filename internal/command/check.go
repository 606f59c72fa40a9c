package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/app"
	"omegastream_exporter/internal/config"
)

// ErrCheckFailed is returned if a check failed. The report says which one.
var ErrCheckFailed = errors.New("the set-up does not work yet")

const (
	maxEndpoints    = 50  // that are checked
	headEvents      = 100 // of a list; check shows the newest
	concurrentLooks = 8
)

// Check verifies the set-up: whether the key works, the API answers, each endpoint can be
// read and the state can be used. It changes nothing.
func Check(ctx context.Context, cfg config.Config, stdout io.Writer) error {
	if cfg.Demo {
		stop, err := app.StartDemo(&cfg)
		if err != nil {
			return err
		}
		defer stop()
	}
	api, err := app.NewClient(cfg)
	if err != nil {
		return err
	}
	defer api.CloseIdleConnections()
	return check(ctx, cfg, api, stdout)
}

// check writes the report.
func check(ctx context.Context, cfg config.Config, api *client.Client, stdout io.Writer) error {
	r := &report{w: stdout}
	for _, warning := range cfg.Warnings {
		r.warn("%s", warning)
	}
	r.line("Key", true, "found in "+app.KeyFrom(cfg))
	began := time.Now()
	list, err := api.ListEndpoints(ctx)
	switch {
	case err != nil && len(cfg.Webhook.EndpointIDs) > 0 && !errors.Is(err, client.ErrUnauthorized):
		// Perhaps the key can only read the endpoints that the flag names.
		r.line("API", true, fmt.Sprintf("%s does not list the account: %s", cfg.API.URL, cause(err)))
		err = nil
	case err != nil:
		r.line("API", false, fmt.Sprintf("%s: %v%s", cfg.API.URL, err, pathHint(cfg.API.URL, err)))
	default:
		r.line("API", true, fmt.Sprintf("%s answered in %s", cfg.API.URL, time.Since(began).Round(time.Millisecond)))
	}
	if state, err := inspectState(ctx, cfg, r.warn); err != nil {
		r.line("State", false, err.Error())
	} else {
		r.line("State", true, cfg.State.String()+", "+state)
	}
	if n := list.Faults.Total(); n > 0 {
		r.warn("%d of the endpoints that the account lists cannot be watched: %v", n, list.Faults)
	}
	if err == nil {
		r.endpoints(ctx, cfg, api, list)
	}
	r.warnings()
	if r.failed {
		return errors.Join(r.err, ErrCheckFailed)
	}
	return r.err
}

// pathHint returns a hint for a URL without a path that does not answer like the API.
func pathHint(u *url.URL, err error) string {
	if u.Path != "" || !errors.Is(err, client.ErrNotFound) && !errors.Is(err, client.ErrBadPayload) &&
		!errors.Is(err, client.ErrRedirected) && !errors.Is(err, client.ErrUnexpectedStatus) && !errors.Is(err, client.ErrForbidden) {
		return ""
	}
	return fmt.Sprintf("; the URL has no path, is it %s/company?", u)
}

// endpoints writes a table of the endpoints, each with its newest event.
func (r *report) endpoints(ctx context.Context, cfg config.Config, api *client.Client, list client.EndpointList) {
	chosen := choose(list.Endpoints, cfg.Webhook.EndpointIDs)
	if len(chosen) == 0 {
		r.printf("\nThe account has no webhook endpoints: there is nothing to watch yet.\n")
		return
	}
	shown := chosen[:min(len(chosen), maxEndpoints)]
	rows := make([]row, len(shown))
	var group errgroup.Group
	group.SetLimit(concurrentLooks)
	for i, e := range shown {
		group.Go(func() error {
			rows[i] = look(ctx, api, e, list.Date)
			return nil
		})
	}
	_ = group.Wait()
	r.printf("\n")
	table := tabwriter.NewWriter(r.w, 0, 0, 2, ' ', 0)
	write := func(cells ...string) { _, _ = fmt.Fprintln(table, strings.Join(cells, "\t")) }
	write("ENDPOINT", "HOST", "ACTIVE", "NEWEST EVENT", "ANSWER")
	for i, e := range shown {
		write(config.Printable(e.ID), cut(config.Printable(e.URL), 20), active(e), rows[i].newest, rows[i].answer)
	}
	if err := table.Flush(); err != nil && r.err == nil {
		r.err = err
	}
	if more := len(chosen) - len(shown); more > 0 {
		r.printf("... and %d more\n", more)
	}
	for i, e := range shown {
		switch row := rows[i]; {
		case row.err != nil && row.newest == "?":
			r.line("Endpoint", false, e.ID+": "+cause(row.err))
		case row.err != nil:
			r.warn("endpoint %s: its newest event cannot be read: %s", e.ID, cause(row.err))
		case row.failed:
			r.warn("endpoint %s: its newest delivery failed, answer %s", e.ID, row.answer)
		}
	}
}

// cause returns why a call failed, without the endpoint before it.
func cause(err error) string {
	if failed, ok := errors.AsType[*client.Error](err); ok {
		return failed.Err.Error()
	}
	return err.Error()
}

// choose returns the endpoints to check. It includes an endpoint that the flag names even
// if the account does not list it.
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
