package simulator

import "slices"

// endpointItems returns the elements of the list of endpoints.
func (a *Account) endpointItems() items {
	a.mu.RLock()
	defer a.mu.RUnlock()
	all := make([]item, 0, len(a.listed))
	for _, id := range a.listed {
		all = append(all, item{id: id, raw: a.endpoints[id].appendJSON(nil, a.companyID)})
	}
	return slices.Values(all)
}

// eventItems returns the elements of the list of an endpoint, newest first, as
// of now. It needs the write lock; the result must be used without it.
func (a *Account) eventItems(ep *endpoint) items {
	ep.sort()
	order := slices.Clone(ep.order)
	return func(yield func(item) bool) {
		for _, n := range slices.Backward(order) {
			a.mu.RLock()
			v := a.view(ep, n)
			a.mu.RUnlock()
			if !yield(item{id: v.id, view: &v}) {
				return
			}
		}
	}
}

// detail returns an event with its present response; nil for none.
func (a *Account) detail(endpointID, eventID string) *view {
	a.mu.RLock()
	defer a.mu.RUnlock()
	ep := a.serving(endpointID)
	if ep == nil {
		return nil
	}
	n, ok := ep.find(eventID)
	if !ok {
		return nil
	}
	v := a.view(ep, n)
	r := visible(ep.answers(n), ep.age(n, a.now()))
	v.response = string(r.appendJSON(nil, v.eventType, ep.URL))
	return &v
}
