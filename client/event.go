package client

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxEventBody = 1 << 20
	maxType      = 1 << 10
	maxReply     = 1 << 10 // of Response.Body
	maxVideo     = 128     // of each member of Video
)

// Event is an event with the answer to its delivery. All strings are valid UTF-8. Of its data
// only the video's ids are kept.
type Event struct {
	ID         string    // the requested one
	EndpointID string    // as sent, but the request decides; empty if missing
	CompanyID  string    // coid or ocid
	Type       string    // as sent, at most 1 KiB; empty if missing or null
	Created    int64     // Unix seconds as sent, without a fraction; 0 if missing or null
	Video      Video     // data.video
	Response   *Response // nil while the API has not recorded one
	Date       time.Time // of the answer; zero if it has none
	Unusable   []string  // members of a wrong type, whose fields are zero: type, created
}

// Video identifies the video of an event. A member is empty if it is missing or not a string.
type Video struct {
	ID   string // at most 128 bytes, like UUID
	UUID string
}

// Response is what the receiver of an event answered, or what the API says about a failed
// delivery. Members that are neither strings nor null appear as their JSON text. URLs are
// reduced as Options.URLDetail allows, and secrets of the endpoint's own URL are removed in
// any spelling.
type Response struct {
	StatusCode int    // as sent; 0 if missing or null
	Status     string // at most 4 KiB
	Message    string // the API's own text, at most 4 KiB
	Cause      string // Message without any URL, to find the cause of a failure
	Body       string // at most 1 KiB; of paths without a host, only the endpoint's own is removed
}

// GetEvent returns one event of an endpoint. It fails with ErrBadPayload if the answer is
// about another event, or if its response or status_code has a wrong type. Numbers can be in
// quotes, and ids can be numbers.
//
// The event's Response is nil if the API sent none, null or {}, or an object with neither a
// numeric status_code nor any text. A status_code of 0 is a response, and so is text without
// a status_code.
//
// Source: GET /client/webhooks/:id/events/:eid.
func (c *Client) GetEvent(ctx context.Context, endpointID, eventID string) (Event, error) {
	var event Event
	err := c.do(ctx, eventCall(endpointID, eventID), func(x *request) error {
		defer x.close()
		defer x.observe()
		d := newDecoder(x)
		defer d.recycle()
		var err error
		event, err = readEvent(d, x.redactor)
		if err == nil && event.ID != eventID {
			err = fmt.Errorf("%w: it is about another event", ErrBadPayload)
		}
		if err != nil {
			return x.failure(err)
		}
		event.Date = dateOf(x.resp.Header)
		return nil
	})
	if err != nil {
		return Event{}, err
	}
	return event, nil
}

func readEvent(d *decoder, r *redactor) (e Event, err error) {
	d.allow(maxEventBody, "one event")
	if kind := d.json.PeekKind(); kind != jsontext.KindBeginObject {
		return e, d.open(jsontext.KindBeginObject)
	}
	unusable := func(member string, ok bool) {
		if !ok {
			e.Unusable = append(e.Unusable, member)
		}
	}
	err = d.members(func(name []byte) (err error) {
		var ok bool
		switch string(name) {
		case "id":
			var id []byte
			id, err = d.idText()
			e.ID = string(id[:min(len(id), maxEventID+1)])
		case "type":
			e.Type, ok, err = d.plain(r.key, maxType)
			unusable("type", ok)
		case "created":
			e.Created, _, ok, err = d.integer()
			unusable("created", ok)
		case "data":
			e.Video, err = readData(d, r.key)
		case "response":
			e.Response, err = readResponse(d, r)
		case "endpoint_id":
			e.EndpointID, _, err = d.plain(r.key, maxText)
		case "coid", "ocid":
			e.CompanyID, _, err = d.plain(r.key, maxText)
		default:
			err = d.skip()
		}
		return err
	})
	return e, d.fault(err)
}

// readData returns the video of an event's data, empty if there is none.
func readData(d *decoder, key Secret) (v Video, err error) {
	err = d.members(func(name []byte) error {
		if string(name) != "video" {
			return d.skip()
		}
		return d.members(func(name []byte) (err error) {
			switch string(name) {
			case "id":
				v.ID, _, err = d.plain(key, maxVideo)
			case "uuid":
				v.UUID, _, err = d.plain(key, maxVideo)
			default:
				err = d.skip()
			}
			return err
		})
	})
	return v, err
}

// readResponse returns nil if no response is recorded.
func readResponse(d *decoder, r *redactor) (*Response, error) {
	switch kind := d.json.PeekKind(); kind {
	case jsontext.KindBeginObject, jsontext.KindInvalid:
	case jsontext.KindNull:
		return nil, d.skip()
	default:
		return nil, fmt.Errorf("%w: its response is %s instead of an object", ErrBadPayload, kindName(kind))
	}
	var found Response
	coded := false
	err := d.members(func(name []byte) (err error) {
		switch string(name) {
		case "status_code":
			kind := d.json.PeekKind()
			var code int64
			var ok bool
			if code, coded, ok, err = d.integer(); err == nil && !ok {
				return fmt.Errorf("%w: its response.status_code is %s instead of a number", ErrBadPayload, kindName(kind))
			}
			found.StatusCode = int(code)
		case "status":
			var raw []byte
			if raw, err = d.prose(); err == nil {
				found.Status = r.fit(raw)
			}
		case "message":
			var raw []byte
			if raw, err = d.prose(); err == nil {
				found.Message, found.Cause = r.fit(raw), r.cause(raw)
			}
		case "body":
			var raw []byte
			if raw, err = d.prose(); err == nil {
				found.Body = r.fitBody(raw)
			}
		default:
			err = d.skip()
		}
		return err
	})
	if err != nil || !coded && found == (Response{}) {
		return nil, err
	}
	return &found, nil
}
