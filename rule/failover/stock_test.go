package failover_test

import (
	"time"

	"casper-cosigner/rule/failover"
)

// restartTakes is how long a stock node needs from its start until it validates.
const restartTakes = 10 * time.Second

// stock is what a stock node's host has besides.
type stock struct {
	bound    failover.Place // newest that it was granted; of a remote-key node, that it asked for
	gateless bool           // its gate answers nobody
	mute     bool           // it casts no vote, until it is started again
	asks     uint64         // round for which its gate waits for a grant, 0 for none
	since    time.Duration  // it does
	back     time.Duration  // when a node that was restarted by order validates
	orders   failover.Orders
	obeyed   uint64 // epoch of the last order that was
}

// liveStock is what a stock node does: it votes in each round unless it was refused in that era.
func (w *world) liveStock(name string, h *host) {
	if h.back > 0 && w.t >= h.back {
		h.node, h.mute, h.back = true, false, 0
		h.own.Gate.Took = restartTakes
	}
	if !h.agent {
		return
	}
	if !h.gateless && w.every(time.Second, statusAt) {
		h.own.Gate.At, h.own.Gate.Error = w.now(), ""
	}
	if h.gateless {
		h.own.Gate.Error = "connection refused"
	}
	if !h.node || h.hung {
		return
	}
	era := place(w.round).Era
	if newest := w.round; h.asks == 0 && newest > h.asked && w.t-w.opened >= opensAt && !h.mute && h.peers &&
		(h.own.Gate.Refused.IsZero() || h.own.Gate.RefusedEra < era) {
		h.asked, h.asks, h.since = newest, newest, w.t
		h.own.Place.Era, h.own.Place.Round = era, place(newest).Round
		h.own.Rounds.Asked, h.own.Rounds.Advanced = w.now(), w.now()
	}
	if h.asks > 0 {
		w.grant(name, h)
	}
	if h.asks == 0 && w.every(time.Second, statusAt) { // a node whose gate waits stands still
		was, last := h.own.Status, place(w.round-1)
		h.own.Status = failover.Status{At: w.now(), Reactor: h.reactor, Era: last.Era, Height: last.Height, EraAt: was.EraAt,
			Round: w.settings.Round, Key: validator, Peers: 50, Version: "2.2.2"}
		if was.Era != last.Era && was.Era != 0 {
			h.own.Status.EraAt = w.now()
		}
	}
}

// grant is what becomes of the message that a node's gate asks for: it is granted, refused, or
// waited for.
func (w *world) grant(name string, h *host) {
	p := place(h.asks)
	known := failover.Known{Active: w.state.Active == name, Passive: w.settings.Passive, Granted: h.bound.Era == p.Era}
	voter := w.voters[p.Era]
	switch may := w.state.Active == name || !w.settings.Passive || voter == name; {
	case h.gateless:
		h.own.Gate.Refuses(p.Era, w.now())
		h.asks = 0
	case !w.seen.Signing.IsZero() && h.cosigners && may:
		h.bound, h.asks = p, 0
		if voter == "" || w.state.Active == name {
			w.voters[p.Era] = name
		}
		for _, o := range w.hosts {
			if o.node && o.agent {
				o.own.Gate.Saw(p.Era, w.now())
			}
		}
	case !w.seen.Signing.IsZero() && h.cosigners, w.t-h.since >= known.Wait():
		h.own.Gate.Refuses(p.Era, w.now())
		h.asks = 0
	}
}

// restart orders what the judgement calls for, and has agents obey what was ordered.
func (w *world) restart(d failover.Judgement) {
	for name, order := range d.Orders {
		w.obey(name, order)
	}
	r := d.Rearm
	change := failover.Change{Epoch: w.state.Epoch, Cause: r.Code, Reason: r.Why, At: w.seen.Wall.UnixMilli()}
	if r.Order && w.state.MayRestart(r.Node, r.Era) && w.state.Restart(r.Node, r.Era, change) {
		w.did("restart %s: %s", r.Node, r.Code)
	}
}

// obey does what an agent does that is told to restart its node.
func (w *world) obey(name string, order failover.Order) {
	h := w.hosts[name]
	if h == nil || !h.agent || !h.cosigners || h.hung {
		return
	}
	h.orders = failover.NewOrders(2, w.settings.PingInterval)
	h.orders.Heard("one", order, w.now())
	h.orders.Heard("two", order, w.now())
	order = h.orders.Named(w.now())
	if order.Epoch <= h.obeyed {
		return
	}
	if why := order.Against(h.own, h.obeyed, w.now()); why != "" {
		w.did("%s does not obey: %s", name, why)
		return
	}
	h.obeyed = order.Epoch
	h.own.Gate.Obeyed(order.Era, w.now())
	if w.obeys != nil {
		w.obeys(name)
	}
	h.own.Gate.Starts(w.now())
	h.node, h.asks, h.back = false, 0, w.t+restartTakes
}
