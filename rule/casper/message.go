package casper

import (
	"crypto/elliptic"
	"crypto/sha512"
	"encoding/binary"

	"golang.org/x/crypto/blake2b"
)

// Round is the Zug round that an echo or vote belongs to. An asker sends the
// three parts that instance_id is made of rather than instance_id itself, so
// that the era is bound to what is signed.
type Round struct {
	Chainspec Hash   // chainspec_hash; changes with each protocol upgrade
	Era       uint64 // era_id
	KeyBlock  Hash   // key_block_hash: the switch block of era - 1
	ID        uint32 // round_id, counted from 0 in each era
	Validator uint32 // index among the era's validators, sorted by public key
}

// Instance recomputes instance_id, the name of the era's Zug instance
// (casper-node era_supervisor.rs, instance_id).
func (r Round) Instance() Hash {
	era := blake2b.Sum256(binary.LittleEndian.AppendUint64(r.Chainspec[:], r.Era))
	return blake2b.Sum256(append(r.KeyBlock[:], era[:]...))
}

// Echo is the Zug message that endorses a round's proposal. The leader's own
// echo takes the place of a signature on the proposal.
type Echo struct {
	Round
	Proposal Hash // hash of the proposal
}

// Vote is the Zug message that votes to commit (true) or to skip (false) a
// round.
type Vote struct {
	Round
	Value bool
}

// Finality is a finality signature, version 2 (casper-types
// finality_signature_v2.rs).
type Finality struct {
	Block     Hash   // block hash
	Height    uint64 // block height
	Era       uint64 // era_id of the block
	ChainName Hash   // BLAKE2b-256 of the chain name; see ChainNameHash
}

// Handshake is the consensus certificate that a validator presents on each TLS
// connection between nodes (casper-node network/chain_info.rs). The signed
// bytes contain an XOR of both ends' identities, so identities given as such
// could be chosen to make any 32 bytes; the points are asked for and hashed
// here instead.
type Handshake struct {
	Random     [12]byte // combined_random: server random XOR client random
	Our, Their TLSPoint // keys of our end and of the other end
}

// TLSPoint is a node's TLS key: a P-521 point in compressed form, 02 or 03 and
// the 66-byte big-endian x coordinate (SEC 1, section 2.3.3).
type TLSPoint [67]byte

// Valid reports whether p encodes a point of the curve. A point has only one
// valid encoding.
func (p TLSPoint) Valid() bool {
	x, _ := elliptic.UnmarshalCompressed(elliptic.P521(), p[:])
	return x != nil
}

// NodeID returns the node's network identity, SHA-512 of the compressed point
// (casper-node tls.rs).
func (p TLSPoint) NodeID() [64]byte { return sha512.Sum512(p[:]) }

// ChainOf returns the hash of the name of the chain that m is of; false if m
// does not name one, as only a Finality does.
func ChainOf(m Message) (Hash, bool) {
	f, ok := m.(Finality)
	return f.ChainName, ok
}

// OwnPoint returns the TLS point at our own end of the connection that m is a
// certificate for; false if m is not one.
func OwnPoint(m Message) (TLSPoint, bool) {
	h, ok := m.(Handshake)
	return h.Our, ok
}

// Kind returns KindEcho.
func (Echo) Kind() Kind { return KindEcho }

// Kind returns KindVote.
func (Vote) Kind() Kind { return KindVote }

// Kind returns KindFinality.
func (Finality) Kind() Kind { return KindFinality }

// Kind returns KindHandshake.
func (Handshake) Kind() Kind { return KindHandshake }

// SignBytes returns the 32-byte hash of the round, the proposal and the
// validator index (casper-node zug/message.rs).
func (e Echo) SignBytes() []byte {
	h := blake2b.Sum256(zugPreimage(e.Round, e.Instance(), e.content()))
	return h[:]
}

// SignBytes returns the 32-byte hash of the round, the value and the validator
// index (casper-node zug/message.rs).
func (v Vote) SignBytes() []byte {
	h := blake2b.Sum256(zugPreimage(v.Round, v.Instance(), v.content()))
	return h[:]
}

// SignBytes returns 80 bytes, which are signed unhashed: block, height, era,
// chain name.
func (f Finality) SignBytes() []byte {
	return f.appendFields(make([]byte, 0, finalitySize-headSize))
}

// SignBytes returns the 32-byte ConnectionId of the TLS connection.
func (h Handshake) SignBytes() []byte {
	id := connectionID(h.Random, h.Our.NodeID(), h.Their.NodeID())
	return id[:]
}

// content returns the bincode of Content::Echo: variant 0 and the proposal.
func (e Echo) content() []byte {
	return appendDigest(make([]byte, 4, 44), e.Proposal)
}

// content returns the bincode of Content::Vote: variant 1 and the value.
func (v Vote) content() []byte {
	return []byte{1, 0, 0, 0, boolByte(v.Value)}
}

// zugPreimage returns what is hashed for an echo or vote: the fixed-width
// little-endian bincode of (round_id, instance_id, content, validator_idx).
// Of r only the round and the validator index are used.
func zugPreimage(r Round, instance Hash, content []byte) []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 92), r.ID)
	b = appendDigest(b, instance)
	b = append(b, content...)
	return binary.LittleEndian.AppendUint32(b, r.Validator)
}

// appendDigest appends h as bincode does it: casper-types serialises a digest
// as a slice, so an 8-byte length goes first.
func appendDigest(b []byte, h Hash) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(h)))
	return append(b, h[:]...)
}

// connectionID returns BLAKE2b-256 of random, XOR the first halves of both node
// ids (casper-node network/counting_format.rs). It is the same from both ends.
func connectionID(random [12]byte, our, their [64]byte) Hash {
	id := blake2b.Sum256(random[:])
	for i := range id {
		id[i] ^= our[i] ^ their[i]
	}
	return id
}

// boolByte returns 1 for true and 0 for false.
func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}
