package command

import (
	"context"
	"errors"
	"strconv"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/human"
)

// row is an endpoint's newest event in the report.
type row struct {
	newest string // age
	answer string // of the receiver
	failed bool   // the delivery, if its outcome is known
	err    error
}

// look finds the newest event at the head of an endpoint's list, and its outcome. date is
// the API's clock, zero if it is unknown.
func look(ctx context.Context, api *client.Client, e client.Endpoint, date time.Time) row {
	if date.IsZero() {
		date = time.Now()
	}
	list, err := api.ListEvents(ctx, e.ID)
	if err != nil {
		return row{newest: "?", answer: "?", err: err}
	}
	defer list.Close()
	id, created, seen := "", int64(0), 0
	for ev := range list.Events() {
		if seen++; seen == 1 || ev.Created > created && ev.Created <= date.Add(5*time.Minute).Unix() {
			id, created = string(ev.ID), ev.Created
		}
		if seen == headEvents {
			break
		}
	}
	if err := list.Err(); err != nil {
		return row{newest: "?", answer: "?", err: err}
	}
	if seen == 0 {
		return row{newest: "none yet", answer: "-"}
	}
	r := row{newest: age(created, date)}
	ev, err := api.GetEvent(ctx, e.ID, id)
	switch {
	case errors.Is(err, client.ErrNotFound):
		r.answer = "gone"
	case err != nil:
		r.answer, r.err = "?", err
	case ev.Response == nil:
		r.answer = "pending"
	case ev.Response.StatusCode < 100 || ev.Response.StatusCode > 599:
		r.answer, r.failed = "none", true
	default:
		r.answer = strconv.Itoa(ev.Response.StatusCode)
		r.failed = ev.Response.StatusCode < 200 || ev.Response.StatusCode > 299
	}
	return r
}

// age says how long ago an event was created.
func age(created int64, now time.Time) string {
	at := time.Unix(created, 0)
	if created <= 0 || at.Sub(now) > 5*time.Minute {
		return "no time"
	}
	return human.Ago(now, at)
}

// active says whether an endpoint is switched on, if the account lists it.
func active(e client.Endpoint) string {
	switch {
	case e.Active:
		return "yes"
	case e.URL == "" && e.CreatedAt.IsZero():
		return "?"
	}
	return "no"
}

// cut shortens text to this many runes.
func cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}
