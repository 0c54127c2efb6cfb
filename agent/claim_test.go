package agent_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/agent"
	"casper-cosigner/cluster/clustertest"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/lead"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/wire"
)

// stockRig is the agent of a stock node, and cosigners that answer as told.
type stockRig struct {
	*agent.Agent
	cluster   *clustertest.Cluster
	cosigners []*attester
	told      []told
	lied      []string
	answers   []*cosignerv1.SignResponse
	signed    []casper.Ballot
}

// attester is a cosigner that answers claims.
type attester struct {
	asked   int
	last    *cosignerv1.ClaimRequest
	answers func(*cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error)
}

func (a *attester) Claim(_ context.Context, r *cosignerv1.ClaimRequest,
	_ ...grpc.CallOption) (*cosignerv1.ClaimResponse, error) {
	a.asked++
	a.last = r
	return a.answers(r)
}

func newStockRig(t *testing.T, stock bool) *stockRig {
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &stockRig{cluster: clustertest.New(t, casper.PublicKey(public), nil)}
	f, key := r.cluster.File, r.cluster.Keys["node-a"]
	c := agent.Config{Name: "node-a", Validator: f.Validator, Nodes: attest.Nodes{"node-a": stock, "node-b": !stock},
		Attesters:   r.cluster.File.Attesters(),
		SignRequest: func(m casper.Message, at uint64) ([64]byte, error) { return f.SignRequest(key, "node-a", m, at) },
		Position:    func() (uint64, bool) { return 7, true },
		Lied:        func(name string) { r.lied = append(r.lied, name) },
		Steady:      func() bool { return true }, Nudge: func() {}, Observe: func(string, error, time.Duration) {},
		Granted: func(b casper.Ballot) { r.signed = append(r.signed, b) },
		Asked: func(m casper.Message, answer *cosignerv1.SignResponse) {
			r.told = append(r.told, told{m, answer != nil})
			r.answers = append(r.answers, answer)
		}}
	for _, e := range f.Cosigners {
		one := &attester{answers: func(*cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) {
			return r.granted(vote, "cosigner-1", "cosigner-2"), nil
		}}
		r.cosigners = append(r.cosigners, one)
		c.Cosigners = append(c.Cosigners, agent.Cosigner{Name: e.Name, Claims: one})
	}
	r.Agent = agent.New(c)
	return r
}

// by are the named cosigners' attestations that the message's slot holds it.
func (r *stockRig) by(m casper.Message, names ...string) (all []attest.Attestation) {
	h, _ := attest.Of(m)
	for _, name := range names {
		all = append(all, r.cluster.File.Attesters().Sign(r.cluster.Keys[name], name, h))
	}
	return all
}

func (r *stockRig) granted(m casper.Message, by ...string) *cosignerv1.ClaimResponse {
	return &cosignerv1.ClaimResponse{DecidedBy: "cosigner-1",
		Answer: &cosignerv1.ClaimResponse_Granted{Granted: wire.Granted(m, r.by(m, by...))}}
}

func heldElse(m casper.Message, all []attest.Attestation) *cosignerv1.ClaimResponse {
	return &cosignerv1.ClaimResponse{DecidedBy: "cosigner-1",
		Answer: &cosignerv1.ClaimResponse_HeldElse{HeldElse: wire.HeldElse(m, all)}}
}

func (r *stockRig) claim(t *testing.T, m casper.Message) (*cosignerv1.ClaimResponse, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return r.Claim(ctx, wire.Claim(m))
}

// TestClaimIsSigned: what leaves is signed by the node's key as a request for a signature is, under
// the node's name, whatever the socket's client wrote.
func TestClaimIsSigned(t *testing.T) {
	r := newStockRig(t, true)
	request := wire.Claim(vote)
	request.Node, request.Forwarded, request.RequestSignature = "node-b", true, []byte("forged")
	if answer, err := r.Claim(t.Context(), request); err != nil || answer.GetGranted() == nil {
		t.Fatal(answer, err)
	}
	sent := r.cosigners[0].last
	verify := r.cluster.File.Verifier().VerifyRequest
	if err := verify("node-a", vote, 7, [64]byte(sent.GetDatedSignature())); err != nil || sent.GetAskedAt() != 7 ||
		sent.GetNode() != "node-a" || sent.GetForwarded() {
		t.Errorf("sent %v: %v", sent, err)
	}
	if !slices.Equal(r.told, []told{{vote, true}}) || r.answers[0].GetSigned() == nil {
		t.Errorf("told %v", r.told)
	}
}

// TestSignatureIsKept: of what an old unit file holds the signature is passed on, and kept if that
// was granted.
func TestSignatureIsKept(t *testing.T) {
	r := newStockRig(t, true)
	request := wire.Claim(vote)
	if answer, err := r.Claim(t.Context(), request); err != nil || answer.GetGranted() == nil {
		t.Fatal(answer, err)
	}
	request.SignedAlready = slices.Repeat([]byte{7}, 64)
	if answer, err := r.Claim(t.Context(), request); err != nil || answer.GetGranted() == nil {
		t.Fatal(answer, err)
	}
	want, _ := casper.BallotOf(vote)
	want.Signature = casper.Signature(request.SignedAlready)
	if !slices.Equal(r.signed, []casper.Ballot{want}) ||
		!slices.Equal(r.cosigners[0].last.GetSignedAlready(), request.SignedAlready) {
		t.Errorf("kept %v; a cosigner was told %x", r.signed, r.cosigners[0].last.GetSignedAlready())
	}
	other := vote
	other.Value = !vote.Value
	r.cosigners[0].answers = func(*cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) {
		return heldElse(other, r.by(other, "cosigner-1", "cosigner-2")), nil
	}
	if answer, err := r.Claim(t.Context(), request); err != nil || answer.GetHeldElse() == nil || len(r.signed) != 1 {
		t.Errorf("%v, %v: kept %v", answer, err, r.signed)
	}
}

// TestLeaderGrantsNothing: what is not attested by a threshold of different cosigners is not
// granted, nor taken for another value's; another cosigner is asked.
func TestLeaderGrantsNothing(t *testing.T) {
	other, later := vote, vote
	other.Value = false
	later.ID++
	echo := casper.Echo{Round: vote.Round}
	grant := func(m casper.Message, all []attest.Attestation) *cosignerv1.ClaimResponse {
		return &cosignerv1.ClaimResponse{DecidedBy: "cosigner-1",
			Answer: &cosignerv1.ClaimResponse_Granted{Granted: wire.Granted(m, all)}}
	}
	for name, lie := range map[string]func(r *stockRig) *cosignerv1.ClaimResponse{
		"without attestations": func(*stockRig) *cosignerv1.ClaimResponse { return grant(vote, nil) },
		"by the leader alone":  func(r *stockRig) *cosignerv1.ClaimResponse { return r.granted(vote, "cosigner-1") },
		"by one twice": func(r *stockRig) *cosignerv1.ClaimResponse {
			return r.granted(vote, "cosigner-1", "cosigner-1")
		},
		"by one under two names": func(r *stockRig) *cosignerv1.ClaimResponse {
			all := r.by(vote, "cosigner-1", "cosigner-1")
			all[1].Cosigner = "cosigner-2"
			return grant(vote, all)
		},
		"another value": func(r *stockRig) *cosignerv1.ClaimResponse {
			return r.granted(other, "cosigner-1", "cosigner-2")
		},
		"another value's attestations": func(r *stockRig) *cosignerv1.ClaimResponse {
			return grant(vote, r.by(other, "cosigner-1", "cosigner-2"))
		},
		"another slot's attestations": func(r *stockRig) *cosignerv1.ClaimResponse {
			return grant(vote, r.by(later, "cosigner-1", "cosigner-2"))
		},
		"cut short": func(r *stockRig) *cosignerv1.ClaimResponse {
			answer := r.granted(vote, "cosigner-1", "cosigner-2")
			one := answer.GetGranted().GetAttestations()[0]
			one.Signature = one.Signature[:63]
			return answer
		},
		"held else, by one": func(r *stockRig) *cosignerv1.ClaimResponse {
			return heldElse(other, r.by(other, "cosigner-1"))
		},
		"held else, of another slot": func(r *stockRig) *cosignerv1.ClaimResponse {
			return heldElse(later, r.by(later, "cosigner-1", "cosigner-2"))
		},
		"held else, another kind's": func(r *stockRig) *cosignerv1.ClaimResponse {
			return heldElse(echo, r.by(echo, "cosigner-1", "cosigner-2"))
		},
		"held else, what was claimed": func(r *stockRig) *cosignerv1.ClaimResponse {
			return heldElse(vote, r.by(vote, "cosigner-1", "cosigner-2"))
		},
		"held else, nothing": func(*stockRig) *cosignerv1.ClaimResponse { return heldElse(nil, nil) },
		"nothing":            func(*stockRig) *cosignerv1.ClaimResponse { return &cosignerv1.ClaimResponse{} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newStockRig(t, true)
			lies := func(*cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) { return lie(r), nil }
			r.cosigners[0].answers = lies
			answer, err := r.claim(t, vote)
			if err != nil || answer.GetGranted() == nil || !slices.Equal(r.lied, []string{"cosigner-1"}) ||
				r.cosigners[1].asked != 1 {
				t.Errorf("got %v, %v; lied: %v", answer, err, r.lied)
			}
			for _, c := range r.cosigners {
				c.answers = lies
			}
			if answer, err := r.claim(t, vote); status.Code(err) != codes.Unavailable {
				t.Errorf("all lie: got %v, %v", answer, err)
			}
		})
	}
}

// TestClaimAnswers: the three answers, as the gate is told them, and whoever watches the node.
func TestClaimAnswers(t *testing.T) {
	r := newStockRig(t, true)
	other := vote
	other.Value = false
	refusal := &cosignerv1.Refused{Reason: cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE, Detail: "passive"}
	answer := func(a *cosignerv1.ClaimResponse) *cosignerv1.ClaimResponse {
		t.Helper()
		for _, c := range r.cosigners {
			c.answers = func(*cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) { return a, nil }
		}
		got, err := r.claim(t, vote)
		if err != nil || len(r.lied) > 0 {
			t.Fatal(got, err, r.lied)
		}
		return got
	}
	if a := answer(r.granted(vote, "cosigner-3", "cosigner-2")); a.GetGranted() == nil {
		t.Errorf("got %v", a)
	}
	a := answer(heldElse(other, r.by(other, "cosigner-1", "cosigner-3")))
	if held, err := wire.Else(a.GetHeldElse()); err != nil || held != casper.Message(other) {
		t.Errorf("got %v, %v", a, err)
	}
	a = answer(&cosignerv1.ClaimResponse{Answer: &cosignerv1.ClaimResponse_Refused{Refused: refusal}})
	if a.GetRefused() != refusal {
		t.Errorf("got %v", a)
	}
	var kinds []string
	for _, a := range r.answers {
		kinds = append(kinds, fmt.Sprintf("%T", a.GetAnswer()))
	}
	if want := []string{"*cosignerv1.SignResponse_Signed", "*cosignerv1.SignResponse_Bound",
		"*cosignerv1.SignResponse_Refused"}; !slices.Equal(kinds, want) {
		t.Errorf("told %v", kinds)
	}
}

// TestKindOfNode: a stock node asks for no signature, and another one claims nothing: both are told
// so here, and nobody is asked.
func TestKindOfNode(t *testing.T) {
	unsupported := cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED
	stock, remote := newStockRig(t, true), newStockRig(t, false)
	if a, err := stock.Sign(t.Context(), wire.Request(vote)); err != nil || a.GetRefused().GetReason() != unsupported {
		t.Errorf("a stock node asks for a signature: %v, %v", a, err)
	}
	if a, err := remote.claim(t, vote); err != nil || a.GetRefused().GetReason() != unsupported {
		t.Errorf("a node without a key claims: %v, %v", a, err)
	}
	a, err := stock.claim(t, casper.Finality{Height: 7})
	if err != nil || a.GetRefused().GetReason() != cosignerv1.RefusalReason_REFUSAL_REASON_MALFORMED {
		t.Errorf("a height: %v, %v", a, err)
	}
	for _, c := range slices.Concat(stock.cosigners, remote.cosigners) {
		if c.asked > 0 {
			t.Error("a cosigner was asked")
		}
	}
}

// TestRefusingLeader: the leader was taken over and refuses for whatever reason, and all
// whom the agent asks pass claims on to it. Once the cosigners name another one, a gate that asks
// again is granted the same message.
func TestRefusingLeader(t *testing.T) {
	for why := refusal.NotActive; why.Definite(); why++ {
		r := newStockRig(t, true)
		leader := "cosigner-1"
		name := func(next string) {
			leader = next
			for _, c := range r.cluster.File.Cosigners {
				r.Pinged(c.Name, lead.Ping{Leader: next, Term: 5}, time.Now())
			}
		}
		for _, c := range r.cosigners {
			c.answers = func(*cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) {
				if leader != "cosigner-1" {
					return r.granted(vote, "cosigner-3", "cosigner-2"), nil
				}
				return &cosignerv1.ClaimResponse{DecidedBy: leader,
					Answer: &cosignerv1.ClaimResponse_Refused{Refused: wire.Refused(why, "false")}}, nil
			}
		}
		name("cosigner-1")
		if a, err := r.claim(t, vote); err != nil || a.GetRefused() == nil {
			t.Fatalf("%v: %v, %v", why, a, err)
		}
		name("cosigner-2")
		if a, err := r.claim(t, vote); err != nil || a.GetGranted() == nil {
			t.Errorf("%v: %v, %v", why, a, err)
		}
	}
}
