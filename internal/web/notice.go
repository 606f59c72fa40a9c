package web

import (
	"errors"
	"strings"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/syncer"
)

// notice is something that does not work, told once, with what to do about it.
type notice struct {
	What      string
	Error     string
	Do        string // "" where nobody need do anything
	Endpoints []string
	More      int // endpoints that are not named
	Since     time.Time
}

const mostNamed = 5

// noticesOf tells what does not work: the same trouble of many endpoints is one notice.
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
		switch told := &all[i]; {
		case p.EndpointID == "":
		case len(told.Endpoints) < mostNamed:
			told.Endpoints = append(told.Endpoints, nameOr(names[p.EndpointID], p.EndpointID))
		default:
			told.More++
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
	n := notice{What: p.What(), Error: strings.TrimSpace(p.Err.Error()), Since: p.Since}
	switch {
	case client.IsUnauthorized(p.Err):
		n.What = "The API does not accept the key"
		n.Do = "Set OMEGASTREAM_API_KEY to a valid key of the account and restart the exporter, or write the key to the file that --api.key-file names: the exporter reads it again by itself."
	case client.IsForbidden(p.Err) && p.EndpointID == "":
		n.What = "The key may not list the account's endpoints"
		n.Do = "Use a key that may, or name the endpoints with --webhook.endpoint-id."
	case client.IsForbidden(p.Err):
		n.Do = "Use a key that may read this endpoint."
	case errors.Is(p.Err, client.ErrNotFound):
		n.Do = "If the endpoint was removed on purpose, it leaves this page by itself."
	}
	return n
}
