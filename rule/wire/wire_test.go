package wire

import (
	"maps"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

var messages = []casper.Message{
	casper.Echo{Round: casper.Round{Chainspec: casper.Hash{1}, Era: 2, KeyBlock: casper.Hash{3}, ID: 4, Validator: 5},
		Proposal: casper.Hash{6}},
	casper.Vote{Round: casper.Round{Chainspec: casper.Hash{1}, Era: 2, KeyBlock: casper.Hash{3}, ID: 4, Validator: 5},
		Value: true},
	casper.Finality{Block: casper.Hash{1}, Height: 2, Era: 3, ChainName: casper.Hash{4}},
	casper.Handshake{Random: [12]byte{1}, Our: casper.TLSPoint{2}, Their: casper.TLSPoint{3}},
}

// TestRoundTrip: every field travels, both ways.
func TestRoundTrip(t *testing.T) {
	for _, m := range messages {
		got, err := Message(Request(m))
		if err != nil || got != m {
			t.Errorf("request of %v: got %v, %v", m, got, err)
		}
		if m.Kind() == casper.KindHandshake {
			continue
		}
		held, err := Held(Bound(m, casper.Signature{7}))
		if err != nil || held != m {
			t.Errorf("bound %v: got %v, %v", m, held, err)
		}
	}
}

// TestLengths: each byte field must have exactly its length; the error names it.
func TestLengths(t *testing.T) {
	for name, spoil := range map[string]func(b []byte) []byte{
		"short": func(b []byte) []byte { return b[1:] }, "long": func(b []byte) []byte { return append(b, 0) },
		"missing": func([]byte) []byte { return nil },
	} {
		for field, r := range map[string]*cosignerv1.SignRequest{
			"chainspec_hash": Request(messages[0]), "key_block_hash": Request(messages[1]),
			"proposal_hash": Request(messages[0]), "block_hash": Request(messages[2]), "chain_name_hash": Request(messages[2]),
			"combined_random": Request(messages[3]), "our_tls_point": Request(messages[3]),
			"their_tls_point": Request(messages[3]),
		} {
			echo, vote, block, certificate := r.GetZugEcho(), r.GetZugVote(), r.GetFinalitySignature(),
				r.GetConsensusCertificate()
			switch field {
			case "chainspec_hash":
				echo.Round.ChainspecHash = spoil(echo.Round.ChainspecHash)
			case "key_block_hash":
				vote.Round.KeyBlockHash = spoil(vote.Round.KeyBlockHash)
			case "proposal_hash":
				echo.ProposalHash = spoil(echo.ProposalHash)
			case "block_hash":
				block.BlockHash = spoil(block.BlockHash)
			case "chain_name_hash":
				block.ChainNameHash = spoil(block.ChainNameHash)
			case "combined_random":
				certificate.CombinedRandom = spoil(certificate.CombinedRandom)
			case "our_tls_point":
				certificate.OurTlsPoint = spoil(certificate.OurTlsPoint)
			case "their_tls_point":
				certificate.TheirTlsPoint = spoil(certificate.TheirTlsPoint)
			}
			if m, err := Message(r); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s %s: got %v, %v", name, field, m, err)
			}
		}
	}
	for _, r := range []*cosignerv1.SignRequest{nil, {}, {Message: &cosignerv1.SignRequest_ZugEcho{}},
		{Message: &cosignerv1.SignRequest_ZugVote{ZugVote: &cosignerv1.ZugVote{}}}} {
		if m, err := Message(r); err == nil {
			t.Errorf("%v: got %v", r, m)
		}
	}
	if m, err := Held(nil); err == nil {
		t.Errorf("no bound message: got %v", m)
	}
}

// TestReason: each definite reason has a name on the wire, the others have none, and the wire has
// no name that no reason has.
func TestReason(t *testing.T) {
	missing := maps.Clone(cosignerv1.RefusalReason_name)
	for why := range refusal.UnknownCommand + 1 {
		got := Reason(why)
		if (got != cosignerv1.RefusalReason_REFUSAL_REASON_UNSPECIFIED) != why.Definite() {
			t.Errorf("%v is %v on the wire", why, got)
		}
		delete(missing, int32(got))
	}
	if len(missing) > 0 {
		t.Errorf("no reason is %v", missing)
	}
	for why, want := range map[refusal.Reason]cosignerv1.RefusalReason{
		refusal.NotActive:      cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE,
		refusal.BelowFloor:     cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR,
		refusal.TooFarAhead:    cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD,
		refusal.Malformed:      cosignerv1.RefusalReason_REFUSAL_REASON_MALFORMED,
		refusal.RoundTooHigh:   cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED,
		refusal.NoSlot:         cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED,
		refusal.OtherChain:     cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED,
		refusal.Suspended:      cosignerv1.RefusalReason_REFUSAL_REASON_SUSPENDED,
		refusal.NotPreferred:   cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED,
		refusal.OtherInstance:  cosignerv1.RefusalReason_REFUSAL_REASON_OTHER_INSTANCE,
		refusal.BadSignature:   cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE,
		refusal.PointUnknown:   cosignerv1.RefusalReason_REFUSAL_REASON_TLS_POINT,
		refusal.PointTaken:     cosignerv1.RefusalReason_REFUSAL_REASON_TLS_POINT,
		refusal.PointsTooOften: cosignerv1.RefusalReason_REFUSAL_REASON_TOO_MANY,
		refusal.TooMany:        cosignerv1.RefusalReason_REFUSAL_REASON_TOO_MANY,
	} {
		if got := Reason(why); got != want {
			t.Errorf("%v is %v on the wire, want %v", why, got, want)
		}
	}
	want := &cosignerv1.Refused{Reason: cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR, Detail: "era 7"}
	if got := Refused(refusal.BelowFloor, "era 7"); !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
