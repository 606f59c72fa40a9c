package simulator

import (
	"fmt"
	"slices"
	"time"
)

// Endpoint is a webhook endpoint of the account, with the API's fields.
type Endpoint struct {
	// ID is usually 24 hex digits; "" for a new id of that form.
	ID string
	// URL is the receiver of the events; "" for one on hooks.example.com.
	URL string
	// Description is the customer's note; nil for null.
	Description *string
	// Events are the subscribed types; nil for all documented ones.
	Events []string
	// Active says whether events are sent.
	Active bool
	// CreatedAt is the time of creation; zero for now.
	CreatedAt time.Time
	// UpdatedAt is the time of the last change; zero for CreatedAt.
	UpdatedAt time.Time
}

// EventTypes are the documented types in the order of a video's life. Treat
// it as a constant.
var EventTypes = []string{
	"video.uploaded", "video.ready_for_processing", "video.in_progress",
	"video.completed_processing", "video.process_failed", "video.process_succeeded",
	"video.ready_to_watch", "video.deleted", "video.failed_to_delete",
	"video.deletion_reverted",
}

// endpoint is an endpoint with its events.
type endpoint struct {
	Endpoint
	history
}

// AddEndpoint adds an endpoint and returns its id. It replaces an endpoint with the same id,
// including its events; see RestoreEndpoint for the other way.
func (a *Account) AddEndpoint(e Endpoint) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.CreatedAt.IsZero() {
		e.CreatedAt = a.now()
	}
	if e.UpdatedAt.IsZero() {
		e.UpdatedAt = e.CreatedAt
	}
	if e.ID == "" {
		e.ID = a.ids.next(e.CreatedAt).String()
	}
	if e.URL == "" {
		e.URL = "https://hooks.example.com/" + e.ID
	}
	if e.Events == nil {
		e.Events = EventTypes
	}
	e.Events = slices.Clone(e.Events)
	a.endpoints[e.ID] = &endpoint{Endpoint: e}
	if !slices.Contains(a.listed, e.ID) {
		a.listed = append(a.listed, e.ID)
	}
	return e.ID
}

// UpdateEndpoint lets fn change an endpoint. UpdatedAt becomes now unless fn sets it. A
// change of the ID is ignored.
func (a *Account) UpdateEndpoint(id string, fn func(*Endpoint)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ep := a.endpoint(id)
	e := ep.Endpoint
	e.Events = slices.Clone(e.Events)
	fn(&e)
	e.ID = id
	if e.UpdatedAt.Equal(ep.UpdatedAt) {
		e.UpdatedAt = a.now()
	}
	ep.Endpoint = e
}

// RemoveEndpoint removes an endpoint from the account: it is no longer listed, and its events
// answer 404. Truth still includes them.
func (a *Account) RemoveEndpoint(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endpoint(id)
	a.listed = slices.DeleteFunc(a.listed, func(have string) bool { return have == id })
}

// RestoreEndpoint restores a removed endpoint with its events.
func (a *Account) RestoreEndpoint(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endpoint(id)
	if !slices.Contains(a.listed, id) {
		a.listed = append(a.listed, id)
	}
}

// EndpointIDs returns the ids of the endpoints, in the order of their list.
func (a *Account) EndpointIDs() []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Clone(a.listed)
}

// endpoint returns an endpoint, removed or not, and panics if it is unknown.
func (a *Account) endpoint(id string) *endpoint {
	ep := a.endpoints[id]
	if ep == nil {
		panic(fmt.Sprintf("simulator: no endpoint %q", id))
	}
	return ep
}

// serving returns the endpoint that requests with the id get; nil for none.
func (a *Account) serving(id string) *endpoint {
	if !slices.Contains(a.listed, id) {
		return nil
	}
	return a.endpoints[id]
}

// appendJSON appends the endpoint as the list of endpoints shows it.
func (e *Endpoint) appendJSON(dst []byte, companyID string) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendString(dst, e.ID)
	dst = append(dst, `,"created_at":`...)
	dst = appendTime(dst, e.CreatedAt)
	dst = append(dst, `,"updated_at":`...)
	dst = appendTime(dst, e.UpdatedAt)
	dst = append(dst, `,"coid":`...)
	dst = appendString(dst, companyID)
	dst = append(dst, `,"url":`...)
	dst = appendString(dst, e.URL)
	dst = append(dst, `,"description":`...)
	if e.Description == nil {
		dst = append(dst, "null"...)
	} else {
		dst = appendString(dst, *e.Description)
	}
	dst = append(dst, `,"events":[`...)
	for i, t := range e.Events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, t)
	}
	dst = append(dst, `],"active":`...)
	if e.Active {
		return append(dst, "true}"...)
	}
	return append(dst, "false}"...)
}
