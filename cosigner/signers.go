package cosigner

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// protoSigners returns a signing set as it travels.
func protoSigners(set []frost.Commitment) []*cosignerv1.SignerCommitment {
	out := make([]*cosignerv1.SignerCommitment, len(set))
	for i, c := range set {
		out[i] = &cosignerv1.SignerCommitment{ShareId: uint32(c.ID), Hiding: c.Hiding[:], Binding: c.Binding[:]}
	}
	return out
}

// parseSigners reads a signing set, which must list our own commitment.
func parseSigners(list []*cosignerv1.SignerCommitment, own frost.Commitment) ([]frost.Commitment, error) {
	listed := false
	set := make([]frost.Commitment, 0, len(list))
	for _, c := range list {
		if len(c.GetHiding()) != 32 || len(c.GetBinding()) != 32 {
			return nil, status.Error(codes.InvalidArgument, "a commitment is not two points of 32 bytes")
		}
		one := frost.Commitment{ID: int(c.GetShareId()), Hiding: [32]byte(c.GetHiding()), Binding: [32]byte(c.GetBinding())}
		if one.ID == own.ID && one.Hiding == own.Hiding && one.Binding == own.Binding {
			one, listed = own, true // it is decoded already
		}
		set = append(set, one)
	}
	if !listed {
		return nil, status.Error(codes.InvalidArgument, "the signing set lacks our commitment")
	}
	return set, nil
}
