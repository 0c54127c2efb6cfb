package signer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

// newMixed returns a rig whose node-b is stock.
func newMixed(t *testing.T) *rig {
	return newRig(t, func(c *Config) { c.Nodes = attest.Nodes{"node-a": false, "node-b": true} })
}

// claims has a node claim a message, to sign it itself.
func (r *rig) claims(node string, m casper.Message) (Answer, error) {
	r.t.Helper()
	at := r.log.Next().Index - 1
	return r.Attest(r.t.Context(),
		watermark.Claim{Message: m, Node: node, AskedAt: at, Signature: r.cluster.Dated(r.t, node, m, at)})
}

// TestMixedPair: one way of claiming for both kinds of node: what either bound, the other is
// answered with, each in its own form.
func TestMixedPair(t *testing.T) {
	r := newMixed(t)
	wantAttested := func(asked, held casper.Message) {
		t.Helper()
		a, err := r.claims("node-b", asked)
		if err != nil || a.Message != held || len(a.Attestations) == 0 || a.Signature != (casper.Signature{}) {
			t.Errorf("claimed %v: got %v, %v; want attestations of %v and no signature", asked, a, err, held)
		}
	}
	wantAttested(vote(10, 0, true), vote(10, 0, true))
	a, err := r.ask(t.Context(), "node-a", vote(10, 0, false))
	if err != nil || a.Message != casper.Message(vote(10, 0, true)) || a.Attestations != nil ||
		!r.cluster.File.Validator.Verify(vote(10, 0, true), a.Signature) {
		t.Errorf("got %v, %v; want what the stock node bound, signed", a, err)
	}
	r.mustSign("node-a", echo(10, 1, 1))
	wantAttested(echo(10, 1, 2), echo(10, 1, 1))
	wantAttested(echo(10, 1, 1), echo(10, 1, 1))
	if r.log.claims() != 2 {
		t.Errorf("%d entries for two slots", r.log.claims())
	}
}

// TestClaimRefusals: a claim is refused for what a request for a signature is, in both modes; and a
// node of one kind gets nothing of the other.
func TestClaimRefusals(t *testing.T) {
	r := newMixed(t)
	_, err := r.ask(t.Context(), "node-b", vote(10, 0, true))
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED)
	_, err = r.claims("node-a", vote(10, 0, true))
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED)
	_, err = r.claims("node-b", block(1000, 1))
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED)
	_, err = r.claims("node-b", echo(9, 0, 1))
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR)
	_, err = r.claims("node-b", echo(13, 0, 1))
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD)
	_, err = r.Attest(t.Context(), watermark.Claim{Message: vote(10, 0, true), Node: "node-b", AskedAt: 1})
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE)
	change := func(c machine.Command) {
		t.Helper()
		if res, err := r.log.Apply(t.Context(), c); err != nil || res.Outcome != machine.Done {
			t.Fatal(res, err)
		}
	}
	change(machine.SetMode{Mode: failover.Fenced, Change: failover.Change{Epoch: 0}})
	_, err = r.claims("node-b", vote(10, 0, true))
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE)
	change(machine.Activate{Node: "node-b", Change: failover.Change{Epoch: 1}})
	if a, err := r.claims("node-b", vote(10, 0, true)); err != nil || len(a.Attestations) == 0 {
		t.Errorf("active: got %v, %v", a, err)
	}
	change(machine.Suspend{Node: "node-b", Suspended: true, Change: failover.Change{Epoch: 2}})
	_, err = r.claims("node-b", vote(10, 1, true))
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_SUSPENDED)
	if r.quorum.attested != 1 || r.quorum.rounds != 0 {
		t.Errorf("%d rounds of attestations, %d of shares", r.quorum.attested, r.quorum.rounds)
	}
}

// TestClaimWithoutAttestations: what is claimed and not attested is not granted, stays bound, and
// is granted once it is attested.
func TestClaimWithoutAttestations(t *testing.T) {
	r := newMixed(t)
	r.mustSign("node-a", vote(10, 0, true))
	r.quorum.mu.Lock()
	r.quorum.fail = errors.New("nobody is there")
	r.quorum.mu.Unlock()
	if a, err := r.claims("node-b", vote(10, 0, true)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, %v", a, err)
	}
	r.quorum.mu.Lock()
	r.quorum.fail = nil
	r.quorum.mu.Unlock()
	if _, err := r.claims("node-b", vote(10, 0, true)); err != nil {
		t.Error(err)
	}
}

// claimsLeader is another cosigner to which claims are passed on.
type claimsLeader struct{ forwarded int }

func (c *claimsLeader) Claim(_ context.Context, r *cosignerv1.ClaimRequest,
	_ ...grpc.CallOption) (*cosignerv1.ClaimResponse, error) {
	if r.GetForwarded() {
		c.forwarded++
	}
	return &cosignerv1.ClaimResponse{DecidedBy: "cosigner-1"}, nil
}

// newServedClaims returns a server of a cluster whose node-a is stock.
func newServedClaims(t *testing.T) (*served, *claimsLeader) {
	s, leader := newServed(t), &claimsLeader{}
	s.rig.Nodes = attest.Nodes{"node-a": true}
	s.PeerClaims = func(name string) (cosignerv1.ClaimServiceClient, bool) { return leader, name == "cosigner-1" }
	return s, leader
}

func (s *served) claim(m casper.Message) *cosignerv1.ClaimRequest {
	signed, r := s.request(m), wire.Claim(m)
	r.Node, r.RequestSignature = signed.GetNode(), signed.GetRequestSignature()
	r.AskedAt, r.DatedSignature = signed.GetAskedAt(), signed.GetDatedSignature()
	return r
}

// TestClaimAnswers: each of the three answers, as it travels.
func TestClaimAnswers(t *testing.T) {
	s, _ := newServedClaims(t)
	yes, no := vote(10, 0, true), vote(10, 0, false)
	digest := casper.Digest(yes)
	r, err := s.Claim(t.Context(), s.claim(yes))
	if err != nil || r.GetDecidedBy() != "cosigner-2" || casper.Hash(r.GetGranted().GetDigest()) != digest ||
		len(r.GetGranted().GetAttestations()) != 1 {
		t.Errorf("got %v, %v; want it granted", r, err)
	}
	r, err = s.Claim(t.Context(), s.claim(no))
	held, heldErr := wire.Else(r.GetHeldElse())
	if err != nil || heldErr != nil || held != casper.Message(yes) || len(r.GetHeldElse().GetAttestations()) != 1 {
		t.Errorf("got %v, %v; want the held vote", r, err)
	}
	for name, c := range map[string]struct {
		edit func(*cosignerv1.ClaimRequest)
		want cosignerv1.RefusalReason
	}{
		"empty": {func(r *cosignerv1.ClaimRequest) { r.Message = nil },
			cosignerv1.RefusalReason_REFUSAL_REASON_MALFORMED},
		"no signature": {func(r *cosignerv1.ClaimRequest) { r.DatedSignature = nil },
			cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE},
		"no date": {func(r *cosignerv1.ClaimRequest) { r.AskedAt = 0 },
			cosignerv1.RefusalReason_REFUSAL_REASON_STALE},
		"changed after signing": {func(r *cosignerv1.ClaimRequest) { r.GetZugVote().Value = true },
			cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE},
	} {
		request := s.claim(vote(10, 1, false))
		c.edit(request)
		if r, err := s.Claim(t.Context(), request); err != nil || r.GetRefused().GetReason() != c.want {
			t.Errorf("%s: got %v, %v; want %v", name, r, err, c.want)
		}
	}
}

// TestClaimOneHop: a follower passes a claim on once, and takes one from the node itself or from a
// cosigner that passes it on only.
func TestClaimOneHop(t *testing.T) {
	s, leader := newServedClaims(t)
	s.rig.log.follower = true
	if r, err := s.Claim(t.Context(), s.claim(vote(10, 0, true))); err != nil || r.GetDecidedBy() != "cosigner-1" ||
		leader.forwarded != 1 {
		t.Errorf("got %v, %v; want the leader's answer", r, err)
	}
	s.caller = cluster.Member{Name: "cosigner-3", Role: cluster.Cosigner}
	r := s.claim(vote(10, 0, true))
	if _, err := s.Claim(t.Context(), r); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a cosigner on its own: %v", err)
	}
	r.Forwarded = true
	if _, err := s.Claim(t.Context(), r); status.Code(err) != codes.Unavailable || leader.forwarded != 1 {
		t.Errorf("passed on twice: %v", err)
	}
	if s.rig.log.claims() != 0 {
		t.Error("a follower claimed")
	}
}

// TestSignedAlready: a message that was signed before anybody was asked is granted to a passive
// node, if its very signature by the validator's key came with the claim; without that, with
// another one, or where another cosigner added it, the node is refused as ever; and no further
// ahead than ever.
func TestSignedAlready(t *testing.T) {
	s, _ := newServedClaims(t)
	s.rig.desk.Preference.Passive = []string{"node-a"}
	if r, err := s.rig.log.Apply(t.Context(), machine.Activate{Node: "node-b"}); err != nil || r.Outcome != machine.Done {
		t.Fatal(r, err)
	}
	signed := func(m casper.Message) []byte {
		return ed25519.Sign(s.rig.quorum.key, m.SignBytes())
	}
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	yes, far := vote(10, 5, true), vote(13, 0, true)
	plain, passive := signed(yes), cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE
	for name, c := range map[string]struct {
		m     casper.Message
		proof []byte
		want  cosignerv1.RefusalReason
	}{
		"no signature":         {yes, nil, passive},
		"one that is short":    {yes, plain[:63], passive},
		"a bit":                {yes, []byte{1}, passive},
		"another value's":      {yes, signed(vote(10, 5, false)), passive},
		"another round's":      {yes, signed(vote(10, 4, true)), passive},
		"another key's":        {yes, ed25519.Sign(stranger, yes.SignBytes()), passive},
		"its own, but far off": {far, signed(far), cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD},
	} {
		r := s.claim(c.m)
		r.SignedAlready = c.proof
		if a, err := s.Claim(t.Context(), r); err != nil || a.GetRefused().GetReason() != c.want {
			t.Errorf("%s: got %v, %v; want %v", name, a, err, c.want)
		}
	}
	r := s.claim(yes)
	r.SignedAlready = plain
	if a, err := s.Claim(t.Context(), r); err != nil || a.GetGranted() == nil {
		t.Errorf("its own: got %v, %v; want it granted", a, err)
	}
}
