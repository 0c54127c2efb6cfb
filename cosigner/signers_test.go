package cosigner

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"casper-cosigner/cosigner/frost/edgroup"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

// asSigner is a commitment as it is passed on.
func asSigner(id uint32, c *cosignerv1.Commitment) *cosignerv1.SignerCommitment {
	return &cosignerv1.SignerCommitment{ShareId: id, Hiding: c.Hiding, Binding: c.Binding,
		HidingEighth: c.HidingEighth, BindingEighth: c.BindingEighth}
}

// old is what a leader of the release before would send.
func old(r *cosignerv1.ShareRequest) {
	for _, c := range r.Signers {
		c.HidingEighth, c.BindingEighth = nil, nil
	}
}

const order8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05" // a point of that order

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// twisted adds a point of order 8.
func twisted(point []byte) []byte {
	g := edgroup.Group{}
	p, torsion := g.Point(), g.Point()
	if err := errors.Join(p.UnmarshalBinary(point), torsion.UnmarshalBinary(unhex(order8))); err != nil {
		panic(err)
	}
	b, err := p.Add(p, torsion).MarshalBinary()
	if err != nil {
		panic(err)
	}
	return b
}

// TestShareSigners: which commitments are taken, theirs first, and ours second, in both forms.
func TestShareSigners(t *testing.T) {
	a := newAsking(t)
	nothing := make([]byte, 32)
	tests := []struct {
		name  string
		spoil func(theirs, ours *cosignerv1.SignerCommitment)
		old   bool // the form of the release before
		want  codes.Code
	}{
		{"both", func(_, _ *cosignerv1.SignerCommitment) {}, false, codes.OK},
		{"both", func(_, _ *cosignerv1.SignerCommitment) {}, true, codes.OK},
		{"one of each form", func(theirs, _ *cosignerv1.SignerCommitment) {
			theirs.HidingEighth, theirs.BindingEighth = nil, nil
		}, false, codes.OK},
		{"points beside eighths", func(theirs, ours *cosignerv1.SignerCommitment) {
			theirs.Hiding, ours.Binding = nothing, nothing
		}, false, codes.OK},
		{"another eighth of their point", func(theirs, _ *cosignerv1.SignerCommitment) {
			theirs.HidingEighth = twisted(theirs.HidingEighth)
		}, false, codes.OK},
		{"another eighth of our point", func(_, ours *cosignerv1.SignerCommitment) {
			ours.HidingEighth = twisted(ours.HidingEighth)
		}, false, codes.InvalidArgument},
		{"ours changed", func(theirs, ours *cosignerv1.SignerCommitment) {
			ours.HidingEighth = theirs.HidingEighth
		}, false, codes.InvalidArgument},
		{"ours changed", func(theirs, ours *cosignerv1.SignerCommitment) {
			ours.Binding = theirs.Binding
		}, true, codes.InvalidArgument},
		{"mixed order", func(theirs, _ *cosignerv1.SignerCommitment) {
			theirs.Hiding = twisted(theirs.Hiding)
		}, true, codes.InvalidArgument},
		{"small order", func(theirs, _ *cosignerv1.SignerCommitment) {
			theirs.Binding = unhex(order8)
		}, true, codes.InvalidArgument},
		{"small order", func(theirs, _ *cosignerv1.SignerCommitment) {
			theirs.BindingEighth = unhex(order8)
		}, false, codes.InvalidArgument},
		{"no point", func(theirs, _ *cosignerv1.SignerCommitment) { theirs.Hiding = nothing }, true, codes.InvalidArgument},
		{"short", func(theirs, _ *cosignerv1.SignerCommitment) {
			theirs.Hiding = theirs.Hiding[:31]
		}, true, codes.InvalidArgument},
		{"short", func(theirs, _ *cosignerv1.SignerCommitment) {
			theirs.BindingEighth = theirs.BindingEighth[:31]
		}, false, codes.InvalidArgument},
		{"one eighth of theirs", func(theirs, _ *cosignerv1.SignerCommitment) {
			theirs.BindingEighth = nil
		}, false, codes.InvalidArgument},
		{"one eighth of ours", func(_, ours *cosignerv1.SignerCommitment) {
			ours.HidingEighth = nil
		}, false, codes.InvalidArgument},
		{"empty", func(theirs, _ *cosignerv1.SignerCommitment) { theirs.Hiding = nil }, true, codes.InvalidArgument},
	}
	for i, tt := range tests {
		m := echo(100+uint32(i), 1)
		r := a.request(m)
		if tt.old {
			old(r)
		}
		tt.spoil(r.Signers[0], r.Signers[1])
		_, err := a.server().Share(a.ctx, r)
		wantCode(t, tt.name, err, tt.want)
		if slot, _ := casper.SlotOf(m); tt.want != codes.OK && a.hosts[1].ledger.Claim(slot, digest(1)) != nil {
			t.Errorf("%s: the slot was claimed for a request that was refused", tt.name)
		}
	}
}

// TestSignersAreBounded: a list is not decoded that no session could be of.
func TestSignersAreBounded(t *testing.T) {
	a := newAsking(t)
	r := a.request(echo(1, 1))
	for range 100 {
		r.Signers = append(r.Signers, r.Signers[0])
	}
	own, ok := a.server().nonces.commitment(recipient{"c1", 1}, r.CommitmentIndex, time.Now())
	if !ok {
		t.Fatal("no such commitment")
	}
	_, err := parseSigners(a.group, r.Signers, own)
	wantCode(t, "103 signers", err, codes.InvalidArgument)
	if err == nil || !strings.Contains(err.Error(), "102 signers, there are 3 shares") {
		t.Errorf("refused for another reason: %v", err)
	}
}

// TestReleasesMix: a leader signs with a cosigner of the release before, which sends points only,
// beside one that sends eighths, and each is passed on as it came.
func TestReleasesMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 3, 4)
		c.hosts[1].old = true
		q, stop := c.leadFilled()
		defer stop()
		c.mustSign(q, echo(7, 1))
		if c.hosts[1].called("Share") != 1 || c.hosts[2].called("Share") != 1 {
			t.Error("it was not made by both")
		}
	})
}
