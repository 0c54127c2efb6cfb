package units_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

// This is a second writing of what casper-node writes, for files that no network ever wrote. The
// shape is held against casper-types' own in TestAsCasperWrites.

func le32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
func le64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// list is bytes behind their length.
func list(b ...byte) []byte { return append(le64(uint64(len(b))), b...) }

// sized is an entry behind its length.
func sized(parts ...[]byte) []byte { return list(slices.Concat(parts...)...) }

// signer is a validator with an index.
type signer struct {
	key   ed25519.PrivateKey
	index uint32
}

func newSigner(n byte, index uint32) signer {
	return signer{ed25519.NewKeyFromSeed(slices.Repeat([]byte{n}, ed25519.SeedSize)), index}
}

func (s signer) public() casper.PublicKey {
	return casper.PublicKey(s.key.Public().(ed25519.PublicKey))
}

func instanceOf(n byte) casper.Hash { return blake2b.Sum256([]byte{n}) }

func echo(of string) casper.Ballot {
	return casper.Ballot{Kind: casper.KindEcho, Value: blake2b.Sum256([]byte(of))}
}

func vote(yes bool) casper.Ballot {
	b := casper.Ballot{Kind: casper.KindVote}
	if yes {
		b.Value[0] = 1
	}
	return b
}

func content(b casper.Ballot) []byte {
	if b.Kind == casper.KindEcho {
		return slices.Concat(le32(0), list(b.Value[:]...))
	}
	return []byte{1, 0, 0, 0, b.Value[0]}
}

// cast fills in the place and signs.
func (s signer) cast(instance casper.Hash, round uint32, b casper.Ballot) casper.Ballot {
	b.Instance, b.Round, b.Validator = instance, round, s.index
	digest := blake2b.Sum256(slices.Concat(le32(round), list(instance[:]...), content(b), le32(s.index)))
	b.Signature = casper.Signature(ed25519.Sign(s.key, digest[:]))
	return b
}

func signature(b casper.Ballot) []byte { return slices.Concat(le32(1), list(b.Signature[:]...)) }

func message(b casper.Ballot) []byte {
	return slices.Concat(le32(b.Round), list(b.Instance[:]...), content(b), le32(b.Validator), signature(b))
}

func signed(b casper.Ballot) []byte { return sized(le32(uint32(units.Signed)), message(b)) }

func evidence(a, b casper.Ballot) []byte {
	return sized(le32(uint32(units.Evidence)), message(a), content(b), signature(b))
}

// proposal is one without a block, or with one of a transaction.
func proposal(round uint32, block bool) []byte {
	p := le64(1_700_000_000_000 + uint64(round))
	if !block {
		return slices.Concat(p, []byte{0, 1}, le32(round), []byte{0})
	}
	approval := slices.Concat(le32(1), list(make([]byte, 32)...), le32(2), list(make([]byte, 64)...))
	transaction := slices.Concat(le32(1), list(make([]byte, 32)...), le64(1), approval)
	return slices.Concat(p, []byte{1}, le64(1), []byte{3}, le64(1), transaction,
		le64(2), le32(0), le32(2), list(make([]byte, 33)...), // accusations
		le64(2), list(0xf0, 1), list(), // rewarded signatures
		[]byte{1, 1}, []byte{1}, le32(0), []byte{1}, le64(2), le32(4), le32(9))
}

func proposed(round uint32, block bool) []byte {
	return sized(le32(uint32(units.Proposed)), proposal(round, block), le32(round))
}
