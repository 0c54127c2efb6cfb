package cosigner

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/watermark"
)

// attestRequest is what c1 would send to c2 for an attestation of m, which node A claimed.
func (a asking) attestRequest(m casper.Message) *cosignerv1.AttestRequest {
	a.t.Helper()
	message, err := m.AppendBinary(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return &cosignerv1.AttestRequest{Term: 7, Message: message, Node: "A", AskedAt: 9,
		RequestSignature: testSignature[:], Index: 12}
}

func holding(m casper.Message) attest.Holding {
	h, _ := attest.Of(m)
	return h
}

// TestAttestOnlyForWhatIsHeld: no attestation leaves, and no ledger takes a slot, but for what the
// own log holds: the rule of a share.
func TestAttestOnlyForWhatIsHeld(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  held.Answer
		want codes.Code
	}{
		{"held", held.Holds, codes.OK},
		{"another value", held.Other, codes.FailedPrecondition},
		{"not there", held.Absent, codes.Aborted},
		{"the term is over", held.Over, codes.Aborted},
		{"at another date", held.Redated, codes.FailedPrecondition},
	} {
		a := newAsking(t)
		m := echo(1, 1)
		var asked held.Claim
		a.hosts[1].held = ownLog{say: func(_ context.Context, c held.Claim) (held.Answer, error) {
			asked = c
			return tt.say, nil
		}}
		a.restart(1)
		_, err := a.server().Attest(a.ctx, a.attestRequest(m))
		wantCode(t, tt.name, err, tt.want)
		slot, _ := casper.SlotOf(m)
		if want := c1Asks(slot, m); asked != want {
			t.Errorf("%s: the log was asked for %+v, want %+v", tt.name, asked, want)
		}
		if err := a.hosts[1].ledger.Claim(slot, digest(1)); (err == nil) == (tt.want == codes.OK) {
			t.Errorf("%s: the ledger says %v to another value", tt.name, err)
		}
	}
}

// TestAttestRefusals: what gets no share gets no attestation; nor does what fills no slot of a
// round, and nothing where no node is stock.
func TestAttestRefusals(t *testing.T) {
	a := newAsking(t)
	for i, tt := range []struct {
		name  string
		ctx   context.Context // nil is c1
		spoil func(r *cosignerv1.AttestRequest)
		want  codes.Code
	}{
		{"no cosigner", t.Context(), nil, codes.PermissionDenied},
		{"older term", nil, func(r *cosignerv1.AttestRequest) { r.Term = 6 }, codes.Aborted},
		{"32 opaque bytes", nil, func(r *cosignerv1.AttestRequest) { r.Message = make([]byte, 32) }, codes.InvalidArgument},
		{"unknown node", nil, func(r *cosignerv1.AttestRequest) { r.Node = "C" }, codes.Unauthenticated},
		{"not signed by the node", nil, func(r *cosignerv1.AttestRequest) {
			r.RequestSignature = make([]byte, 64)
		}, codes.Unauthenticated},
		{"a height", nil, func(r *cosignerv1.AttestRequest) {
			r.Message, _ = finality(100).AppendBinary(nil)
		}, codes.InvalidArgument},
		{"a handshake", nil, func(r *cosignerv1.AttestRequest) {
			r.Message, _ = handshake(tlsPoint(t), tlsPoint(t), 1).AppendBinary(nil)
		}, codes.InvalidArgument},
	} {
		m := echo(100+uint32(i), 1)
		r, ctx := a.attestRequest(m), a.ctx
		if tt.spoil != nil {
			tt.spoil(r)
		}
		if tt.ctx != nil {
			ctx = tt.ctx
		}
		_, err := a.server().Attest(ctx, r)
		wantCode(t, tt.name, err, tt.want)
		slot, _ := casper.SlotOf(m)
		if err := a.hosts[1].ledger.Claim(slot, digest(1)); err != nil {
			t.Errorf("%s: the slot was claimed for a request that was refused: %v", tt.name, err)
		}
	}
	m := echo(1, 1)
	answer, err := a.server().Attest(a.ctx, a.attestRequest(m))
	if err != nil {
		t.Fatal(err)
	}
	given := attest.Attestation{Cosigner: "c2", Signature: [64]byte(answer.GetSignature())}
	if err := a.attesters().Verify(holding(m), given); err != nil {
		t.Error(err)
	}
	_, err = a.server().Attest(a.ctx, a.attestRequest(echo(1, 2)))
	wantCode(t, "another value", err, codes.FailedPrecondition)

	a.server().gate.Store(false)
	_, err = a.server().Attest(a.ctx, a.attestRequest(m))
	wantCode(t, "before the gate opens", err, codes.Unavailable)
	a.nodes = attest.Nodes{"A": false}
	a.restart(1)
	_, err = a.server().Attest(a.ctx, a.attestRequest(m))
	wantCode(t, "no stock node", err, codes.InvalidArgument)
}

// TestNoShareForStock: no handshake is signed for a stock node, and where all nodes are stock
// nothing is; what one claimed is signed for another one that holds no key.
func TestNoShareForStock(t *testing.T) {
	certificate := handshake(tlsPoint(t), tlsPoint(t), 1)
	for _, tt := range []struct {
		name  string
		nodes attest.Nodes
		m     casper.Message
		want  codes.Code
	}{
		{"its handshake", attest.Nodes{"A": true, "B": false}, certificate, codes.InvalidArgument},
		{"another's handshake", attest.Nodes{"A": false, "B": true}, certificate, codes.OK},
		{"its claim, for another", attest.Nodes{"A": true, "B": false}, echo(1, 1), codes.OK},
		{"its claim, for nobody", attest.Nodes{"A": true, "B": true}, echo(1, 1), codes.InvalidArgument},
	} {
		a := newAsking(t)
		a.nodes = tt.nodes
		a.restart(1)
		_, err := a.server().Share(a.ctx, a.request(tt.m))
		wantCode(t, tt.name, err, tt.want)
	}
}

// TestAttestNeverBeforeSync: an attestation leaves once the claim is on its cosigner's disk.
func TestAttestNeverBeforeSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 2, 3)
		gate := make(chan struct{})
		for i, h := range c.hosts {
			disk := &gatedDisk{disk: h.ledger.disk, gate: gate}
			l, err := openLedger(h.ledger.config(), disk)
			if err != nil {
				t.Fatal(err)
			}
			h.ledger.Ledger = l
			disk.shut.Store(true)
			c.restart(i)
		}
		q := c.lead()
		done := make(chan error)
		go func() { done <- c.attest(q, echo(1, 1)) }()
		time.Sleep(time.Second)
		for _, h := range c.hosts {
			if n := h.server.Stats().Attested; n != 0 {
				t.Errorf("%s gave %d attestations before its fsync", h.name, n)
			}
		}
		close(gate)
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(2 * heldWithin)
		for _, h := range c.hosts { // the third is not waited for, and has the slot all the same
			if n := h.server.Stats().Attested; n != 1 {
				t.Errorf("%s gave %d attestations", h.name, n)
			}
		}
	})
}

// attest has m attested, and checks what comes of it.
func (c *committee) attest(q *Quorum, m casper.Message) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*heldWithin/2)
	defer cancel()
	all, err := q.Attest(ctx, 1, watermark.Claim{Message: m, Node: "A", Signature: testSignature})
	if err != nil {
		return err
	}
	if len(all) != c.group.Threshold() {
		c.t.Errorf("%d attestations", len(all))
	}
	return c.attesters().Suffice(holding(m), all)
}

// TestQuorumAttests: as long as a threshold of cosigners say so, whatever the others do; one that
// is slow is not waited for, and what one makes up is not passed on.
func TestQuorumAttests(t *testing.T) {
	forge := func(signature []byte) { signature[0] ^= 1 }
	for _, tt := range []struct {
		name    string
		prepare func(c *committee)
		takes   time.Duration
		want    error
	}{
		{"all are well", func(*committee) {}, 0, nil},
		{"one is dead", func(c *committee) { c.hosts[1].set(func(h *host) { h.fault = dead }) }, 0, nil},
		{"one hangs", func(c *committee) { c.hosts[1].set(func(h *host) { h.fault = hung }) }, 0, nil},
		{"one forges", func(c *committee) { c.hosts[1].set(func(h *host) { h.spoil = forge }) }, 0, nil},
		{"one is slow", func(c *committee) { c.hosts[1].set(func(h *host) { h.fault = after(time.Second) }) }, 0, nil},
		{"two are slow", func(c *committee) {
			for _, one := range c.hosts[1:] {
				one.set(func(h *host) { h.fault = after(time.Second) })
			}
		}, time.Second, nil},
		{"two are dead", func(c *committee) {
			for _, one := range c.hosts[1:] {
				one.set(func(h *host) { h.fault = dead })
			}
		}, 0, ErrNoQuorum},
		{"one forges, one is dead", func(c *committee) {
			c.hosts[1].set(func(h *host) { h.spoil = forge })
			c.hosts[2].set(func(h *host) { h.fault = dead })
		}, 0, ErrNoQuorum},
		{"two hang", func(c *committee) {
			for _, one := range c.hosts[1:] {
				one.set(func(h *host) { h.fault = hung })
			}
		}, 3 * heldWithin / 2, context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCommittee(t, 2, 3)
				tt.prepare(c)
				start := time.Now()
				if err := c.attest(c.lead(), echo(1, 1)); !errors.Is(err, tt.want) {
					t.Errorf("%v, want %v", err, tt.want)
				}
				if took := time.Since(start); took != tt.takes {
					t.Errorf("it took %v, want %v", took, tt.takes)
				}
				time.Sleep(3 * heldWithin) // those that were left the time to answer
			})
		})
	}
}

// TestAttestOneValue: a value that a threshold attest shuts out the other, for both kinds of node.
func TestAttestOneValue(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		if err := c.attest(q, echo(1, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(heldWithin)
		var alarm *AlarmError
		if err := c.attest(q, echo(1, 2)); !errors.As(err, &alarm) || !errors.Is(err, ErrNoQuorum) {
			t.Errorf("another value was attested: %v", err)
		}
		wantIs(t, c.sign(q, echo(1, 2)), ErrNoQuorum)
		c.mustSign(q, echo(1, 1))

		c.mustSign(q, echo(2, 1))
		if err := c.attest(q, echo(2, 2)); !errors.Is(err, ErrNoQuorum) {
			t.Errorf("another value than what is signed was attested: %v", err)
		}
		if err := c.attest(q, echo(2, 1)); err != nil {
			t.Error(err)
		}
		time.Sleep(3 * heldWithin)
	})
}

// TestAttestOldMember: a member that does not know the call is named, with what to do.
func TestAttestOldMember(t *testing.T) {
	for _, code := range []codes.Code{codes.Unimplemented, codes.PermissionDenied} {
		synctest.Test(t, func(t *testing.T) {
			c := newCommittee(t, 2, 3)
			for _, one := range c.hosts[1:] {
				one.set(func(h *host) {
					h.fault = func(context.Context, string) error { return status.Error(code, "what is that?") }
				})
			}
			err := c.attest(c.lead(), echo(1, 1))
			if err == nil || !strings.Contains(err.Error(), "cosigner c2: ") ||
				!strings.Contains(err.Error(), "a release before this one knows no attestations") {
				t.Errorf("%v", err)
			}
		})
	}
}
