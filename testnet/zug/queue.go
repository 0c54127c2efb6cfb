package zug

import "time"

// Queue is virtual time: what is to be done, in the order of its time, and in the order in which it
// was put in where that is the same. Its zero value is empty.
type Queue struct {
	heap []item
	last uint64
}

type item struct {
	at  int64 // Unix nanoseconds
	seq uint64
	do  func()
}

func (i item) before(o item) bool { return i.at < o.at || i.at == o.at && i.seq < o.seq }

// At puts something in to be done at t.
func (q *Queue) At(t time.Time, do func()) {
	q.last++
	q.heap = append(q.heap, item{at: t.UnixNano(), seq: q.last, do: do})
	for i := len(q.heap) - 1; i > 0; {
		above := (i - 1) / 2
		if q.heap[above].before(q.heap[i]) {
			return
		}
		q.heap[i], q.heap[above] = q.heap[above], q.heap[i]
		i = above
	}
}

// Next takes out what is first to be done; false if there is nothing.
func (q *Queue) Next() (at time.Time, do func(), ok bool) {
	if len(q.heap) == 0 {
		return time.Time{}, nil, false
	}
	first, last := q.heap[0], len(q.heap)-1
	moved := q.heap[last]
	q.heap[last] = item{}
	q.heap = q.heap[:last]
	for i := 0; i < last; {
		below := 2*i + 1
		if below+1 < last && q.heap[below+1].before(q.heap[below]) {
			below++
		}
		if below >= last || moved.before(q.heap[below]) {
			q.heap[i] = moved
			break
		}
		q.heap[i] = q.heap[below]
		i = below
	}
	return time.Unix(0, first.at), first.do, true
}
