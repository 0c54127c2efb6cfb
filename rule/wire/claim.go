package wire

import (
	"errors"
	"slices"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
)

// Claimed returns what the request claims. The error is for the asker: the request is malformed.
func Claimed(r *cosignerv1.ClaimRequest) (casper.Message, error) {
	switch m := r.GetMessage().(type) {
	case *cosignerv1.ClaimRequest_ZugEcho:
		return echo(m.ZugEcho)
	case *cosignerv1.ClaimRequest_ZugVote:
		return vote(m.ZugVote)
	}
	return nil, errors.New("the claim holds no message")
}

// Claim returns a claim of the message, without the agent's part; without a message if it is
// neither an echo nor a vote.
func Claim(m casper.Message) *cosignerv1.ClaimRequest {
	r := &cosignerv1.ClaimRequest{}
	switch m := m.(type) {
	case casper.Echo:
		r.Message = &cosignerv1.ClaimRequest_ZugEcho{ZugEcho: echoToProto(m)}
	case casper.Vote:
		r.Message = &cosignerv1.ClaimRequest_ZugVote{ZugVote: voteToProto(m)}
	}
	return r
}

// HeldElse returns the answer that the slot holds the message, with its attestations.
func HeldElse(m casper.Message, all []attest.Attestation) *cosignerv1.HeldElse {
	h := &cosignerv1.HeldElse{Attestations: attestations(all)}
	switch m := m.(type) {
	case casper.Echo:
		h.Message = &cosignerv1.HeldElse_ZugEcho{ZugEcho: echoToProto(m)}
	case casper.Vote:
		h.Message = &cosignerv1.HeldElse_ZugVote{ZugVote: voteToProto(m)}
	}
	return h
}

// Else returns what an answer says that the slot holds instead.
func Else(h *cosignerv1.HeldElse) (casper.Message, error) {
	switch m := h.GetMessage().(type) {
	case *cosignerv1.HeldElse_ZugEcho:
		return echo(m.ZugEcho)
	case *cosignerv1.HeldElse_ZugVote:
		return vote(m.ZugVote)
	}
	return nil, errors.New("the answer holds no message")
}

// ClaimAnswer is an answer to a claim, of which nothing is verified.
type ClaimAnswer struct {
	// Held is what the slot holds, as it says: what was claimed, or something else; nil if the claim
	// was refused.
	Held         casper.Message
	Attestations []attest.Attestation // of that
}

// AnswerToClaim reads an answer to the claim of a message.
func AnswerToClaim(claimed casper.Message, r *cosignerv1.ClaimResponse) (a ClaimAnswer, err error) {
	switch digest := casper.Digest(claimed); {
	case r.GetRefused() != nil:
		return a, nil
	case r.GetHeldElse() != nil:
		if a.Held, err = Else(r.GetHeldElse()); err == nil && a.Held == claimed {
			err = errors.New("it says that the slot holds something else, and names what was claimed")
		}
	case r.GetGranted() == nil:
		err = errors.New("it is of a kind that this version does not know")
	case !slices.Equal(r.GetGranted().GetDigest(), digest[:]):
		err = errors.New("it grants another message")
	default:
		a.Held = claimed
	}
	if err != nil {
		return ClaimAnswer{}, err
	}
	given := r.GetGranted().GetAttestations()
	if r.GetHeldElse() != nil {
		given = r.GetHeldElse().GetAttestations()
	}
	a.Attestations, err = Attestations(given)
	return a, err
}

// Granted returns the answer that the slot holds what was claimed, with its attestations.
func Granted(m casper.Message, all []attest.Attestation) *cosignerv1.Granted {
	digest := casper.Digest(m)
	return &cosignerv1.Granted{Digest: digest[:], Attestations: attestations(all)}
}

func attestations(all []attest.Attestation) (out []*cosignerv1.Attestation) {
	for _, a := range all {
		out = append(out, &cosignerv1.Attestation{Cosigner: a.Cosigner, Signature: a.Signature[:]})
	}
	return out
}

// Attestations returns those that an answer came with, unverified.
func Attestations(all []*cosignerv1.Attestation) ([]attest.Attestation, error) {
	var out []attest.Attestation
	for _, a := range all {
		one := attest.Attestation{Cosigner: a.GetCosigner()}
		if err := Copy(one.Signature[:], a.GetSignature(), "attestation"); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}
