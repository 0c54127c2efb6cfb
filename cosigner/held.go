package cosigner

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
)

// heldWithin is how long a request waits for our log. One that was sent by whoever leads comes a
// few entries early at most, or is for a claim of an earlier term, which is applied a moment later.
const heldWithin = time.Second

// Held is what this cosigner's own copy of the log holds.
type Held interface {
	// Await must return held.Holds only by the rule of package held, over what is on this
	// cosigner's disk. It returns once the answer is settled, and an error if ctx ends before.
	Await(ctx context.Context, c held.Claim) (held.Answer, error)
	// Applied must return the index of an entry up to which all is applied here.
	Applied() uint64
}

// await returns nil once our own log holds the message for its slot.
func (s *Server) await(ctx context.Context, a asked, slot casper.Slot, m casper.Message) error {
	ctx, cancel := context.WithTimeout(ctx, heldWithin)
	defer cancel()
	r := a.claimed
	answer, err := s.config.Held.Await(ctx,
		held.Claim{Asker: a.caller, Term: r.GetTerm(), Index: r.GetIndex(), Slot: slot, Message: m})
	switch {
	case err != nil:
		return status.Errorf(codes.Unavailable, "our log does not hold %v yet, at entry %d of term %d: %v",
			slot, r.GetIndex(), r.GetTerm(), err)
	case answer == held.Holds:
		return nil
	case answer == held.Other:
		return status.Errorf(codes.FailedPrecondition, "our log holds another message for %v", slot)
	case answer == held.Over:
		return status.Errorf(codes.Aborted, "term %d is over", r.GetTerm())
	}
	return status.Errorf(codes.Aborted, "our log holds nothing for %v, up to entry %d of term %d",
		slot, r.GetIndex(), r.GetTerm())
}
