package signer

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// A node makes two handshakes a peer when it starts, and few later. The bound keeps a hostile
// one from grinding: a certificate is a signature of 32 bytes without domain separation
// (package tlspoint).
const (
	handshakesPerSecond = 50
	handshakeBurst      = 1000
	certifyWithin       = 2 * time.Second // as long as a node waits for one answer
)

// certify signs a handshake certificate for a node that registered the TLS point at its own end,
// which admit has seen to. It has no slot, since it cannot equivocate. Who sends one request again
// and again, as a cosigner that it passed through can, uses up nothing of the node's, and by giving
// up spoils nothing for it: a round that all share waits for none of them.
func (s *Signer) certify(ctx context.Context, term uint64, request watermark.Claim) (Answer, error) {
	digest := casper.Digest(request.Message)
	certified := s.flight.DoChan(string(digest[:]), func() (any, error) {
		if signature, ok := s.signatures.get(digest, request.Message, s.Validator); ok {
			return signature, nil
		}
		if !s.limiter(request.Node).AllowN(s.Now(), 1) {
			return nil, refuse(refusal.TooMany, "more than %d handshakes a second", handshakesPerSecond)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), certifyWithin)
		defer cancel()
		signature, err := s.Quorum.Sign(ctx, term, request)
		if err != nil {
			return nil, fmt.Errorf("signing a handshake: %w: %w", err, ErrUnavailable)
		}
		s.signatures.put(digest, signature)
		return signature, nil
	})
	select {
	case c := <-certified:
		if c.Err != nil {
			return Answer{}, c.Err
		}
		return Answer{Message: request.Message, Signature: c.Val.(casper.Signature)}, nil
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("signing a handshake: %w: %w", ctx.Err(), ErrUnavailable)
	}
}

func (s *Signer) limiter(node string) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.handshakes[node]
	if l == nil {
		l = rate.NewLimiter(handshakesPerSecond, handshakeBurst)
		s.handshakes[node] = l
	}
	return l
}

// Registration is a node's request to take the TLS point with which it has just started.
type Registration struct {
	Node      string
	Point     casper.TLSPoint
	AskedAt   uint64 // index of the log, 0 if it does not say
	Signature [64]byte
}

// Register takes a node's TLS point. The error is a *Refusal or wraps ErrUnavailable.
//
// One that was kept back is refused here alone, and not by the log: with some of them a cosigner on
// the way could have the node's present point forgotten, but one that leads could do so without.
func (s *Signer) Register(ctx context.Context, r Registration) error {
	if !s.Log.Leader().Self {
		return unserved(refusal.NotLeading)
	}
	if !r.Point.Valid() {
		return refuse(refusal.Malformed, "tls_point is not a compressed P-521 point")
	}
	if err := s.VerifyRegistration(r.Node, r.Point, r.AskedAt, r.Signature); err != nil {
		return refuse(refusal.BadSignature, "%v", err)
	}
	if s.suspended(r.Node) {
		return unserved(refusal.Suspended)
	}
	if s.registered(r.Node, r.Point) {
		return nil
	}
	if s.Log.Next().Stale(r.AskedAt) {
		return unserved(refusal.Stale)
	}
	c := machine.Register{Node: r.Node, Point: r.Point, At: s.Now().UnixMilli()}
	var result machine.Result
	s.Log.View(func(m *machine.State) { result = m.CheckRegistration(c) })
	if result.Outcome == machine.Done { // what the log would refuse is not worth an entry
		var err error
		if result, err = s.Log.Apply(ctx, c); err != nil {
			return fmt.Errorf("registering a TLS point of node %q: %w: %w", r.Node, err, ErrUnavailable)
		}
	}
	if result.Outcome != machine.Done {
		return unserved(result.Why)
	}
	return nil
}
