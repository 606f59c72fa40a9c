package web

import (
	"errors"
	"strings"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/syncer"
)

// notice is a problem and what to do about it.
type notice struct {
	What      string
	Error     string // the message of the API or of the system
	Plain     bool   // What says all that Error does
	Do        string
	Endpoints []string
	More      int // endpoints that are not named
	Since     time.Time
}

const maxNamed = 5

// noticesOf returns a notice for each problem. Endpoints with the same problem share one.
func noticesOf(problems []syncer.Problem, names map[string]string) []notice {
	var all []notice
	at := make(map[[2]string]int)
	for _, p := range problems {
		n := noticeOf(p)
		key := [2]string{n.What, n.Error}
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, n)
		}
		switch shown := &all[i]; {
		case p.EndpointID == "":
		case len(shown.Endpoints) < maxNamed:
			shown.Endpoints = append(shown.Endpoints, nameOr(names[p.EndpointID], p.EndpointID))
		default:
			shown.More++
		}
		if p.Since.Before(all[i].Since) {
			all[i].Since = p.Since
		}
	}
	return all
}

func nameOr(name, id string) string {
	if name == "" || name == id {
		return id
	}
	return name + " (" + short(id) + ")"
}

func noticeOf(p syncer.Problem) notice {
	n := notice{What: p.What(), Error: strings.TrimSpace(causeOf(p.Err)), Do: "The exporter keeps trying.", Since: p.Since}
	switch {
	case client.IsUnauthorized(p.Err):
		n.What, n.Plain = "The API does not accept the key", true
		n.Do = "No new deliveries are counted until it does. Put a valid key of the account into the file that --api.key-file names, which the exporter reads again by itself, or set OMEGASTREAM_API_KEY and restart the exporter."
	case client.IsForbidden(p.Err) && p.EndpointID == "":
		n.What = "The key does not have permission to list the account's endpoints"
		n.Do = "Use a key that has, or name the endpoints with --webhook.endpoint-id."
	case client.IsForbidden(p.Err):
		n.Do = "Use a key that has permission to read this endpoint."
	case errors.Is(p.Err, client.ErrNotFound):
		n.Do = "If you removed the endpoint, it disappears from this page by itself."
	}
	return n
}

// causeOf returns why a call failed, without the call, which the notice names already.
func causeOf(err error) string {
	if failed, ok := errors.AsType[*client.Error](err); ok {
		return failed.Err.Error()
	}
	return err.Error()
}
