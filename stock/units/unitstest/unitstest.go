// Package unitstest makes entries of unit files for tests: a validator's echoes and votes, signed,
// and proposals.
package unitstest

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

// Validator is one with its index in an era.
type Validator struct {
	Index uint32
	key   ed25519.PrivateKey
}

// New returns a validator whose key is made of n.
func New(n byte, index uint32) Validator {
	return Validator{index, ed25519.NewKeyFromSeed(slices.Repeat([]byte{n}, ed25519.SeedSize))}
}

// Of returns the validator of a key.
func Of(key ed25519.PrivateKey, index uint32) Validator { return Validator{index, key} }

// At returns the same validator with another index.
func (v Validator) At(index uint32) Validator { return Validator{index, v.key} }

// Public returns the validator's public key.
func (v Validator) Public() casper.PublicKey {
	return casper.PublicKey(v.key.Public().(ed25519.PublicKey))
}

// Instance returns the instance of a name.
func Instance(name string) casper.Hash { return blake2b.Sum256([]byte(name)) }

// Echo returns a signed echo of a proposal of that name.
func (v Validator) Echo(instance casper.Hash, round uint32, of string) casper.Ballot {
	value := blake2b.Sum256([]byte(of))
	b := casper.Ballot{Kind: casper.KindEcho, Instance: instance, Validator: v.Index, Round: round, Value: value}
	return v.sign(b, slices.Concat(le32(0), list(value[:])))
}

// EchoOf returns a signed echo of what another one is an echo of.
func (v Validator) EchoOf(e casper.Ballot) casper.Ballot {
	e.Validator = v.Index
	return v.sign(e, slices.Concat(le32(0), list(e.Value[:])))
}

// Vote returns a signed vote.
func (v Validator) Vote(instance casper.Hash, round uint32, yes bool) casper.Ballot {
	b := casper.Ballot{Kind: casper.KindVote, Instance: instance, Validator: v.Index, Round: round}
	if yes {
		b.Value[0] = 1
	}
	return v.sign(b, []byte{1, 0, 0, 0, b.Value[0]})
}

// sign signs the preimage of zug/message.rs.
func (v Validator) sign(b casper.Ballot, content []byte) casper.Ballot {
	digest := blake2b.Sum256(slices.Concat(le32(b.Round), list(b.Instance[:]), content, le32(b.Validator)))
	b.Signature = casper.Signature(ed25519.Sign(v.key, digest[:]))
	return b
}

// Entry returns a ballot as an entry, its length in front.
func Entry(b casper.Ballot) []byte { return units.Append(nil, b) }

// Proposal returns the entry of a proposal of a block with that many transactions.
func Proposal(round uint32, transactions int) []byte {
	hash := list(make([]byte, 32))
	transaction := slices.Concat(le32(0), hash, le64(0))                                 // without approvals
	p := slices.Concat(le32(uint32(units.Proposed)), le64(1_700_000_000_000), []byte{1}, // a time; a block
		le64(1), []byte{3}, le64(uint64(transactions))) // one lane
	for range transactions {
		p = append(p, transaction...)
	}
	// No accusations, no rewarded signatures, the random bit, the gas price, no parent, no
	// inactive.
	return list(slices.Concat(p, le64(0), le64(0), []byte{0, 1, 0, 0}, le32(round)))
}

func le32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
func le64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// list is bytes behind their length.
func list(b []byte) []byte { return append(le64(uint64(len(b))), b...) }
