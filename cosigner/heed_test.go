package cosigner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
)

// learns has a host know nobody who leads for so long, and then that the first one does.
func (h *host) learns(in time.Duration) {
	start := time.Now()
	h.set(func(h *host) {
		h.lead = func() held.Lead {
			lead := held.Lead{Term: h.term.Load()}
			if time.Since(start) >= in {
				lead.Name = "c1"
			}
			return lead
		}
	})
}

// TestFollowerUsesNoNonce: a cosigner that follows gets no share, of a handshake as of what the log
// holds, and burns no nonce. It gets commitments, to lead with one day, and attestations, which
// take no nonce.
func TestFollowerUsesNoNonce(t *testing.T) {
	a := newAsking(t)
	c3 := context.WithValue(t.Context(), callerKey{}, "c3")
	for _, m := range []casper.Message{echo(1, 1), handshake(tlsPoint(t), tlsPoint(t), 1)} {
		theirs, err := a.server().Commit(c3, &cosignerv1.CommitRequest{Count: 1, ShareEpoch: 1})
		if err != nil {
			t.Fatal(err)
		}
		r := a.request(m)
		r.SessionId, r.CommitmentIndex = theirs.SessionId, theirs.Commitments[0].Index
		r.Signers[1] = asSigner(2, theirs.Commitments[0])
		_, err = a.server().Share(c3, r)
		wantCode(t, "it follows", err, codes.Aborted)
		a.hosts[1].set(func(h *host) { h.lead = func() held.Lead { return held.Lead{Name: "c3", Term: 7} } })
		if _, err := a.server().Share(c3, r); err != nil {
			t.Errorf("the same once it leads: %v", err)
		}
		a.hosts[1].set(func(h *host) { h.lead = nil })
	}
	if _, err := a.server().Attest(c3, a.attestRequest(echo(2, 1))); err != nil {
		t.Errorf("an attestation: %v", err)
	}
}

// TestHeedsOnceItKnows: a new leader may ask before its first append came. It is answered as soon
// as that did, and told to come again if it does not.
func TestHeedsOnceItKnows(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		want  codes.Code
	}{{0, codes.OK}, {100 * time.Millisecond, codes.OK}, {heedWithin + time.Second, codes.Unavailable}} {
		synctest.Test(t, func(t *testing.T) {
			a := newAsking(t)
			r := a.request(echo(1, 1))
			a.hosts[1].learns(tt.after)
			start := time.Now()
			_, err := a.server().Share(a.ctx, r)
			wantCode(t, tt.after.String(), err, tt.want)
			if took := time.Since(start); took > min(tt.after, heedWithin)+heedEvery {
				t.Errorf("known after %v, answered after %v", tt.after, took)
			}
		})
	}
}

// TestQuorumGoesOnUnheeded: a follower that does not know its leader yet costs no signature:
// another one is asked, and if none knows it, the first that does answers.
func TestQuorumGoesOnUnheeded(t *testing.T) {
	for name, unknowing := range map[string]int{"one": 1, "both": 2} {
		t.Run(name, func(t *testing.T) {
			stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
				const known, hedged = 60 * time.Millisecond, 21 * time.Millisecond
				for _, h := range c.hosts[1 : 1+unknowing] {
					h.learns(known)
				}
				start, limit := time.Now(), hedged
				if unknowing == 2 {
					limit = known + heedEvery
				}
				c.mustSign(q, echo(1, 1))
				if took := time.Since(start); took > limit {
					t.Errorf("it took %v, want %v at most", took, limit)
				}
			})
		})
	}
}
