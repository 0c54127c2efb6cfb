// Package casper knows what a Casper validator signs: Zug echoes and votes,
// finality signatures and the network handshake.
//
// It turns a typed message into the exact bytes that casper-node 2.0.3 would
// sign, names the slot that those bytes occupy, and reads and writes keys,
// signatures and key files in casper-node's forms. Casper has no domain
// separation: a bare 32-byte digest may as well be a transfer of the
// validator's money. So nothing here takes a digest to be signed; every
// signed byte is built from a [Message].
//
// It promises: one encoding per message and one message per encoding; two
// messages of one slot with equal sign bytes agree, all others contradict
// each other; never a key byte in an error. It is pure: no network, files,
// clock, goroutines or logs.
//
// It leaves to others: whether an era, height or round is plausible or below
// the floor, which chain name and which TLS point are ours, and whether a slot
// is free.
package casper

import "fmt"

// Kind says what a message is. Its values are part of the encoding written by
// AppendBinary and must never be reused.
type Kind uint8

// The kinds of message that can be signed. Everything else that a validator
// key could sign (Highway units, transactions) has no kind and so no way in.
const (
	KindEcho      Kind = 1 // Zug echo of a proposal
	KindVote      Kind = 2 // Zug vote on a round
	KindFinality  Kind = 3 // finality signature V2 of a block
	KindHandshake Kind = 4 // consensus certificate of a network handshake
)

// String returns the lower-case word used in logs, flags and documents.
func (k Kind) String() string {
	switch k {
	case KindEcho:
		return "echo"
	case KindVote:
		return "vote"
	case KindFinality:
		return "finality"
	case KindHandshake:
		return "handshake"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// OfHeight reports whether messages of this kind fill the slot of a height, as
// finality signatures do, rather than one of a round.
func (k Kind) OfHeight() bool { return k == KindFinality }

// Message is one thing that a validator may sign. It is sealed: the only
// messages are the value types Echo, Vote, Finality and Handshake. All four
// are comparable with ==.
type Message interface {
	// Kind says which of the four it is.
	Kind() Kind

	// SignBytes returns the exact bytes that Ed25519 signs: a 32-byte hash
	// for Echo, Vote and Handshake, 80 raw bytes for Finality. It checks
	// nothing; see Validate.
	SignBytes() []byte

	// AppendBinary appends the canonical encoding to b: a version byte, the
	// kind byte and the fields in declaration order, integers little-endian,
	// without padding. The size depends on the kind only. It fails, leaving b
	// as it was, for a message that Validate refuses, so that Decode accepts
	// all it writes.
	AppendBinary(b []byte) ([]byte, error)

	// slot is part of the interface rather than a type switch in SlotOf, so
	// that no message can fall through a switch and pass for slotless.
	slot() (Slot, bool)
}
