package failover

import (
	"fmt"
	"time"
)

// Order is a restart of a stock node that the log orders, as Rearm called for it. Its zero value is
// that none is known.
type Order struct {
	Epoch uint64 // that it made in the log, by which it is known
	Era   uint64 // in which the node is to vote
	Cause string // code of the Rearm
	Why   string
	At    time.Time // when it was ordered, by the clock of whoever holds this
}

// obeyWithin is how old an order may be that is obeyed: what called for it may be over.
const obeyWithin = time.Minute

// Orders is what the cosigners tell an agent of restarts of its node. NewOrders makes one. It is
// not safe for concurrent use.
type Orders struct {
	threshold int
	lasts     time.Duration
	told      map[string]word
}

// word is what one cosigner told last.
type word struct {
	Order
	heard time.Time
}

// NewOrders returns what an agent knows that nobody told anything yet. An order counts that so many
// cosigners tell, each less than three ping intervals ago.
func NewOrders(threshold int, ping time.Duration) Orders {
	return Orders{threshold: threshold, lasts: lostPings * ping, told: map[string]word{}}
}

// Heard notes the last order that a cosigner tells, by the agent's clock.
func (o *Orders) Heard(cosigner string, order Order, now time.Time) {
	o.told[cosigner] = word{Order: order, heard: now}
}

// Named returns the newest order that a threshold of different cosigners name alike, zero if there
// is none. One cosigner alone, or as many as may be compromised, cannot restart a node.
func (o *Orders) Named(now time.Time) (newest Order) {
	by := map[Order]int{} // their clocks aside
	first := map[Order]time.Time{}
	for _, w := range o.told {
		if w.Epoch == 0 || now.Sub(w.heard) > o.lasts || now.Sub(w.At) > obeyWithin {
			continue
		}
		named, at := w.Order, w.At
		named.At = time.Time{}
		if by[named]++; by[named] == 1 || at.Before(first[named]) {
			first[named] = at
		}
	}
	for named, cosigners := range by {
		if cosigners >= o.threshold && named.Epoch > newest.Epoch {
			newest = named
			newest.At = first[named]
		}
	}
	return newest
}

// Against returns why a node that obeyed the order of an epoch before, 0 if none, does not obey
// this one now; empty if it does. What it obeyed is kept before it is carried out, so that nothing
// is ever carried out twice.
func (o Order) Against(n Node, obeyed uint64, now time.Time) string {
	era := max(n.Status.Era, n.Gate.RefusedEra)
	switch {
	case o.Epoch <= obeyed:
		return "it was obeyed before, or a later one was"
	case n.Gate.Started.After(o.At):
		return "the node was started since"
	case era > o.Era:
		return fmt.Sprintf("era %d is over", o.Era)
	}
	switch code, _ := n.Gate.May(o.Era, now); code {
	case RearmSpent:
		return fmt.Sprintf("it was restarted %d times by order in era %d", n.Gate.Orders, n.Gate.OrderedEra)
	case RearmRests:
		return "it was restarted just before"
	}
	return ""
}

// order returns the last restart of the node that the state orders. The state dates it by the clock
// of whoever led then, which is a hint only: see since.
func (m memory) order(name string, s State, wall, now time.Time) Order {
	e, _ := s.ordered(name)
	if e.Epoch == 0 {
		return Order{}
	}
	was := m.nodes[name].order
	if was.Epoch == e.Epoch {
		return was
	}
	most := restAfter * longRestart
	if !m.last.IsZero() {
		most = min(most, now.Sub(m.last))
	}
	ago := min(max(wall.Sub(time.UnixMilli(e.At)), 0), most)
	return Order{Epoch: e.Epoch, Era: e.Era, Cause: e.Cause, Why: e.Reason, At: now.Add(-ago)}
}

// named returns the order that is told to the node's agent: the last one, if a restart was called
// for by all that is known here as well. What a compromised leader writes into the log is named by
// it alone.
func (k kept) named() Order {
	if k.vouched != k.order.Epoch {
		return Order{}
	}
	return k.order
}

// gate returns what is known of the node's gate and of its restarts: by its agent, and by the log,
// since its agent may die before it tells that it obeyed.
func (l *look) gate(name string) Gate {
	g, o := l.nodes[name].Gate, l.nodes[name].order
	_, orders := l.state.ordered(name)
	g.Ordered = latest(g.Ordered, o.At)
	switch {
	case o.Epoch == 0 || o.Era < g.OrderedEra:
	case o.Era > g.OrderedEra:
		g.OrderedEra, g.Orders = o.Era, orders
	default:
		g.Orders = max(g.Orders, orders)
	}
	return g
}
