package cosigner

import (
	"bytes"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// This file is how commitments travel: as eighths, and for cosigners of the release before also as
// their points, which have to be checked. The points go once no such release is in use.

// traveller is a commitment as it travels: one of a CommitResponse, or of a signing set.
type traveller interface {
	GetHiding() []byte
	GetBinding() []byte
	GetHidingEighth() []byte
	GetBindingEighth() []byte
}

// hasEighths tells the two forms apart. What has one eighth only is refused by whoever reads it.
func hasEighths(c traveller) bool {
	return len(c.GetHidingEighth()) > 0 || len(c.GetBindingEighth()) > 0
}

// parseCommitment reads and checks a commitment of whoever holds share id.
func parseCommitment(g *frost.GroupKey, id int, c traveller) (frost.Commitment, error) {
	if hasEighths(c) {
		return frost.ParseEighths(g, id, c.GetHidingEighth(), c.GetBindingEighth())
	}
	return frost.ParseCommitment(g, id, c.GetHiding(), c.GetBinding())
}

// isSent reports whether c is what travels of our own commitment.
func isSent(own frost.Commitment, c traveller) bool {
	if hasEighths(c) {
		e, ok := own.Eighths()
		return ok && bytes.Equal(e.Hiding[:], c.GetHidingEighth()) && bytes.Equal(e.Binding[:], c.GetBindingEighth())
	}
	return bytes.Equal(own.Hiding[:], c.GetHiding()) && bytes.Equal(own.Binding[:], c.GetBinding())
}

// protoCommitment returns a fresh commitment of our own as it travels.
func protoCommitment(index uint64, c frost.Commitment) *cosignerv1.Commitment {
	s := protoSigner(c)
	return &cosignerv1.Commitment{Index: index, Hiding: s.Hiding, Binding: s.Binding,
		HidingEighth: s.HidingEighth, BindingEighth: s.BindingEighth}
}

func protoSigner(c frost.Commitment) *cosignerv1.SignerCommitment {
	s := &cosignerv1.SignerCommitment{ShareId: uint32(c.ID), Hiding: c.Hiding[:], Binding: c.Binding[:]}
	if e, ok := c.Eighths(); ok {
		s.HidingEighth, s.BindingEighth = e.Hiding[:], e.Binding[:]
	}
	return s
}

// protoSigners returns a signing set as it travels.
func protoSigners(set []frost.Commitment) []*cosignerv1.SignerCommitment {
	out := make([]*cosignerv1.SignerCommitment, len(set))
	for i, c := range set {
		out[i] = protoSigner(c)
	}
	return out
}

// parseSigners reads a signing set, which must list our own commitment.
func parseSigners(g *frost.GroupKey, list []*cosignerv1.SignerCommitment, own frost.Commitment) ([]frost.Commitment,
	error) {
	if len(list) > g.Size() { // before the work of decoding them
		return nil, status.Errorf(codes.InvalidArgument, "%d signers, there are %d shares", len(list), g.Size())
	}
	listed := false
	set := make([]frost.Commitment, 0, len(list))
	for _, c := range list {
		if int(c.GetShareId()) == own.ID && isSent(own, c) {
			set, listed = append(set, own), true // it is decoded already
			continue
		}
		one, err := parseCommitment(g, int(c.GetShareId()), c)
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "reading the signing set: %v", err)
		}
		set = append(set, one)
	}
	if !listed {
		return nil, status.Error(codes.InvalidArgument, "the signing set lacks our commitment")
	}
	return set, nil
}
