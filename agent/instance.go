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
	// Facts must return what this agent heard itself. It must not block.
	Facts() *cosignerv1.ChainFacts
	// Heard is told what another agent tells. It must not block.
	Heard(agent string, f *cosignerv1.ChainFacts)
}

// InstanceServer tells the gate of a stock node what the instance of an era is made of.
type InstanceServer struct {
	cosignerv1.UnimplementedInstanceServiceServer
	// Of must return what the instance is made of, and our validator's index if that is known; or else
	// words for people, of what is missing.
	Of func(instance casper.Hash) (r casper.Round, index *uint32, missing string)
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
