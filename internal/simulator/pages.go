package simulator

// For accounts with few events, pages grow from the first size to the last.
const (
	firstPage = 4 << 10
	lastPage  = 256 << 10
)

// pages is the rendered list of an endpoint, newest first, with a comma after each element. A
// page is filled from its end to its start, so that a new event goes before the others
// without moving them, and bytes given to a reader never change.
type pages struct {
	full   [][]byte // oldest first
	page   []byte   // the newest page
	free   int      // page[:free] is unused
	events int      // how many of history.order are rendered
}

// push adds an element at the front.
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

// clear forgets everything, so that it is rendered again.
func (p *pages) clear() {
	*p = pages{}
}

// chunks returns the bytes of the list between its brackets, in order. They do not change
// when elements are pushed.
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
	*last = (*last)[:len(*last)-1] // the comma after the oldest element
	return chunks
}

// rendered updates the pages of an endpoint and returns its list. It only renders events
// added since the last call, unless one was inserted between others. It needs the write lock.
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
