package casper

import (
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/blake2b"
)

// Ballot is an echo or a vote as nodes send and keep it: with the name of its
// instance rather than what that is made of, and signed. It says what somebody
// signed. It is no Message, so it can be compared and verified, never signed:
// Message makes one of it, for whoever knows what the instance is made of.
type Ballot struct {
	Kind      Kind // KindEcho or KindVote
	Instance  Hash
	Validator uint32
	Round     uint32
	Value     Hash // hash of the proposal; of a vote the first byte is 1 for true and all others are 0
	Signature Signature
}

// BallotOf returns m as a Ballot without its signature; false if m is neither an
// echo nor a vote.
func BallotOf(m Message) (b Ballot, ok bool) {
	switch m := m.(type) {
	case Echo:
		return Ballot{Kind: KindEcho, Instance: m.Instance(), Validator: m.Validator, Round: m.ID, Value: m.Proposal}, true
	case Vote:
		b = Ballot{Kind: KindVote, Instance: m.Instance(), Validator: m.Validator, Round: m.ID}
		b.Value[0] = boolByte(m.Value)
		return b, true
	}
	return Ballot{}, false
}

// Message returns the message that b is the short form of. Of in it takes what
// the instance is made of, and nothing if that makes another one: whoever told it
// cannot have another message signed. It is false, too, for what is neither an
// echo nor a vote.
func (b Ballot) Message(in Round) (Message, bool) {
	in.ID, in.Validator = b.Round, b.Validator
	var m Message
	switch b.Kind {
	case KindEcho:
		m = Echo{Round: in, Proposal: b.Value}
	case KindVote:
		m = Vote{Round: in, Value: b.Value[0] == 1}
	default:
		return nil, false
	}
	b.Signature = Signature{}
	if short, ok := BallotOf(m); !ok || short != b {
		return nil, false
	}
	return m, true
}

// SignedBy reports whether the signature is the key's, as casper-node would judge.
func (b Ballot) SignedBy(key PublicKey) bool {
	text, ok := b.signBytes()
	return ok && VerifyStrict(key, text[:], b.Signature)
}

// Digest is Digest of the message that b is the short form of; false if it is of none.
func (b Ballot) Digest() (Hash, bool) {
	text, ok := b.signBytes()
	return blake2b.Sum256(text[:]), ok
}

// signBytes are those of the message, which the instance's name is enough for.
func (b Ballot) signBytes() ([32]byte, bool) {
	var content []byte
	switch {
	case b.Kind == KindEcho:
		content = Echo{Proposal: b.Value}.content()
	case b.Kind == KindVote && (b.Value == Hash{} || b.Value == Hash{1}):
		content = Vote{Value: b.Value[0] == 1}.content()
	default:
		return [32]byte{}, false
	}
	return blake2b.Sum256(zugPreimage(Round{ID: b.Round, Validator: b.Validator}, b.Instance, content)), true
}

// Contradicts reports whether the two are different values of one slot, which is
// what casper-node takes for an equivocation (zug/message.rs, contradicts).
// Whether they are signed it does not ask.
func (b Ballot) Contradicts(o Ballot) bool {
	value := o.Value
	o.Value, o.Signature = b.Value, b.Signature
	return b == o && b.Value != value
}

// Content returns what the ballot says, for people: "echo of 1f.." with the whole
// hash of the proposal, or "vote true".
func (b Ballot) Content() string {
	switch b.Kind {
	case KindEcho:
		return "echo of " + hex.EncodeToString(b.Value[:])
	case KindVote:
		return fmt.Sprintf("vote %v", b.Value[0] == 1)
	}
	return fmt.Sprintf("nothing (%v)", b.Kind)
}

// String returns the ballot's slot and content in short, for logs.
func (b Ballot) String() string {
	return fmt.Sprintf("%s, round %d instance %x/%d", b.Content(), b.Round, b.Instance[:4], b.Validator)
}
