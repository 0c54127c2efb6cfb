package main

import (
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// message is the fields of one message, as recorded from a real node.
type message struct {
	Kind           string  `json:"kind"`
	ChainspecHash  string  `json:"chainspec_hash"`
	EraID          *uint64 `json:"era_id"`
	KeyBlockHash   string  `json:"key_block_hash"`
	RoundID        *uint32 `json:"round_id"`
	ValidatorIndex *uint32 `json:"validator_index"`
	Echo           *string `json:"echo"`
	Vote           *bool   `json:"vote"`
	BlockHash      string  `json:"block_hash"`
	BlockHeight    *uint64 `json:"block_height"`
	ChainNameHash  string  `json:"chain_name_hash"`
	CombinedRandom string  `json:"combined_random"`
	OurTLSPoint    string  `json:"our_tls_point"`
	TheirTLSPoint  string  `json:"their_tls_point"`
}

// form is what a message comes to.
type form struct {
	slot  string // empty for a handshake
	bytes []byte // that are signed
}

func (f form) name() string {
	if f.slot == "" {
		return "a handshake"
	}
	return f.slot
}

func (m message) form() (form, error) {
	switch m.Kind {
	case "zug":
		return m.zug()
	case "finality_v2":
		return m.finality()
	case "consensus_certificate":
		return m.handshake()
	}
	return form{}, fmt.Errorf("unknown kind %q", m.Kind)
}

// zug hashes casper-node's bincode: round, instance, content, validator. A hash is written with its
// length (zug/message.rs).
func (m message) zug() (form, error) {
	if m.EraID == nil || m.RoundID == nil || m.ValidatorIndex == nil || (m.Echo == nil) == (m.Vote == nil) {
		return form{}, errors.New("a field is missing")
	}
	var in reader
	chainspec, keyBlock := in.hex("chainspec_hash", m.ChainspecHash, 32), in.hex("key_block_hash", m.KeyBlockHash, 32)
	name, content := "vote", []byte{1, 0, 0, 0, 0}
	if m.Echo != nil {
		name, content = "echo", append([]byte{0, 0, 0, 0}, withLength(in.hex("echo", *m.Echo, 32))...)
	} else if *m.Vote {
		content[4] = 1
	}
	if in.err != nil {
		return form{}, in.err
	}
	// The era's instance (era_supervisor.rs): the key block and a hash of chainspec and era.
	inner := blake2b(binary.LittleEndian.AppendUint64(chainspec, *m.EraID))
	instance := blake2b(append(keyBlock, inner[:]...))

	digest := zugDigest(*m.RoundID, instance, content, *m.ValidatorIndex)
	return form{
		slot:  fmt.Sprintf("%s instance %x validator %d round %d", name, instance, *m.ValidatorIndex, *m.RoundID),
		bytes: digest[:],
	}, nil
}

// zugDigest is what is signed of an Echo or a Vote; content is in bincode.
func zugDigest(round uint32, instance [digestSize]byte, content []byte, index uint32) [digestSize]byte {
	preimage := binary.LittleEndian.AppendUint32(nil, round)
	preimage = append(preimage, withLength(instance[:])...)
	preimage = append(preimage, content...)
	return blake2b(binary.LittleEndian.AppendUint32(preimage, index))
}

// finality is signed as it is, unhashed (finality_signature_v2.rs).
func (m message) finality() (form, error) {
	if m.BlockHeight == nil || m.EraID == nil {
		return form{}, errors.New("a field is missing")
	}
	var in reader
	b := in.hex("block_hash", m.BlockHash, 32)
	b = binary.LittleEndian.AppendUint64(b, *m.BlockHeight)
	b = binary.LittleEndian.AppendUint64(b, *m.EraID)
	b = append(b, in.hex("chain_name_hash", m.ChainNameHash, 32)...)
	return form{slot: fmt.Sprintf("finality height %d", *m.BlockHeight), bytes: b}, in.err
}

// handshake is the hash of the random bytes, XORed with both ends' identities, each a SHA-512 of
// the TLS point of which the first half counts (counting_format.rs).
func (m message) handshake() (form, error) {
	var in reader
	random := in.hex("combined_random", m.CombinedRandom, 12)
	our, their := in.hex("our_tls_point", m.OurTLSPoint, 67), in.hex("their_tls_point", m.TheirTLSPoint, 67)
	if in.err != nil {
		return form{}, in.err
	}
	b, ourID, theirID := blake2b(random), sha512.Sum512(our), sha512.Sum512(their)
	for i := range b {
		b[i] ^= ourID[i] ^ theirID[i]
	}
	return form{bytes: b[:]}, nil
}

func withLength(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(b))), b...)
}

// reader reads hex fields and keeps the first error.
type reader struct{ err error }

func (r *reader) hex(name, text string, size int) []byte {
	b, err := hex.DecodeString(text)
	if err == nil && len(b) != size {
		err = fmt.Errorf("want %d bytes, got %d", size, len(b))
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %w", name, err)
	}
	return b
}
