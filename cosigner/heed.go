package cosigner

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/rule/held"
)

// How long whoever asks may be ahead of what our Raft knows of its term, and how often we look
// again. A new leader's first append is on its way to us when it is elected.
const (
	heedWithin = heldWithin
	heedEvery  = 5 * time.Millisecond
)

// heed returns nil if a nonce may be used for whoever asks, as the leader of a term that it names.
// Commitments are handed out to all: each cosigner has those of the others in hand before it leads.
// To attest takes no nonce.
func (s *Server) heed(ctx context.Context, asker string, term uint64) error {
	lead, answer := s.heeds(asker, term)
	if answer == held.Waits {
		if lead, answer = s.heedLater(ctx, asker, term); answer == held.Waits {
			return status.Errorf(codes.Unavailable, "cosigner %s asks in term %d, and this is term %d, which %q leads",
				asker, term, lead.Term, lead.Name)
		}
	}
	if answer == held.Holds {
		return nil
	}
	return status.Errorf(codes.Aborted, "cosigner %s asks as the leader of term %d, and this is term %d, which %q leads",
		asker, term, lead.Term, lead.Name)
}

func (s *Server) heeds(asker string, term uint64) (held.Lead, held.Answer) {
	lead := s.config.Lead()
	return lead, lead.Heeds(s.config.Name, asker, term)
}

// heedLater looks again until it is known who leads, or ctx or the time is over.
func (s *Server) heedLater(ctx context.Context, asker string, term uint64) (lead held.Lead, answer held.Answer) {
	ctx, cancel := context.WithTimeout(ctx, heedWithin)
	defer cancel()
	again := time.NewTicker(heedEvery)
	defer again.Stop()
	for {
		if lead, answer = s.heeds(asker, term); answer != held.Waits {
			return lead, answer
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return lead, answer
		}
	}
}
