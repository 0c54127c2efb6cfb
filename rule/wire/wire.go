// Package wire turns Casper messages, and what is known of a node, into their gRPC forms and back.
// It is pure and decides nothing but lengths.
package wire

import (
	"errors"
	"fmt"
	"strings"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

// Message returns what the request asks to have signed. The error is for the asker: the
// request is malformed.
func Message(r *cosignerv1.SignRequest) (casper.Message, error) {
	switch m := r.GetMessage().(type) {
	case *cosignerv1.SignRequest_ZugEcho:
		return echo(m.ZugEcho)
	case *cosignerv1.SignRequest_ZugVote:
		return vote(m.ZugVote)
	case *cosignerv1.SignRequest_FinalitySignature:
		return finality(m.FinalitySignature)
	case *cosignerv1.SignRequest_ConsensusCertificate:
		return handshake(m.ConsensusCertificate)
	}
	return nil, errors.New("the request holds no message")
}

// IsHandshake reports whether the request asks to have a handshake certificate signed.
func IsHandshake(r *cosignerv1.SignRequest) bool { return r.GetConsensusCertificate() != nil }

// Held returns what an answer says that the slot holds.
func Held(b *cosignerv1.Bound) (casper.Message, error) {
	switch m := b.GetMessage().(type) {
	case *cosignerv1.Bound_ZugEcho:
		return echo(m.ZugEcho)
	case *cosignerv1.Bound_ZugVote:
		return vote(m.ZugVote)
	case *cosignerv1.Bound_FinalitySignature:
		return finality(m.FinalitySignature)
	}
	return nil, errors.New("the answer holds no message")
}

// Request returns a request for the message, without the agent's part.
func Request(m casper.Message) *cosignerv1.SignRequest {
	r := &cosignerv1.SignRequest{}
	switch m := m.(type) {
	case casper.Echo:
		r.Message = &cosignerv1.SignRequest_ZugEcho{ZugEcho: echoToProto(m)}
	case casper.Vote:
		r.Message = &cosignerv1.SignRequest_ZugVote{ZugVote: voteToProto(m)}
	case casper.Finality:
		r.Message = &cosignerv1.SignRequest_FinalitySignature{FinalitySignature: finalityToProto(m)}
	case casper.Handshake:
		r.Message = &cosignerv1.SignRequest_ConsensusCertificate{ConsensusCertificate: &cosignerv1.ConsensusCertificate{
			CombinedRandom: m.Random[:], OurTlsPoint: m.Our[:], TheirTlsPoint: m.Their[:]}}
	}
	return r
}

// Bound returns the answer that the slot holds the message, with its signature.
func Bound(m casper.Message, s casper.Signature) *cosignerv1.Bound {
	b := &cosignerv1.Bound{Signature: s[:]}
	switch m := m.(type) {
	case casper.Echo:
		b.Message = &cosignerv1.Bound_ZugEcho{ZugEcho: echoToProto(m)}
	case casper.Vote:
		b.Message = &cosignerv1.Bound_ZugVote{ZugVote: voteToProto(m)}
	case casper.Finality:
		b.Message = &cosignerv1.Bound_FinalitySignature{FinalitySignature: finalityToProto(m)}
	}
	return b
}

// Refused returns the answer that a request is refused. detail says more than the reason
// alone, or as much.
func Refused(why refusal.Reason, detail string) *cosignerv1.Refused {
	return &cosignerv1.Refused{Reason: Reason(why), Detail: detail}
}

// Reason returns the wire's name of a reason, which is its label; unspecified if it is no
// definite no.
func Reason(why refusal.Reason) cosignerv1.RefusalReason {
	return cosignerv1.RefusalReason(cosignerv1.RefusalReason_value["REFUSAL_REASON_"+strings.ToUpper(why.Label())])
}

// Copy copies src to dst and fails unless their lengths agree; name is the field's.
func Copy(dst, src []byte, name string) error {
	if len(src) != len(dst) {
		return fmt.Errorf("%s has %d bytes, want %d", name, len(src), len(dst))
	}
	copy(dst, src)
	return nil
}

func echo(e *cosignerv1.ZugEcho) (casper.Message, error) {
	r, err := round(e.GetRound())
	if err != nil {
		return nil, err
	}
	m := casper.Echo{Round: r}
	if err := Copy(m.Proposal[:], e.GetProposalHash(), "proposal_hash"); err != nil {
		return nil, err
	}
	return m, nil
}

func vote(v *cosignerv1.ZugVote) (casper.Message, error) {
	r, err := round(v.GetRound())
	if err != nil {
		return nil, err
	}
	return casper.Vote{Round: r, Value: v.GetValue()}, nil
}

func round(r *cosignerv1.ZugRound) (casper.Round, error) {
	m := casper.Round{Era: r.GetEraId(), ID: r.GetRoundId(), Validator: r.GetValidatorIndex()}
	return m, errors.Join(
		Copy(m.Chainspec[:], r.GetChainspecHash(), "chainspec_hash"),
		Copy(m.KeyBlock[:], r.GetKeyBlockHash(), "key_block_hash"))
}

func finality(f *cosignerv1.FinalitySignature) (casper.Message, error) {
	m := casper.Finality{Height: f.GetBlockHeight(), Era: f.GetEraId()}
	err := errors.Join(
		Copy(m.Block[:], f.GetBlockHash(), "block_hash"),
		Copy(m.ChainName[:], f.GetChainNameHash(), "chain_name_hash"))
	if err != nil {
		return nil, err
	}
	return m, nil
}

func handshake(c *cosignerv1.ConsensusCertificate) (casper.Message, error) {
	m := casper.Handshake{}
	err := errors.Join(
		Copy(m.Random[:], c.GetCombinedRandom(), "combined_random"),
		Copy(m.Our[:], c.GetOurTlsPoint(), "our_tls_point"),
		Copy(m.Their[:], c.GetTheirTlsPoint(), "their_tls_point"))
	if err != nil {
		return nil, err
	}
	return m, nil
}

func echoToProto(e casper.Echo) *cosignerv1.ZugEcho {
	return &cosignerv1.ZugEcho{Round: roundToProto(e.Round), ProposalHash: e.Proposal[:]}
}

func voteToProto(v casper.Vote) *cosignerv1.ZugVote {
	return &cosignerv1.ZugVote{Round: roundToProto(v.Round), Value: v.Value}
}

func roundToProto(r casper.Round) *cosignerv1.ZugRound {
	return &cosignerv1.ZugRound{ChainspecHash: r.Chainspec[:], EraId: r.Era, KeyBlockHash: r.KeyBlock[:],
		RoundId: r.ID, ValidatorIndex: r.Validator}
}

func finalityToProto(f casper.Finality) *cosignerv1.FinalitySignature {
	return &cosignerv1.FinalitySignature{BlockHash: f.Block[:], BlockHeight: f.Height, EraId: f.Era,
		ChainNameHash: f.ChainName[:]}
}
