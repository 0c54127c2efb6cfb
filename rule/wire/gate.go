package wire

import (
	"errors"
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
		Orders: g.Orders, OrderError: g.OrderError, PassedAgoMs: Ago(g.Passed, now), FailingMs: Ago(g.Failing, now),
	}
}

// toldGate is the inverse of gate.
func toldGate(g *cosignerv1.GateHealth, now time.Time) failover.Gate {
	return failover.Gate{
		At: Then(g.AgoMs, now), Error: g.GetError(), Refused: Then(g.RefusedAgoMs, now), RefusedEra: g.GetRefusedEra(),
		Voted: Then(g.VotedAgoMs, now), VotedEra: g.GetVotedEra(), Started: Then(g.StartedAgoMs, now),
		Took: age(g.GetTookMs()), Ordered: Then(g.OrderedAgoMs, now), OrderedEra: g.GetOrderedEra(),
		Orders: g.GetOrders(), OrderError: g.GetOrderError(), Passed: Then(g.PassedAgoMs, now),
		Failing: Then(g.FailingMs, now),
	}
}

// Tell notes what a gate, or its watch, tells the agent of its node.
func Tell(g *failover.Gate, r *cosignerv1.ReportRequest, now time.Time) error {
	if w := r.GetGate(); w != nil {
		g.Tells(failover.GateWord{Refused: Then(w.RefusedAgoMs, now), RefusedEra: w.GetRefusedEra(),
			Voted: Then(w.VotedAgoMs, now), VotedEra: w.GetVotedEra()}, now)
		return nil
	}
	switch r.GetWatch().GetSight() {
	case cosignerv1.GateSight_GATE_SIGHT_STANDS:
		g.Seen(failover.GateStands, now)
	case cosignerv1.GateSight_GATE_SIGHT_HANGS:
		g.Seen(failover.GateHangs, now)
	case cosignerv1.GateSight_GATE_SIGHT_PASSED:
		g.Seen(failover.GatePasses, now)
	case cosignerv1.GateSight_GATE_SIGHT_GONE:
		g.Seen(failover.GateGone, now)
	default:
		return errors.New("it says nothing of a gate")
	}
	return nil
}

// GateWord tells what a gate knows of its node.
func GateWord(w failover.GateWord, now time.Time) *cosignerv1.ReportRequest {
	return &cosignerv1.ReportRequest{Teller: &cosignerv1.ReportRequest_Gate{Gate: &cosignerv1.GateWord{
		RefusedAgoMs: Ago(w.Refused, now), RefusedEra: w.RefusedEra, VotedAgoMs: Ago(w.Voted, now), VotedEra: w.VotedEra}}}
}

// GateSight tells what a watch sees.
func GateSight(s failover.GateSight) *cosignerv1.ReportRequest {
	sight := cosignerv1.GateSight_GATE_SIGHT_UNSPECIFIED
	switch s {
	case failover.GateStands:
		sight = cosignerv1.GateSight_GATE_SIGHT_STANDS
	case failover.GateHangs:
		sight = cosignerv1.GateSight_GATE_SIGHT_HANGS
	case failover.GatePasses:
		sight = cosignerv1.GateSight_GATE_SIGHT_PASSED
	case failover.GateGone:
		sight = cosignerv1.GateSight_GATE_SIGHT_GONE
	}
	return &cosignerv1.ReportRequest{Teller: &cosignerv1.ReportRequest_Watch{Watch: &cosignerv1.WatchWord{Sight: sight}}}
}

// Waits tells a gate how long it may wait.
func Waits(w failover.Waits) *cosignerv1.ReportResponse {
	return &cosignerv1.ReportResponse{Boot: w.Boot,
		FirstWaitMs: uint64(w.First.Milliseconds()), LaterWaitMs: uint64(w.Later.Milliseconds())}
}

// ToldWaits is the inverse of Waits.
func ToldWaits(r *cosignerv1.ReportResponse, now time.Time) failover.Waits {
	return failover.Waits{First: age(r.GetFirstWaitMs()), Later: age(r.GetLaterWaitMs()), At: now, Boot: r.GetBoot()}
}
