package agent

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// Chain is what the agents of a cluster with stock nodes tell each other of their chain.
type Chain interface {
	// Facts must return what this agent heard itself, for another one. It must not block.
	Facts(agent string) *cosignerv1.ChainFacts
	// Heard is told what another agent tells. It must not block.
	Heard(agent string, f *cosignerv1.ChainFacts)
}

// InstanceServer tells the gate of a stock node what the instance of an era is made of.
type InstanceServer struct {
	cosignerv1.UnimplementedInstanceServiceServer
	// Of must return what the instance is made of, and our validator's index if that is known; or else
	// words for people, of what is missing.
	Of func(instance casper.Hash) (r casper.Round, index *uint32, missing string)
	// By must return what our key signed in the instance on any of our nodes, as far as it was heard
	// of.
	By func(instance casper.Hash) []casper.Ballot
}

// Signed tells what was signed.
func (s *InstanceServer) Signed(_ context.Context, r *cosignerv1.SignedRequest) (*cosignerv1.SignedResponse, error) {
	var instance casper.Hash
	if err := wire.Copy(instance[:], r.GetInstance(), "instance"); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	answer := &cosignerv1.SignedResponse{}
	for _, b := range s.By(instance) {
		answer.Ballots = append(answer.Ballots, wire.ToldBallot(b))
	}
	return answer, nil
}

// Find tells it, or what is missing.
func (s *InstanceServer) Find(_ context.Context, r *cosignerv1.FindRequest) (*cosignerv1.FindResponse, error) {
	var instance casper.Hash
	if err := wire.Copy(instance[:], r.GetInstance(), "instance"); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	of, index, missing := s.Of(instance)
	if missing != "" {
		return &cosignerv1.FindResponse{Missing: missing}, nil
	}
	return &cosignerv1.FindResponse{Origin: &cosignerv1.Origin{Era: of.Era, ChainspecHash: of.Chainspec[:],
		KeyBlockHash: of.KeyBlock[:], ValidatorIndex: index}}, nil
}
