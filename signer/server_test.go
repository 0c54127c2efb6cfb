package signer

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// leaderClient is another cosigner to which requests are passed on.
type leaderClient struct {
	cosignerv1.SignerServiceClient
	forwarded int
}

func (c *leaderClient) Sign(_ context.Context, r *cosignerv1.SignRequest,
	_ ...grpc.CallOption) (*cosignerv1.SignResponse, error) {
	if r.GetForwarded() {
		c.forwarded++
	}
	return &cosignerv1.SignResponse{DecidedBy: "cosigner-1"}, nil
}

func (c *leaderClient) RegisterTLSPoint(_ context.Context, r *cosignerv1.RegisterTLSPointRequest,
	_ ...grpc.CallOption) (*cosignerv1.RegisterTLSPointResponse, error) {
	if r.GetForwarded() {
		c.forwarded++
	}
	return &cosignerv1.RegisterTLSPointResponse{}, nil
}

type served struct {
	*Server
	rig    *rig
	caller cluster.Member
	leader *leaderClient
}

func newServed(t *testing.T) *served {
	s := &served{rig: newRig(t, nil), leader: &leaderClient{}, caller: cluster.Member{Name: "node-a", Role: cluster.Node}}
	s.Server = &Server{Signer: s.rig.Signer, Name: "cosigner-2",
		Caller: func(context.Context) (cluster.Member, bool) { return s.caller, s.caller.Name != "" },
		Peer: func(name string) (cosignerv1.SignerServiceClient, bool) {
			return s.leader, name == "cosigner-1"
		}}
	return s
}

func (s *served) request(m casper.Message) *cosignerv1.SignRequest {
	r, at := wire.Request(m), s.rig.log.Next().Index-1
	plain, dated := s.rig.cluster.Request(s.rig.t, "node-a", m), s.rig.cluster.Dated(s.rig.t, "node-a", m, at)
	r.Node, r.RequestSignature, r.AskedAt, r.DatedSignature = "node-a", plain[:], at, dated[:]
	return r
}

// TestAnswers: each of the three answers, as it travels.
func TestAnswers(t *testing.T) {
	s := newServed(t)
	r, err := s.Sign(t.Context(), s.request(vote(10, 0, true)))
	if err != nil || r.GetDecidedBy() != "cosigner-2" ||
		!s.rig.cluster.File.Validator.Verify(vote(10, 0, true), casper.Signature(r.GetSigned().GetSignature())) {
		t.Errorf("got %v, %v; want it signed", r, err)
	}
	r, err = s.Sign(t.Context(), s.request(vote(10, 0, false)))
	held, heldErr := wire.Held(r.GetBound())
	if err != nil || heldErr != nil || held != casper.Message(vote(10, 0, true)) {
		t.Errorf("got %v, %v; want the held vote", r, err)
	}
	for name, c := range map[string]struct {
		edit func(*cosignerv1.SignRequest)
		want cosignerv1.RefusalReason
	}{
		"empty": {func(r *cosignerv1.SignRequest) {
			r.Message = nil
		}, cosignerv1.RefusalReason_REFUSAL_REASON_MALFORMED},
		"short hash": {func(r *cosignerv1.SignRequest) {
			r.GetZugVote().Round.KeyBlockHash = []byte{1}
		}, cosignerv1.RefusalReason_REFUSAL_REASON_MALFORMED},
		"no signature": {func(r *cosignerv1.SignRequest) {
			r.DatedSignature = nil
		}, cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE},
		"another date": {func(r *cosignerv1.SignRequest) {
			r.AskedAt--
		}, cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE},
		"the signature without a date": {func(r *cosignerv1.SignRequest) {
			r.DatedSignature = r.RequestSignature
		}, cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE},
		"no date": {func(r *cosignerv1.SignRequest) {
			r.AskedAt = 0
		}, cosignerv1.RefusalReason_REFUSAL_REASON_STALE},
		"changed after signing": {func(r *cosignerv1.SignRequest) {
			r.GetZugVote().Value = true
		}, cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE},
	} {
		request := s.request(vote(10, 1, false))
		c.edit(request)
		if r, err := s.Sign(t.Context(), request); err != nil || r.GetRefused().GetReason() != c.want {
			t.Errorf("%s: got %v, %v; want %v", name, r, err, c.want)
		}
	}
}

// TestWhoMayAsk: a node for itself, a cosigner for what it passes on, nobody else.
func TestWhoMayAsk(t *testing.T) {
	for name, c := range map[string]struct {
		caller    cluster.Member
		forwarded bool
		want      codes.Code
	}{
		"the node itself": {cluster.Member{Name: "node-a", Role: cluster.Node}, false, codes.OK},
		"the node, as if passed on": {cluster.Member{Name: "node-a", Role: cluster.Node}, true,
			codes.PermissionDenied},
		"another node": {cluster.Member{Name: "node-b", Role: cluster.Node}, false,
			codes.PermissionDenied},
		"a cosigner that passes on": {cluster.Member{Name: "cosigner-1", Role: cluster.Cosigner}, true, codes.OK},
		"a cosigner on its own": {cluster.Member{Name: "cosigner-1", Role: cluster.Cosigner}, false,
			codes.PermissionDenied},
		"a cosigner with the node's name": {cluster.Member{Name: "node-a", Role: cluster.Cosigner}, false,
			codes.PermissionDenied},
		"an operator": {cluster.Member{Name: "ops", Role: cluster.Operator}, false,
			codes.PermissionDenied},
		"an operator with the node's name": {cluster.Member{Name: "node-a", Role: cluster.Operator}, true,
			codes.PermissionDenied},
		"a stranger": {cluster.Member{}, false, codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServed(t)
			s.caller = c.caller
			r := s.request(vote(10, 0, true))
			r.Forwarded = c.forwarded
			if _, err := s.Sign(t.Context(), r); status.Code(err) != c.want {
				t.Errorf("Sign: got %v, want %v", err, c.want)
			}
			register := &cosignerv1.RegisterTLSPointRequest{Node: "node-a", Forwarded: c.forwarded}
			if _, err := s.RegisterTLSPoint(t.Context(), register); status.Code(err) != c.want {
				t.Errorf("RegisterTLSPoint: got %v, want %v", err, c.want)
			}
		})
	}
}

// TestOneHop: a follower passes a request on once; what was passed on is not passed on again.
func TestOneHop(t *testing.T) {
	s := newServed(t)
	s.rig.log.follower = true
	if r, err := s.Sign(t.Context(), s.request(vote(10, 0, true))); err != nil || r.GetDecidedBy() != "cosigner-1" {
		t.Errorf("got %v, %v; want the leader's answer", r, err)
	}
	if _, err := s.RegisterTLSPoint(t.Context(), &cosignerv1.RegisterTLSPointRequest{Node: "node-a"}); err != nil {
		t.Error(err)
	}
	if s.leader.forwarded != 2 {
		t.Errorf("%d requests were marked as passed on, want 2", s.leader.forwarded)
	}
	s.rig.steady = false // what it finds after a pause may be nobody's any more
	if _, err := s.Sign(t.Context(), s.request(vote(10, 0, true))); status.Code(err) != codes.Unavailable ||
		s.leader.forwarded != 2 {
		t.Errorf("after a pause: got %v, and %d were passed on", err, s.leader.forwarded)
	}
	s.rig.steady = true
	s.caller = cluster.Member{Name: "cosigner-3", Role: cluster.Cosigner}
	r := s.request(vote(10, 0, true))
	r.Forwarded = true
	if _, err := s.Sign(t.Context(), r); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want Unavailable", err)
	}
	if s.rig.log.claims() != 0 {
		t.Error("a follower claimed")
	}
}

// TestStatusCodes: what is no refusal is a status that says "ask again", or that the
// asker's time is up.
func TestStatusCodes(t *testing.T) {
	s := newServed(t)
	s.rig.quorum.fail = context.DeadlineExceeded
	if _, err := s.Sign(t.Context(), s.request(vote(10, 0, true))); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	s.rig.quorum.fail = nil
	s.rig.log.refuse = true
	if _, err := s.Sign(t.Context(), s.request(vote(10, 0, true))); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}

// TestFloodOfOneNode: one node's pending requests are bounded, and the other is served meanwhile.
func TestFloodOfOneNode(t *testing.T) {
	s := newServed(t)
	for range maxPending {
		if err := s.enter("node-b"); err != nil {
			t.Fatal(err)
		}
	}
	wantReason(t, s.enter("node-b"), cosignerv1.RefusalReason_REFUSAL_REASON_TOO_MANY)
	s.caller.Name = "node-b"
	registration, err := s.RegisterTLSPoint(t.Context(), &cosignerv1.RegisterTLSPointRequest{Node: "node-b"})
	if err != nil || registration.GetRefused().GetReason() != cosignerv1.RefusalReason_REFUSAL_REASON_TOO_MANY {
		t.Errorf("a registration: got %v, %v", registration, err)
	}
	s.caller.Name = "node-a"
	if r, err := s.Sign(t.Context(), s.request(vote(10, 0, true))); err != nil || r.GetSigned() == nil {
		t.Errorf("node-a: got %v, %v", r, err)
	}
	s.leave("node-b")
	if err := s.enter("node-b"); err != nil {
		t.Errorf("after one left: %v", err)
	}
}
