package wire

import (
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
)

// Reset reads the reset of the heights that an operator asks for. It returns an error for one that
// cannot have been signed as it is.
func Reset(r *cosignerv1.ResetHeightsRequest, operator string) (watermark.Reset, error) {
	if len(r.GetSignature()) != 64 {
		return watermark.Reset{}, fmt.Errorf("a signature of %d bytes, want 64", len(r.GetSignature()))
	}
	ledgers, err := watermark.ReadLedgers(r.GetLedgers())
	if err != nil {
		return watermark.Reset{}, err
	}
	return watermark.Reset{Height: r.GetHeight(), Until: r.GetUntil(), SeenAt: r.GetSeenAt(), Count: r.GetCount(),
		Network: NetworkVersion(r.GetNetwork()),
		Seen:    watermark.Seen{From: r.GetSeen().GetFrom(), Bits: string(r.GetSeen().GetBits())}, Ledgers: ledgers,
		First:    watermark.Mark{Era: r.GetFirst().GetEra(), Height: r.GetFirst().GetHeight()},
		Operator: operator, Reason: r.GetReason(), Signature: [64]byte(r.GetSignature())}, nil
}

// ResetRequest is the inverse of Reset. Cosigners that need not know of it are for the caller.
func ResetRequest(r watermark.Reset) *cosignerv1.ResetHeightsRequest {
	return &cosignerv1.ResetHeightsRequest{Height: r.Height, Until: r.Until, Network: NetworkVersionToProto(r.Network),
		SeenAt: r.SeenAt, Count: r.Count, Reason: r.Reason, Signature: r.Signature[:], Ledgers: []byte(r.Ledgers),
		Seen:  &cosignerv1.HeightsSeen{From: r.From, Bits: []byte(r.Bits)},
		First: &cosignerv1.Mark{Era: r.First.Era, Height: r.First.Height}}
}

// NetworkVersion reads a protocol version of the network.
func NetworkVersion(v *cosignerv1.NetworkVersion) watermark.Version {
	return watermark.Version{Major: v.GetMajor(), Minor: v.GetMinor(), Patch: v.GetPatch()}
}

// NetworkVersionToProto is its inverse.
func NetworkVersionToProto(v watermark.Version) *cosignerv1.NetworkVersion {
	return &cosignerv1.NetworkVersion{Major: v.Major, Minor: v.Minor, Patch: v.Patch}
}
