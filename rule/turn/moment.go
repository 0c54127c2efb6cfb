package turn

import "casper-cosigner/rule/refusal"

// Follower is what a cosigner that does not lead knows when a request comes in.
type Follower struct {
	Forwarded bool // another cosigner passed the request on to it
	Steady    bool // its process was not just paused
	Leader    bool // it knows of another cosigner that leads, and reaches it
}

// Against returns what stands against passing the request on to the leader; None if nothing does.
// After a pause what piled up is not passed on: its askers may have given up, and to the leader it
// would look fresh.
func (f Follower) Against() refusal.Reason {
	switch {
	case f.Forwarded: // one hop, or requests would go round while nobody leads
		return refusal.NotLeading
	case !f.Steady:
		return refusal.Paused
	case !f.Leader:
		return refusal.NoLeader
	}
	return refusal.None
}

// Moment is what holds in the moment before a claim is proposed.
type Moment struct {
	Quorum bool // commitments of enough cosigners are in hand, or without shares enough could attest
	Asker  bool // the asker waits still, as far as this process has heard
	Steady bool // this process was not just paused
}

// Against returns what stands against the claim; None if nothing does. It is asked last of all: a
// signer that was paused must not work off its backlog and bind slots to messages that nobody waits
// for any more. From then on the claim may be in the log, whatever becomes of us or of the asker.
func (m Moment) Against() refusal.Reason {
	switch {
	case !m.Quorum:
		return refusal.NoQuorum
	case !m.Asker:
		return refusal.AskerGone
	case !m.Steady:
		return refusal.Paused
	}
	return refusal.None
}
