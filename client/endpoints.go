package client

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxEndpointsBody = 16 << 20 // bytes of the whole answer
	maxEndpointBody  = 64 << 10 // bytes of one element
	maxEndpoints     = 100_000
	maxURL           = 8 << 10
	maxText          = 4 << 10
)

// EndpointList is the answer of GET /client/webhooks/all.
type EndpointList struct {
	Endpoints []Endpoint // in the API's order, without duplicate ids
	Date      time.Time  // of the answer; zero if it has none
	Faults    Faults     // of skipped elements: not an object, no valid id, a duplicate id
}

// Endpoint is a webhook endpoint of the account. All strings are valid UTF-8. A
// member that is missing, null or of a wrong type leaves its field zero.
type Endpoint struct {
	ID          string   // valid, see ValidEndpointID
	CompanyID   string   // at most 4 KiB
	URL         string   // as much as Options.URLDetail allows; at most 8 KiB
	Description string   // at most 4 KiB, the URLs in it reduced likewise
	Events      []string // at most 4 KiB, with URLs reduced likewise
	Active      bool     // true unless the API says otherwise
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// ListEndpoints returns the endpoints of the account.
//
// Source: GET /client/webhooks/all.
func (c *Client) ListEndpoints(ctx context.Context) (EndpointList, error) {
	var list EndpointList
	err := c.do(ctx, endpointsCall(), func(x *request) error {
		defer x.close()
		defer x.observe()
		if paged(x.resp.Header) {
			return x.failure(ErrPaged)
		}
		r := endpointReader{
			decoder: newDecoder(x), key: x.key, detail: c.opts.URLDetail,
			types: map[string]string{}, urls: map[string]string{},
		}
		defer r.recycle()
		var err error
		if list, err = r.list(); err != nil {
			return x.failure(err)
		}
		c.urls.learn(r.urls)
		list.Date = dateOf(x.resp.Header)
		return nil
	})
	if err != nil {
		return EndpointList{}, err
	}
	return list, nil
}

// endpointReader reads the list of endpoints.
type endpointReader struct {
	*decoder
	key    Secret
	detail URLDetail
	types  map[string]string // types seen so far, as most endpoints subscribe to the same
	urls   map[string]string // by endpoint, as the API sent them
}

func (r *endpointReader) list() (list EndpointList, err error) {
	r.allow(maxEndpointBody, "the beginning")
	if empty, err := r.openList(); err != nil || empty {
		return list, err
	}
	seen := map[string]bool{}
	for r.json.PeekKind() != jsontext.KindEndArray {
		r.allow(maxEndpointBody, "one endpoint")
		e, rawURL, isObject, err := r.endpoint()
		switch {
		case err != nil:
			return list, r.fault(err)
		case r.json.InputOffset() > maxEndpointsBody:
			return list, fmt.Errorf("%w: more than %d bytes in all", ErrTooLarge, maxEndpointsBody)
		case !isObject:
			list.Faults.add(notObject)
			continue
		case seen[e.ID], !ValidEndpointID(e.ID), r.key.within([]byte(e.ID)):
			list.Faults.add("id")
			continue
		case len(list.Endpoints) == maxEndpoints:
			return list, fmt.Errorf("%w: more than %d endpoints", ErrTooLarge, maxEndpoints)
		}
		seen[e.ID] = true
		r.urls[e.ID] = rawURL
		list.Endpoints = append(list.Endpoints, e)
	}
	if _, err := r.json.ReadToken(); err != nil {
		return list, r.fault(err)
	}
	return list, list.Faults.check(len(list.Endpoints))
}

// endpoint reads one element of any type.
func (r *endpointReader) endpoint() (e Endpoint, rawURL string, isObject bool, err error) {
	isObject = r.json.PeekKind() == jsontext.KindBeginObject
	e.Active = true
	description := ""
	err = r.members(func(name []byte) (err error) {
		switch string(name) {
		case "id":
			var id []byte
			id, err = r.idText()
			e.ID = string(id[:min(len(id), maxEndpointID+1)])
		case "coid", "ocid":
			e.CompanyID, _, err = r.plain(r.key, maxText)
		case "url":
			rawURL, _, err = r.plain(Secret{}, maxEndpointBody)
		case "description":
			description, _, err = r.plain(Secret{}, maxEndpointBody)
		case "created_at":
			e.CreatedAt, err = r.time()
		case "updated_at":
			e.UpdatedAt, err = r.time()
		case "active":
			e.Active, err = r.active()
		case "events":
			e.Events, err = r.eventTypes()
		default:
			err = r.skip()
		}
		return err
	})
	hide := &redactor{key: r.key, detail: r.detail, urls: []string{rawURL}}
	e.URL = cut(r.key.redact(r.detail.Reduce(rawURL)), maxURL)
	e.Description = hide.fit([]byte(description))
	return e, rawURL, isObject, err
}

// active reads whether an endpoint is active. It is, unless the API clearly says otherwise,
// because an inactive endpoint has no alerts.
func (r *endpointReader) active() (bool, error) {
	switch r.json.PeekKind() {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		return true, r.skip()
	}
	raw, err := r.json.ReadValue()
	if err != nil {
		return true, err
	}
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "false", "0":
		return false, nil
	}
	return true, nil
}

// eventTypes reads an array of strings. It skips elements of other types, and returns none
// for anything but an array.
func (r *endpointReader) eventTypes() ([]string, error) {
	if r.json.PeekKind() != jsontext.KindBeginArray {
		return nil, r.skip()
	}
	if _, err := r.json.ReadToken(); err != nil {
		return nil, err
	}
	var all []string
	for r.json.PeekKind() != jsontext.KindEndArray {
		isString := r.json.PeekKind() == jsontext.KindString
		s, _, err := r.plain(r.key, maxType)
		if err != nil {
			return nil, err
		}
		if !isString {
			continue
		}
		if _, found := r.types[s]; !found {
			r.types[s] = s
		}
		all = append(all, r.types[s])
	}
	_, err := r.json.ReadToken()
	return all, err
}
