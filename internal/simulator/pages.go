package simulator

// Pages grow from the first size to the last, for accounts with few events.
const (
	firstPage = 4 << 10
	lastPage  = 256 << 10
)

// pages is the rendered list of an endpoint, newest first, each element
// followed by a comma. A page is filled from its end towards its beginning, so
// a new event is written before the others and moves none of them, and what a
// reader was given is never written again.
type pages struct {
	full   [][]byte // oldest first
	page   []byte   // the newest page
	free   int      // page[:free] is unused
	events int      // how many of history.order are rendered
}

// push puts an element in front of the others.
func (p *pages) push(element []byte) {
	need := len(element) + 1
	if p.free < need {
		if p.page != nil {
			p.full = append(p.full, p.page[p.free:])
		}
		size := min(max(firstPage, 2*len(p.page)), lastPage)
		p.page = make([]byte, max(size, need))
		p.free = len(p.page)
	}
	p.free -= need
	copy(p.page[p.free:], element)
	p.page[p.free+need-1] = ','
	p.events++
}

// clear forgets everything, to be rendered anew.
func (p *pages) clear() {
	*p = pages{}
}

// chunks returns the bytes of the list between its brackets, in order. They
// stay as they are when further elements are pushed.
func (p *pages) chunks() [][]byte {
	if p.page == nil {
		return nil
	}
	chunks := make([][]byte, 0, len(p.full)+1)
	chunks = append(chunks, p.page[p.free:])
	for i := len(p.full) - 1; i >= 0; i-- {
		chunks = append(chunks, p.full[i])
	}
	last := &chunks[len(chunks)-1]
	*last = (*last)[:len(*last)-1] // the comma behind the oldest element
	return chunks
}

// rendered brings the pages of an endpoint up to date and returns its list.
// Only events that are new since the last call are rendered, unless one had to
// be put between older ones. It needs the write lock.
func (a *Account) rendered(ep *endpoint) [][]byte {
	ep.sort()
	var buf []byte
	for _, n := range ep.order[ep.pages.events:] {
		v := a.view(ep, n)
		buf = v.appendListed(buf[:0])
		ep.pages.push(buf)
	}
	return ep.pages.chunks()
}
