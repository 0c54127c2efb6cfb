package wire

import (
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// evidence tells what a node holds for the proof of a fault, nil if nothing is to be told.
func evidence(e failover.Evidence) *cosignerv1.FaultEvidence {
	if (e == failover.Evidence{}) {
		return nil
	}
	out := &cosignerv1.FaultEvidence{Error: e.Error}
	for _, b := range e.Ballots {
		if (b == casper.Ballot{}) {
			continue
		}
		out.Ballots = append(out.Ballots, ToldBallot(b))
	}
	return out
}

// ToldBallot tells a ballot.
func ToldBallot(b casper.Ballot) *cosignerv1.Ballot {
	told := &cosignerv1.Ballot{Instance: b.Instance[:], Validator: b.Validator, Round: b.Round,
		Signature: b.Signature[:], Content: &cosignerv1.Ballot_Echo{Echo: b.Value[:]}}
	if b.Kind == casper.KindVote {
		told.Content = &cosignerv1.Ballot_Vote{Vote: b.Value[0] == 1}
	}
	return told
}

// toldEvidence is the inverse of evidence. What is no ballot counts as not told.
func toldEvidence(in *cosignerv1.FaultEvidence) (e failover.Evidence) {
	e.Error = in.GetError()
	for i, told := range in.GetBallots() {
		if b, ok := Ballot(told); ok && i < len(e.Ballots) {
			e.Ballots[i] = b
		}
	}
	return e
}

// Ballot reads a ballot that is told; false if it is none.
func Ballot(in *cosignerv1.Ballot) (b casper.Ballot, ok bool) {
	b.Validator, b.Round = in.GetValidator(), in.GetRound()
	ok = len(in.GetInstance()) == len(b.Instance) && len(in.GetSignature()) == len(b.Signature)
	copy(b.Instance[:], in.GetInstance())
	copy(b.Signature[:], in.GetSignature())
	switch c := in.GetContent().(type) {
	case *cosignerv1.Ballot_Echo:
		b.Kind = casper.KindEcho
		ok = ok && len(c.Echo) == len(b.Value)
		copy(b.Value[:], c.Echo)
	case *cosignerv1.Ballot_Vote:
		if b.Kind = casper.KindVote; c.Vote {
			b.Value[0] = 1
		}
	default:
		ok = false
	}
	return b, ok
}
