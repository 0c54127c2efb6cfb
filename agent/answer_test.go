package agent_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"casper-cosigner/agent"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// TestRead: a signature is taken for the validator's only if it is, of the message that the answer
// is about.
func TestRead(t *testing.T) {
	public, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, thief, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(key ed25519.PrivateKey, m casper.Message) casper.Signature {
		return casper.Signature(ed25519.Sign(key, m.SignBytes()))
	}
	asked := casper.Vote{Round: casper.Round{Era: 12, ID: 3}, Value: true}
	other := casper.Vote{Round: casper.Round{Era: 12, ID: 3}, Value: false}
	signed := func(s []byte) *cosignerv1.SignResponse {
		return &cosignerv1.SignResponse{DecidedBy: "c2",
			Answer: &cosignerv1.SignResponse_Signed{Signed: &cosignerv1.Signed{Signature: s}}}
	}
	bound := func(b *cosignerv1.Bound) *cosignerv1.SignResponse {
		return &cosignerv1.SignResponse{DecidedBy: "c2", Answer: &cosignerv1.SignResponse_Bound{Bound: b}}
	}
	good, bad, stolen := sign(secret, asked), sign(secret, other), sign(thief, asked)
	for _, test := range []struct {
		name   string
		answer *cosignerv1.SignResponse
		held   casper.Message // nil for an error
		fault  string         // part of it
	}{
		{"signed", signed(good[:]), asked, ""},
		{"signed, of another message", signed(bad[:]), nil, `the signature that "c2" answered with is not the validator's`},
		{"signed with another key", signed(stolen[:]), nil, "is not the validator's"},
		{"signed, cut short", signed(good[:63]), nil, `reading the answer of "c2"`},
		{"bound", bound(wire.Bound(other, bad)), other, ""},
		{"bound, the signature of what was asked for", bound(wire.Bound(other, good)), nil, "is not the validator's"},
		{"bound to nothing", bound(&cosignerv1.Bound{Signature: good[:]}), nil, `reading the answer of "c2"`},
		{"nothing", &cosignerv1.SignResponse{DecidedBy: "c2"}, nil, "of a kind that this version does not know"},
	} {
		a, err := agent.Read(casper.PublicKey(public), asked, test.answer)
		if test.held == nil {
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("%s: %v, want %q", test.name, err, test.fault)
			}
			continue
		}
		if err != nil || a.Held != test.held || a.Bound != (test.held == casper.Message(other)) || a.Refused != nil ||
			!casper.PublicKey(public).Verify(a.Held, *a.Signature) {
			t.Errorf("%s: %+v, %v", test.name, a, err)
		}
	}
	refusal := &cosignerv1.Refused{Reason: cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR, Detail: "too old"}
	a, err := agent.Read(casper.PublicKey(public), asked,
		&cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Refused{Refused: refusal}})
	if err != nil || a.Refused != refusal || a.Signature != nil {
		t.Errorf("refused: %+v, %v", a, err)
	}
}
