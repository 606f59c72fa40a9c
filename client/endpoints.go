package client

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxEndpointsBody = 64 << 20
	maxEndpoints     = 100_000
	maxURL           = 8 << 10
	maxText          = 4 << 10
)

// EndpointList is the answer of GET /client/webhooks/all.
type EndpointList struct {
	Endpoints []Endpoint // in the API's order, no id twice
	Date      time.Time  // the answer's own, zero if it has none
	Invalid   int        // elements left out: no object, no valid id, an id again
}

// Endpoint is a webhook endpoint of the account. All strings are valid UTF-8. A
// member that is missing, null or of a wrong type leaves its field zero.
type Endpoint struct {
	ID          string   // valid, see ValidEndpointID
	CompanyID   string   // at most 4 KiB
	URL         string   // as sent, it may hold secrets; at most 8 KiB
	Description string   // at most 4 KiB
	Events      []string // the subscribed types
	Active      bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// ListEndpoints returns the endpoints of the account.
//
// Source: GET /client/webhooks/all.
func (c *Client) ListEndpoints(ctx context.Context) (EndpointList, error) {
	var list EndpointList
	err := c.do(ctx, endpointsCall(), func(x *exchange) error {
		defer x.close()
		defer x.observe()
		d := newDecoder(x)
		defer d.recycle()
		var err error
		if list, err = readEndpoints(d, x.key); err != nil {
			return x.failure(err)
		}
		list.Date = dateOf(x.resp.Header)
		return nil
	})
	if err != nil {
		return EndpointList{}, err
	}
	return list, nil
}

func readEndpoints(d *decoder, key secret) (list EndpointList, err error) {
	d.allow(maxEndpointsBody)
	if err := d.open(jsontext.KindBeginArray); err != nil {
		return list, err
	}
	seen := map[string]bool{}
	for d.json.PeekKind() != jsontext.KindEndArray {
		e, ok, err := readEndpoint(d, key)
		switch {
		case err != nil:
			return list, d.fault(err)
		case !ok, seen[e.ID]:
			list.Invalid++
			continue
		case len(list.Endpoints) == maxEndpoints:
			return list, fmt.Errorf("%w: more than %d endpoints", ErrTooLarge, maxEndpoints)
		}
		seen[e.ID] = true
		list.Endpoints = append(list.Endpoints, e)
	}
	_, err = d.json.ReadToken()
	return list, d.fault(err)
}

// readEndpoint reads one element, whatever it is. ok is false where it is no
// endpoint.
func readEndpoint(d *decoder, key secret) (e Endpoint, ok bool, err error) {
	if d.json.PeekKind() != jsontext.KindBeginObject {
		return e, false, d.skip()
	}
	if _, err := d.json.ReadToken(); err != nil {
		return e, false, err
	}
	for {
		name, more, err := d.name()
		if err != nil || !more {
			return e, ValidEndpointID(e.ID) && !key.within([]byte(e.ID)), err
		}
		switch string(name) {
		case "id":
			e.ID, _, err = d.plain("", maxEndpointID+1)
		case "coid", "ocid":
			e.CompanyID, _, err = d.plain(key, maxText)
		case "url":
			e.URL, _, err = d.plain(key, maxURL)
		case "description":
			e.Description, _, err = d.plain(key, maxText)
		case "created_at":
			e.CreatedAt, err = d.time()
		case "updated_at":
			e.UpdatedAt, err = d.time()
		case "active":
			e.Active = d.json.PeekKind() == jsontext.KindTrue
			err = d.skip()
		case "events":
			e.Events, err = d.plains(key)
		default:
			err = d.skip()
		}
		if err != nil {
			return e, false, err
		}
	}
}
