package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
)

// BasePath is the path of the API. A client's base URL ends with it.
const BasePath = "/company"

// ServeHTTP answers a request to the API.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r, header: make(http.Header)}
	x.Operation, x.EndpointID, x.EventID = route(r.URL)
	x.Header, x.Start = r.Header, a.now()
	a.calls.arrive(&x.Request)
	defer a.finish(x)

	x.reply = a.refuse(x)
	x.faults = a.faults.match(&x.Request)
	for _, f := range x.faults {
		if f.Do.act != nil {
			f.Do.act(x, f)
		}
	}
	if x.reply == nil {
		x.reply = a.answer(x)
	}
	x.send(a.now(), a.gzip.Load(), &a.calls)
}

// route returns the API call of a URL.
func route(u *url.URL) (op Operation, endpointID, eventID string) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), BasePath+"/client/webhooks/")
	if !ok {
		return Unknown, "", ""
	}
	parts := strings.Split(rest, "/")
	for i := range parts {
		part, err := url.PathUnescape(parts[i])
		if err != nil || part == "" {
			return Unknown, "", ""
		}
		parts[i] = part
	}
	switch {
	case len(parts) == 1 && parts[0] == "all":
		return ListEndpoints, "", ""
	case len(parts) == 1:
		return ListEvents, parts[0], ""
	case len(parts) == 3 && parts[1] == "events":
		return GetEvent, parts[0], parts[2]
	}
	return Unknown, "", ""
}

// refuse returns the answer to a rejected request; nil if the request is accepted. It counts
// the request.
func (a *Account) refuse(x *exchange) *reply {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if x.Operation == GetEvent {
		if ep := a.serving(x.EndpointID); ep != nil {
			if n, ok := ep.find(x.EventID); ok {
				atomic.AddUint32(&ep.at(n).asked, 1)
			}
		}
	}
	if wait, ok := a.bucket.take(x.Start); !ok {
		return tooMany(wait)
	}
	switch {
	case x.r.Method != http.MethodGet:
		return problem(http.StatusMethodNotAllowed, "method not allowed")
	case x.r.Header.Get("Authorization") != "Bearer "+a.key:
		return problem(http.StatusUnauthorized, "unauthorized")
	}
	return nil
}

// answer returns the answer, changed by faults on elements.
func (a *Account) answer(x *exchange) *reply {
	rep := &reply{status: http.StatusOK, contentType: jsonType}
	switch x.Operation {
	case Unknown:
		return problem(http.StatusNotFound, "not found")
	case ListEndpoints:
		rep.items, rep.array = a.endpointItems(), true
	case ListEvents:
		a.mu.Lock()
		defer a.mu.Unlock()
		ep := a.serving(x.EndpointID)
		if ep == nil {
			return problem(http.StatusNotFound, "webhook not found")
		}
		rep.array = true
		if !x.changed() {
			rep.chunks = a.rendered(ep)
			return rep
		}
		rep.items = a.eventItems(ep)
	case GetEvent:
		v := a.detail(x.EndpointID, x.EventID)
		if v == nil {
			return problem(http.StatusNotFound, "webhook event not found")
		}
		if !x.changed() && x.padding == 0 {
			rep.body = v.appendDetail(make([]byte, 0, 4<<10))
			return rep
		}
		rep.items = func(yield func(item) bool) { yield(item{id: x.EventID, view: v, detail: true}) }
	}
	rep.items = x.change(rep.items, rep.array)
	return rep
}

// finish records the end of a request.
func (a *Account) finish(x *exchange) {
	if x.Code == 0 {
		a.calls.answer(&x.Request)
	}
	a.calls.leave()
	if a.observe != nil {
		a.observe(x.Request)
	}
}

// changed reports whether a fault affects single elements.
func (x *exchange) changed() bool {
	return slices.ContainsFunc(x.faults, func(f *fault) bool { return f.Do.each != nil || f.Do.list != nil })
}

// change returns the elements as changed by faults.
func (x *exchange) change(list items, array bool) items {
	for _, f := range x.faults {
		if f.Do.each != nil {
			list = f.each(list)
		}
		if f.Do.list != nil && array {
			list = f.Do.list(list)
		}
	}
	return list
}

// each lets an effect change the events that the fault affects.
func (f *fault) each(list items) items {
	return func(yield func(item) bool) {
		for it := range list {
			if it.view != nil && (f.EventID == "" || f.EventID == it.id) {
				changed := *it.view
				f.Do.each(&changed)
				it.view = &changed
			}
			if !yield(it) {
				return
			}
		}
	}
}
