package main

import (
	"container/heap"
	"time"
)

// clock runs what is due, in order of time and then of asking.
type clock struct {
	now   time.Duration
	asked int
	due   events
}

type event struct {
	at    time.Duration
	order int
	do    func()
}

func (c *clock) after(d time.Duration, do func()) {
	c.asked++
	heap.Push(&c.due, event{c.now + d, c.asked, do})
}

// run ends when nothing is due any more.
func (c *clock) run() {
	for len(c.due) > 0 {
		e := heap.Pop(&c.due).(event)
		c.now = e.at
		e.do()
	}
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// queue is servers of one kind, first come, first served. If it is merged, one service is for all
// that wait when it begins, as one sync is for all writes before it.
type queue struct {
	clock   *clock
	free    int
	merged  bool
	waiting []job
}

type job struct {
	takes time.Duration
	then  func()
}

// use calls then once a server had the time.
func (q *queue) use(takes time.Duration, then func()) {
	q.waiting = append(q.waiting, job{takes, then})
	q.serve()
}

func (q *queue) serve() {
	for q.free > 0 && len(q.waiting) > 0 {
		batch := q.waiting[:1]
		if q.merged {
			batch = q.waiting
		}
		q.waiting = q.waiting[len(batch):]
		q.free--
		q.clock.after(batch[0].takes, func() {
			q.free++
			for _, j := range batch {
				j.then()
			}
			q.serve()
		})
	}
}
