package world

import (
	"time"

	"casper-cosigner/rule/failover"
	"casper-cosigner/testnet/zug"
)

// eras sees to it that our validator, one node of which is stock at least, has a message in each
// era in which it could, signs each block that it could, and that no restart by order comes too
// soon.
type eras struct {
	*account
	sound   [ours]time.Time // since when nothing but a restart by order befell a node, its agent or its links
	newest  uint64          // era of the newest block
	orders  [ours]time.Time // last restart by order
	wanted  [ours]time.Time // when the judge of an honest cosigner last called for its restart
	counted map[[2]uint64]int
	heights map[uint64]bool
	stuck   time.Time // since when a node is active that does not come up, and the other one is well
}

func newEras(a *account) *eras {
	return &eras{account: a, counted: map[[2]uint64]int{}, heights: map[uint64]bool{}}
}

// look sees who could do his part now.
func (e *eras) watch() {
	for i := range ours {
		since(&e.sound[i], e.isSound(i), e.w.now)
	}
	w, active := e.w, e.w.activeNode()
	stuck := active >= 0 && w.relapses[active] > 0 && w.plan.Pair.Stock[active] && w.agents[active].runs() && !w.lied &&
		e.lasts(e.good[1-active], e.nodeSettle()) && e.lasts(e.signer, signerSettle)
	if since(&e.stuck, stuck, w.now); e.lasts(e.stuck, e.relapsed()) {
		w.fail("%s has not come up for %v, and stays active beside one that is well", names[active], w.now.Sub(e.stuck))
	}
}

// relapsed is for how long a node that does not come up may keep its role: until two of its starts
// have failed, it has been so long enough, and the last change of roles is no more too recent.
func (e *eras) relapsed() time.Duration {
	p := &e.w.plan
	return 2*(stopFor+startUp+2*p.Block) + 3*p.After + 6*p.Ping + signerSettle
}

func (e *eras) isSound(i int) bool {
	w, v := e.w, e.w.nodes[i]
	if !v.runs() && !v.gate.ordered || !w.agents[i].runs() || w.loss > 0 || w.slow > 1 || w.dup > 0 {
		return false
	}
	for h := ours; h < hosts; h++ {
		if !w.linked(i, h) {
			return false
		}
	}
	return true
}

// needed is for how long before an era's end a node must have been well, with the cosigners, to owe
// the era a message: until the cosigners see that it has none, and for three restarts.
func (e *eras) needed() time.Duration {
	p := &e.w.plan
	return 3*(startUp+stopFor+3*time.Second) + 3*p.After + 6*p.Block + 6*p.Ping + signerSettle
}

// grew sees a foreign node's chain grow.
func (e *eras) grew(v *validator, b zug.Block) {
	e.signed(v, b)
	if b.Era <= e.newest {
		return
	}
	over := e.newest
	e.newest = b.Era
	if over == 0 {
		return
	}
	owed := e.lasts(e.signer, e.needed())
	able := false
	for i := range ours {
		able = able || e.lasts(e.sound[i], e.needed())
	}
	if !owed || !able || e.w.lied { // who leads may spend what may be ordered
		return
	}
	e.w.stats[Eras]++
	for _, f := range e.w.nodes[firstForeign:] {
		for round := range uint32(400) {
			if echo, vote := f.node.Seen(over, round, ourValidator); echo != nil || vote != nil {
				return
			}
		}
	}
	if e.counted[[2]uint64{mainHost, over}] > 1 || e.counted[[2]uint64{standbyHost, over}] > 1 {
		return // as often as may be
	}
	e.w.fail("era %d has no message of ours, and a node was well for %v", over, e.needed())
}

// signed demands our finality signature of a block, if a node of ours is there all the time.
func (e *eras) signed(v *validator, b zug.Block) {
	w, life := e.w, v.life
	if e.heights[b.Height] {
		return
	}
	e.heights[b.Height] = true
	from := w.now.Add(-2 * w.plan.Block)
	w.after(3*w.plan.Block, func() {
		able := false
		before := func(t time.Time) bool { return !t.IsZero() && t.Before(from) }
		for i, at := range e.good { // a stock node signs by itself
			able = able || before(at) && (w.plan.Pair.Stock[i] || before(e.signer))
		}
		if !able || !v.runs() || v.life != life || !v.upAt.IsZero() && from.Sub(v.upAt) < 4*w.plan.Block {
			return
		}
		w.stats[Finalities]++
		for _, f := range w.nodes[firstForeign:] {
			if f.node.HasFinality(b.Height, ourValidator) {
				return
			}
		}
		w.fail("block %d has no finality signature of ours, and a node was well", b.Height)
	})
}

// called sees which node an honest cosigner's judge would have restarted, if any.
func (e *eras) called(node string) {
	for i, name := range names {
		if name == node {
			e.wanted[i] = e.w.now
		}
	}
}

// ordered sees a node restarted by an order, which must stand in the log.
func (e *eras) ordered(i int, order failover.Order) {
	w, era := e.w, order.Era
	w.stats[Orders]++
	known := false
	for _, c := range w.cosigners {
		for _, h := range c.state.Roles().History {
			known = known || h.Epoch == order.Epoch && h.What == failover.EventRestart && h.Subject == names[i] && h.Era == era
		}
	}
	if !known {
		w.fail("%s is restarted by an order that is in no log: %+v", names[i], order)
	}
	if last := e.orders[1-i]; !last.IsZero() && w.now.Sub(last) < stopFor+startUp {
		w.fail("%s is restarted by order, %v after the other node", names[i], w.now.Sub(last))
	}
	e.orders[i] = w.now
	key := [2]uint64{uint64(i), era}
	if e.counted[key]++; e.counted[key] > 2 {
		w.fail("%s is restarted by order for the third time in era %d", names[i], era)
	}
	if !w.nodes[i].node.Out() && w.nodes[i].node.Own(era) != nil && w.roles.Active == names[i] && w.nodes[i].runs() {
		w.note("%s was restarted though it votes", names[i])
		if order.Why == madeUp && e.wanted[i].Before(order.At) {
			w.fail("%s votes, and is restarted because a compromised leader wants that", names[i])
		}
	}
}
