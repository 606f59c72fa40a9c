package ledger

// ranked is a slot with the time that ranks it.
type ranked struct {
	at   int64
	slot slot
}

// queue is a heap of slots by time, earliest or latest first. A slot can be in it more than
// once, or no longer belong there; callers check each slot that they take. That is cheaper
// than finding it in the middle whenever an event changes. (container/heap would allocate for
// every row.)
type queue struct {
	latestFirst bool
	rows        []ranked
}

func (q *queue) len() int { return len(q.rows) }

func (q *queue) push(at int64, i slot) {
	q.rows = append(q.rows, ranked{at, i})
	for n := len(q.rows) - 1; n > 0; {
		parent := (n - 1) / 2
		if !q.before(n, parent) {
			break
		}
		q.swap(n, parent)
		n = parent
	}
}

func (q *queue) pop() ranked {
	top, last := q.rows[0], len(q.rows)-1
	q.swap(0, last)
	q.rows = q.rows[:last]
	for n := 0; ; {
		child := 2*n + 1
		if child >= last {
			break
		}
		if child+1 < last && q.before(child+1, child) {
			child++
		}
		if !q.before(child, n) {
			break
		}
		q.swap(n, child)
		n = child
	}
	if last == 0 {
		q.rows = nil // a long queue must not keep its memory
	}
	return top
}

// first drops rows that no longer belong there, and returns the first slot that does, without
// taking it.
func (q *queue) first(belongs func(ranked) bool) (ranked, bool) {
	for len(q.rows) > 0 {
		if belongs(q.rows[0]) {
			return q.rows[0], true
		}
		q.pop()
	}
	return ranked{}, false
}

func (q *queue) before(a, b int) bool {
	if q.latestFirst {
		a, b = b, a
	}
	return q.rows[a].at < q.rows[b].at
}

func (q *queue) swap(a, b int) { q.rows[a], q.rows[b] = q.rows[b], q.rows[a] }
