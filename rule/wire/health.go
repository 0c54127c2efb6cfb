package wire

import (
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

// maxAge bounds the ages that others tell: beyond it they mean the same, and no arithmetic on
// times overflows.
const maxAge = 365 * 24 * time.Hour

// Health tells at the time now what is known of a node, with ages instead of times. Whoever pings,
// and when, is left out: a ping says that by itself.
func Health(n failover.Node, now time.Time) *cosignerv1.NodeHealth {
	s := n.Status
	h := &cosignerv1.NodeHealth{
		StatusAgoMs: Ago(s.At, now), StatusError: s.Error, ReactorState: s.Reactor,
		RoundLengthMs: uint64(s.Round.Milliseconds()),
		PublicKey:     s.Key, LowestHeight: s.Lowest, Peers: s.Peers, Version: s.Version,
		Rounds: asked(n.Rounds, now), Heights: asked(n.Heights, now), BlockedMs: Ago(n.Blocked, now),
		RefusedMs:     Ago(n.Refused, now),
		ShutdownAgoMs: Ago(n.Shutdown, now), FaultAgoMs: Ago(n.Fault, now), FaultEra: n.FaultEra,
		FaultEvidence: evidence(n.Evidence), EventsError: n.EventsError, LeftoverKey: n.LeftoverKey,
		Undrilled: n.Undrilled, EraAgoMs: Ago(s.EraAt, now), Gate: gate(n.Gate, now), Finals: finals(n.Finals),
		UnknownInstance: n.Unknown,
	}
	if s.Era != 0 || s.Height != 0 {
		h.Block = &cosignerv1.Block{Era: s.Era, Height: s.Height}
	}
	if s.UpgradeEra != 0 {
		h.UpgradeEra = &s.UpgradeEra
	}
	if h.Rounds != nil {
		h.Rounds.Era, h.Rounds.Round = n.Place.Era, n.Place.Round
	}
	if h.Heights != nil {
		h.Heights.Height = n.Place.Height
	}
	for _, at := range n.LostLeads {
		if ago := Ago(at, now); ago != nil {
			h.LostLeadsAgoMs = append(h.LostLeadsAgoMs, *ago)
		}
	}
	return h
}

// Node is the inverse of Health: what is known of the node, on the clock of whoever was told this
// at the time now.
func Node(h *cosignerv1.NodeHealth, now time.Time) failover.Node {
	if h == nil {
		return failover.Node{}
	}
	n := failover.Node{
		Asks: failover.Asks{
			Place: failover.Place{Era: h.GetRounds().GetEra(), Round: h.GetRounds().GetRound(),
				Height: h.GetHeights().GetHeight()},
			Rounds: progress(h.GetRounds(), now), Heights: progress(h.GetHeights(), now),
		},
		Status: failover.Status{
			At: Then(h.StatusAgoMs, now), Error: h.GetStatusError(), Reactor: h.GetReactorState(),
			Era: h.GetBlock().GetEra(), Height: h.GetBlock().GetHeight(), Lowest: h.GetLowestHeight(),
			EraAt: Then(h.EraAgoMs, now), Round: age(h.GetRoundLengthMs()),
			Key: h.GetPublicKey(), Peers: h.GetPeers(), Version: h.GetVersion(), UpgradeEra: h.GetUpgradeEra(),
		},
		Blocked: Then(h.BlockedMs, now), Refused: Then(h.RefusedMs, now), Shutdown: Then(h.ShutdownAgoMs, now),
		Fault: Then(h.FaultAgoMs, now), FaultEra: h.GetFaultEra(), Evidence: toldEvidence(h.GetFaultEvidence()),
		EventsError: h.GetEventsError(), LeftoverKey: h.GetLeftoverKey(), Undrilled: h.GetUndrilled(),
		Unknown: h.GetUnknownInstance(), Finals: toldFinals(h.GetFinals()),
	}
	if h.GetGate() != nil {
		n.Gate = toldGate(h.GetGate(), now)
	}
	for i, ms := range h.GetLostLeadsAgoMs() {
		if i < len(n.LostLeads) {
			n.LostLeads[i] = Then(&ms, now)
		}
	}
	return n
}

// asked returns nil before the first request.
func asked(p failover.Progress, now time.Time) *cosignerv1.Asked {
	if p.Asked.IsZero() {
		return nil
	}
	return &cosignerv1.Asked{AgoMs: Ago(p.Asked, now), AdvancedAgoMs: uint64(max(now.Sub(p.Advanced), 0).Milliseconds())}
}

// progress is the inverse of asked.
func progress(a *cosignerv1.Asked, now time.Time) failover.Progress {
	if a == nil || a.AgoMs == nil {
		return failover.Progress{}
	}
	return failover.Progress{Asked: Then(a.AgoMs, now), Advanced: Then(&a.AdvancedAgoMs, now)}
}

// Ago is an age in milliseconds, nil of what never was. A reading that was taken before the
// other is no age.
func Ago(then, now time.Time) *uint64 {
	if then.IsZero() {
		return nil
	}
	ms := uint64(max(now.Sub(then), 0).Milliseconds())
	return &ms
}

// Then is the inverse of Ago: the time that was so many milliseconds ago, zero if none are told.
func Then(ago *uint64, now time.Time) time.Time {
	if ago == nil {
		return time.Time{}
	}
	return now.Add(-age(*ago))
}

func age(ms uint64) time.Duration {
	return time.Duration(min(ms, uint64(maxAge.Milliseconds()))) * time.Millisecond
}
