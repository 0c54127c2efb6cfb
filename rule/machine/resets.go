package machine

import (
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// LastReset returns the last reset of the heights; its Count is 0 if there was none. That an
// operator signed it is for each cosigner to verify, before its ledger follows: the log has no
// keys.
func (s *State) LastReset() watermark.Reset { return s.reset }

// Followed returns how often the heights were reset, and below what nothing is ever signed, by a
// cosigner whose ledger has made that many resets and has that floor. A reset that the ledger has
// not made, as one that no operator signed, takes nothing back: it does not count, and it does not
// lower the mark.
func (s *State) Followed(resets uint64, floor watermark.Mark) (uint64, watermark.Mark) {
	pruned := s.table.Pruned()
	if resets < s.reset.Count {
		pruned.Height = max(pruned.Height, floor.Height)
	}
	return min(resets, s.reset.Count), pruned
}

// resetHeights compares counts, so that of two operators' resets one is refused, and one that was
// recorded is never applied again. One that came to nothing, and that somebody kept, must not free
// later what was signed since: so it reaches no higher than what the operator saw, and it ages.
func (s *State) resetHeights(p Place, r ResetHeights) Result {
	if s.version < withResets { // Decode reads none
		return refused(refusal.UnknownCommand)
	}
	if r.Count != s.reset.Count+1 {
		return refused(refusal.ResetMoved)
	}
	if p.Stale(r.SeenAt) {
		return refused(refusal.Stale)
	}
	if s.table.Newest().Height > r.Newest {
		return refused(refusal.SignedSince)
	}
	if !s.table.ResetHeights(r.Height) {
		return refused(refusal.NothingAbove)
	}
	s.reset = r.Reset
	s.heights = Advance{At: r.At, Left: watermark.HeightBucket(0).Burst}
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
	return &cosignerv1.ResetHeightsCommand{Height: r.Height, Newest: r.Newest, SeenAt: r.SeenAt, Count: r.Count,
		Operator: r.Operator, Reason: r.Reason, Signature: r.Signature[:]}
}

func resetFromProto(r *cosignerv1.ResetHeightsCommand) (watermark.Reset, error) {
	if len(r.GetSignature()) != 64 {
		return watermark.Reset{}, fmt.Errorf("operator's signature of %d bytes", len(r.GetSignature()))
	}
	return watermark.Reset{Height: r.GetHeight(), Newest: r.GetNewest(), SeenAt: r.GetSeenAt(), Count: r.GetCount(),
		Operator: r.GetOperator(), Reason: r.GetReason(), Signature: [64]byte(r.GetSignature())}, nil
}

// restoreResets puts back what a snapshot's header says of resets and reruns.
func (s *State) restoreResets(h *cosignerv1.SnapshotHeader) error {
	if h.Version < withResets && (h.LastReset != nil || len(h.Reruns) > 0) {
		return fmt.Errorf("resets in a snapshot of version %d", h.Version)
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
