package machine

import (
	"cmp"
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// LastReset returns the last reset of the heights; its Count is 0 if there was none. That an
// operator signed it is for each cosigner to verify, before its ledger follows: the log has no
// keys.
func (s *State) LastReset() watermark.Reset { return s.reset }

// First returns the mark that the cluster was founded for. The log says it on all cosigners alike;
// made is what this one was made for, which may differ from host to host, and counts where the log
// says none.
func (s *State) First(made watermark.Mark) watermark.Mark {
	if s.founded != (watermark.Mark{}) {
		return s.founded
	}
	return made
}

// MayReset returns an error unless the reset was signed for this founding, and frees no heights
// below those that it was for. made is as for First.
func (s *State) MayReset(r watermark.Reset, made watermark.Mark) error {
	return r.Within(s.First(made))
}

// Ledger is how far a cosigner's ledger has come.
type Ledger struct {
	Resets uint64         // of the heights that it has made
	Floor  watermark.Mark // below which it binds nothing any more
	Newest failover.Place // that it holds, zero if it holds nothing
	Empty  bool
}

// Memory is what a cosigner remembers of what was signed, by its log and its ledger together.
type Memory struct {
	Resets uint64         // of the heights
	Newest failover.Place // zero while nothing was ever bound
	Pruned watermark.Mark // below it nothing is ever signed
}

// Remembered returns what a cosigner with that ledger remembers. What the ledger holds counts, too:
// it may be for an entry that the log only stores. And a reset that the ledger has not made, as one
// that no operator signed, takes nothing back: it does not count, and it lowers no mark. Each
// height that was signed is in the ledger of an honest cosigner, so one of them states it all the
// while.
func (s *State) Remembered(l Ledger) Memory {
	m := Memory{Resets: min(l.Resets, s.reset.Count), Newest: s.Remembers(), Pruned: s.table.Pruned()}
	if !l.Empty {
		m.Newest = further(s.Bound(), l.Newest)
	}
	if l.Resets < s.reset.Count {
		m.Pruned.Height = max(m.Pruned.Height, l.Floor.Height)
		m.Newest.Height = max(m.Newest.Height, m.Pruned.Height)
	}
	return m
}

// further returns the further of two places, in rounds and in heights.
func further(a, b failover.Place) failover.Place {
	height := max(a.Height, b.Height)
	if cmp.Or(cmp.Compare(a.Era, b.Era), cmp.Compare(a.Round, b.Round)) < 0 {
		a = b
	}
	a.Height = height
	return a
}

// resetHeights compares counts, so that of two operators' resets one is refused, and one that was
// recorded is never applied again. A restart of the network takes back blocks once, so a second
// reset for it would free what was signed since. One that came to nothing, and that somebody kept,
// must not free later what was signed since: so it frees only heights that the operator saw bound,
// and it ages.
func (s *State) resetHeights(p Place, r ResetHeights) Result {
	if s.version < withResets { // Decode reads none
		return refused(refusal.UnknownCommand)
	}
	if r.Count != s.reset.Count+1 {
		return refused(refusal.ResetMoved)
	}
	if !r.Network.Above(s.reset.Network) {
		return refused(refusal.SameNetwork)
	}
	if r.Height < s.founded.Height { // else no ledger would follow the log any more
		return refused(refusal.BelowFounded)
	}
	if p.Stale(r.SeenAt) {
		return refused(refusal.Stale)
	}
	before := s.table.Newest().Height
	if why := s.table.ResetHeights(r.Reset); why != refusal.None {
		return refused(why)
	}
	s.reset = r.Reset
	if s.table.Newest().Height < before { // else the chain is measured from where it was
		s.heights = Advance{At: r.At, Left: watermark.HeightBucket(0).Burst}
	}
	return s.changedMarks(resetChange(r.Reset, r.At))
}

func (s *State) setInstance(i SetInstance) Result {
	if s.version < withResets {
		return refused(refusal.UnknownCommand)
	}
	if why := s.table.Rerun(i.Era, i.Chainspec); why != refusal.None {
		return refused(why)
	}
	return s.changedMarks(instanceChange(i))
}

func resetToProto(r watermark.Reset) *cosignerv1.ResetHeightsCommand {
	c := &cosignerv1.ResetHeightsCommand{Height: r.Height, Until: r.Until, SeenAt: r.SeenAt, Count: r.Count,
		Operator: r.Operator, Reason: r.Reason, Signature: r.Signature[:], Ledgers: []byte(r.Ledgers)}
	if v := r.Network; v != (watermark.Version{}) {
		c.Network = &cosignerv1.NetworkVersion{Major: v.Major, Minor: v.Minor, Patch: v.Patch}
	}
	if r.Seen != (watermark.Seen{}) {
		c.Seen = &cosignerv1.HeightsSeen{From: r.From, Bits: []byte(r.Bits)}
	}
	if r.First != (watermark.Mark{}) {
		c.First = markToProto(r.First)
	}
	return c
}

func resetFromProto(r *cosignerv1.ResetHeightsCommand) (watermark.Reset, error) {
	if len(r.GetSignature()) != 64 {
		return watermark.Reset{}, fmt.Errorf("operator's signature of %d bytes", len(r.GetSignature()))
	}
	ledgers, err := watermark.ReadLedgers(r.GetLedgers())
	if err != nil {
		return watermark.Reset{}, fmt.Errorf("reset of the heights: %w", err)
	}
	return watermark.Reset{Height: r.GetHeight(), Until: r.GetUntil(), SeenAt: r.GetSeenAt(), Count: r.GetCount(),
		Network: watermark.Version{Major: r.GetNetwork().GetMajor(), Minor: r.GetNetwork().GetMinor(),
			Patch: r.GetNetwork().GetPatch()},
		Seen: watermark.Seen{From: r.GetSeen().GetFrom(), Bits: string(r.GetSeen().GetBits())}, Ledgers: ledgers,
		First: markFromProto(r.GetFirst()), Operator: r.GetOperator(), Reason: r.GetReason(),
		Signature: [64]byte(r.GetSignature())}, nil
}

// restoreResets puts back what a snapshot's header says of the founding, resets and reruns.
func (s *State) restoreResets(h *cosignerv1.SnapshotHeader) error {
	if h.Version < withResets && (h.LastReset != nil || len(h.Reruns) > 0) {
		return fmt.Errorf("resets in a snapshot of version %d", h.Version)
	}
	if h.Founded != nil {
		s.founded = markFromProto(h.Founded)
	}
	switch pruned := s.table.Pruned(); {
	case h.Founded != nil && h.Version < withResets:
		return fmt.Errorf("what the cluster was founded for in a snapshot of version %d", h.Version)
	case pruned.Max(s.founded) != pruned:
		return fmt.Errorf("a log founded for %+v that refuses less than what is below: %+v", s.founded, pruned)
	}
	if h.LastReset != nil {
		reset, err := resetFromProto(h.LastReset)
		if err != nil {
			return err
		}
		s.reset = reset
	}
	for _, r := range h.Reruns {
		if len(r.Chainspec) != len(casper.Hash{}) {
			return fmt.Errorf("chainspec hash of %d bytes", len(r.Chainspec))
		}
		if why := s.table.Rerun(r.Era, casper.Hash(r.Chainspec)); why != refusal.None {
			return fmt.Errorf("era %d is not to run again: %v", r.Era, why)
		}
	}
	return nil
}
