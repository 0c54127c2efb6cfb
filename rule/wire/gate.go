package wire

import (
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

// gate tells what is known by a node's gate; nil if there is none.
func gate(g failover.Gate, now time.Time) *cosignerv1.GateHealth {
	if g == (failover.Gate{}) {
		return nil
	}
	return &cosignerv1.GateHealth{
		AgoMs: Ago(g.At, now), Error: g.Error, RefusedAgoMs: Ago(g.Refused, now), RefusedEra: g.RefusedEra,
		VotedAgoMs: Ago(g.Voted, now), VotedEra: g.VotedEra, StartedAgoMs: Ago(g.Started, now),
		TookMs: uint64(g.Took.Milliseconds()), OrderedAgoMs: Ago(g.Ordered, now), OrderedEra: g.OrderedEra,
		Orders: g.Orders, OrderError: g.OrderError,
	}
}

// toldGate is the inverse of gate.
func toldGate(g *cosignerv1.GateHealth, now time.Time) failover.Gate {
	return failover.Gate{
		At: Then(g.AgoMs, now), Error: g.GetError(), Refused: Then(g.RefusedAgoMs, now), RefusedEra: g.GetRefusedEra(),
		Voted: Then(g.VotedAgoMs, now), VotedEra: g.GetVotedEra(), Started: Then(g.StartedAgoMs, now),
		Took: age(g.GetTookMs()), Ordered: Then(g.OrderedAgoMs, now), OrderedEra: g.GetOrderedEra(),
		Orders: g.GetOrders(), OrderError: g.GetOrderError(),
	}
}
