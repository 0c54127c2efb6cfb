package claim_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/wire"
	"casper-cosigner/stock/claim"
)

// told is an agent that answers as told.
type told struct {
	cosignerv1.UnimplementedClaimServiceServer
	answer *cosignerv1.ClaimResponse
	err    error
	asked  casper.Message
}

func (a *told) Claim(_ context.Context, r *cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) {
	var err error
	if a.asked, err = wire.Claimed(r); err != nil {
		return nil, err
	}
	return a.answer, a.err
}

var yes = casper.Vote{Round: casper.Round{Era: 3, ID: 4, Validator: 1}, Value: true}

// TestClaim: granted is what the agent grants of this very message, and nothing else.
func TestClaim(t *testing.T) {
	no, echo := yes, casper.Echo{Round: yes.Round}
	no.Value = false
	granted := func(m casper.Message) *cosignerv1.ClaimResponse {
		return &cosignerv1.ClaimResponse{Answer: &cosignerv1.ClaimResponse_Granted{Granted: wire.Granted(m, nil)}}
	}
	agent := &told{}
	client := serve(t, agent)
	for name, tt := range map[string]struct {
		answer *cosignerv1.ClaimResponse
		err    error
		want   func(err error) bool
	}{
		"granted":         {granted(yes), nil, func(err error) bool { return err == nil }},
		"another granted": {granted(no), nil, unknown},
		"granted without a digest": {&cosignerv1.ClaimResponse{
			Answer: &cosignerv1.ClaimResponse_Granted{Granted: &cosignerv1.Granted{}}}, nil, unknown},
		"nothing": {&cosignerv1.ClaimResponse{}, nil, unknown},
		"held else": {&cosignerv1.ClaimResponse{
			Answer: &cosignerv1.ClaimResponse_HeldElse{HeldElse: wire.HeldElse(no, nil)}}, nil,
			func(err error) bool {
				var held *claim.HeldError
				return errors.As(err, &held) && held.Held == casper.Message(no)
			}},
		"held else, unreadable": {&cosignerv1.ClaimResponse{
			Answer: &cosignerv1.ClaimResponse_HeldElse{HeldElse: &cosignerv1.HeldElse{}}}, nil, unknown},
		"refused": {&cosignerv1.ClaimResponse{Answer: &cosignerv1.ClaimResponse_Refused{
			Refused: wire.Refused(refusal.NotActive, "passive")}}, nil,
			func(err error) bool {
				var refused *claim.RefusedError
				return errors.As(err, &refused) && refused.Detail == "passive" &&
					refused.Reason == cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE
			}},
		"no answer": {nil, status.Error(codes.Unavailable, "no leader"), unknown},
	} {
		agent.answer, agent.err = tt.answer, tt.err
		if err := client.Claim(t.Context(), yes); !tt.want(err) {
			t.Errorf("%s: %v", name, err)
		}
		if agent.asked != casper.Message(yes) {
			t.Errorf("%s: the agent was asked for %v", name, agent.asked)
		}
	}
	agent.answer, agent.err = granted(echo), nil
	if err := client.Claim(t.Context(), echo); err != nil || agent.asked != casper.Message(echo) {
		t.Errorf("an echo: %v, %v", agent.asked, err)
	}
	for _, m := range []casper.Message{casper.Finality{}, casper.Handshake{}} {
		agent.answer = granted(m)
		if err := client.Claim(t.Context(), m); err == nil {
			t.Errorf("%v is granted", m.Kind())
		}
	}
}

// TestNobodyThere: without an agent nothing is known.
func TestNobodyThere(t *testing.T) {
	client, err := claim.Dial(filepath.Join(t.TempDir(), "agent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Claim(t.Context(), yes); !unknown(err) {
		t.Errorf("got %v", err)
	}
}

// unknown reports whether nothing is known.
func unknown(err error) bool {
	var held *claim.HeldError
	var refused *claim.RefusedError
	return err != nil && !errors.As(err, &held) && !errors.As(err, &refused)
}

func serve(t *testing.T, agent *told) *claim.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	cosignerv1.RegisterClaimServiceServer(server, agent)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	client, err := claim.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
