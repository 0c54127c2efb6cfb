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

// heldBy is what the log and then the ledger are asked about: by as many resets of the heights as
// the ledger has made now.
func (s *Server) heldBy(a asked, slot casper.Slot, m casper.Message) held.Claim {
	return held.Claim{Asker: a.caller, Term: a.GetTerm(), Index: a.GetIndex(), Slot: slot, Message: m,
		Node: a.GetNode(), AskedAt: a.GetAskedAt(), Resets: s.config.Ledger.Resets()}
}

// await returns nil once our own log holds the message for its slot.
func (s *Server) await(ctx context.Context, c held.Claim) error {
	ctx, cancel := context.WithTimeout(ctx, heldWithin)
	defer cancel()
	answer, err := s.config.Held.Await(ctx, c)
	switch {
	case err != nil:
		return status.Errorf(codes.Unavailable, "our log does not hold %v yet, at entry %d of term %d, or this ledger has "+
			"not followed a reset of the heights: %v", c.Slot, c.Index, c.Term, err)
	case answer == held.Holds:
		return nil
	case answer == held.Other:
		return status.Errorf(codes.FailedPrecondition, "our log holds another message for %v", c.Slot)
	case answer == held.Redated:
		return status.Errorf(codes.FailedPrecondition, "our log holds this message for %v by another request than that of "+
			"node %q at entry %d: whoever leads made one of the two up", c.Slot, c.Node, c.AskedAt)
	case answer == held.Over:
		return status.Errorf(codes.Aborted, "term %d is over", c.Term)
	}
	return status.Errorf(codes.Aborted, "our log holds nothing for %v, up to entry %d of term %d",
		c.Slot, c.Index, c.Term)
}
