package casper

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// version is the first byte of every encoding. The encoding is kept in the Raft
// log and lies under nodes' signatures: to change it is to add a version.
const version = 1

// Sizes of the encodings in bytes; headSize is the version and kind bytes.
const (
	headSize      = 2
	roundSize     = 32 + 8 + 32 + 4 + 4
	echoSize      = headSize + roundSize + 32
	voteSize      = headSize + roundSize + 1
	finalitySize  = headSize + 32 + 8 + 8 + 32
	handshakeSize = headSize + 12 + 67 + 67
)

// Validate refuses what can be seen to be wrong from the message alone: TLS
// points that are not on the curve, a handshake with oneself (both identities
// would cancel out of the signed bytes; casper-node drops such a connection
// before the handshake), a nil message, or a type that merely embeds or points
// to one of the four. Plausibility of eras, heights and rounds is not its matter.
func Validate(m Message) error {
	switch m := m.(type) {
	case Echo, Vote, Finality:
		return nil
	case Handshake:
		if err := m.check(); err != nil {
			return fmt.Errorf("validating handshake: %w", err)
		}
		return nil
	}
	return fmt.Errorf("validating message: type %T is not one of the four", m)
}

// check returns the first fault of h.
func (h Handshake) check() error {
	switch {
	case h.Our == h.Their:
		return errors.New("both ends have the same TLS point")
	case !h.Our.Valid():
		return errors.New("our TLS point is not a compressed P-521 point")
	case !h.Their.Valid():
		return errors.New("their TLS point is not a compressed P-521 point")
	}
	return nil
}

// AppendBinary appends 114 bytes: version, kind, round, proposal. The error is
// always nil.
func (e Echo) AppendBinary(b []byte) ([]byte, error) {
	b = e.appendFields(append(b, version, byte(KindEcho)))
	return append(b, e.Proposal[:]...), nil
}

// AppendBinary appends 83 bytes: version, kind, round, value (0 or 1). The
// error is always nil.
func (v Vote) AppendBinary(b []byte) ([]byte, error) {
	b = v.appendFields(append(b, version, byte(KindVote)))
	return append(b, boolByte(v.Value)), nil
}

// AppendBinary appends 82 bytes: version, kind, block, height, era, chain name.
// The error is always nil.
func (f Finality) AppendBinary(b []byte) ([]byte, error) {
	return f.appendFields(append(b, version, byte(KindFinality))), nil
}

// AppendBinary appends 148 bytes: version, kind, random, our point, their
// point. It fails as Validate does.
func (h Handshake) AppendBinary(b []byte) ([]byte, error) {
	if err := h.check(); err != nil {
		return b, fmt.Errorf("encoding handshake: %w", err)
	}
	b = append(b, version, byte(KindHandshake))
	b = append(b, h.Random[:]...)
	b = append(b, h.Our[:]...)
	return append(b, h.Their[:]...), nil
}

func (r Round) appendFields(b []byte) []byte {
	b = append(b, r.Chainspec[:]...)
	b = binary.LittleEndian.AppendUint64(b, r.Era)
	b = append(b, r.KeyBlock[:]...)
	b = binary.LittleEndian.AppendUint32(b, r.ID)
	return binary.LittleEndian.AppendUint32(b, r.Validator)
}

// appendFields serves the encoding and the sign bytes: casper-node's preimage
// of a finality signature is these four fields in this order.
func (f Finality) appendFields(b []byte) []byte {
	b = append(b, f.Block[:]...)
	b = binary.LittleEndian.AppendUint64(b, f.Height)
	b = binary.LittleEndian.AppendUint64(b, f.Era)
	return append(b, f.ChainName[:]...)
}

// Decode is the strict inverse of AppendBinary: it accepts exactly the bytes
// that AppendBinary writes and returns a message that passes Validate. It does
// not keep b.
func Decode(b []byte) (Message, error) {
	if len(b) < headSize {
		return nil, fmt.Errorf("decoding message: %d bytes, too short for version and kind", len(b))
	}
	if b[0] != version {
		return nil, fmt.Errorf("decoding message: unknown version %d", b[0])
	}
	kind := Kind(b[1])
	size := encodedSize(kind)
	if size == 0 {
		return nil, fmt.Errorf("decoding message: unknown kind %d", b[1])
	}
	if len(b) != size {
		return nil, fmt.Errorf("decoding %v: %d bytes, want %d", kind, len(b), size)
	}
	m, err := decodeFields(kind, fields(b[headSize:]))
	if err != nil {
		return nil, fmt.Errorf("decoding %v: %w", kind, err)
	}
	return m, nil
}

// encodedSize returns the size of kind's encoding in bytes; 0 if kind is
// unknown.
func encodedSize(kind Kind) int {
	switch kind {
	case KindEcho:
		return echoSize
	case KindVote:
		return voteSize
	case KindFinality:
		return finalitySize
	case KindHandshake:
		return handshakeSize
	}
	return 0
}

// decodeFields reads the fields of a message of a known kind; f has its exact
// size.
func decodeFields(kind Kind, f fields) (Message, error) {
	switch kind {
	case KindEcho:
		m := Echo{Round: f.round()}
		f.take(m.Proposal[:])
		return m, nil
	case KindVote:
		m := Vote{Round: f.round()}
		if f[0] > 1 {
			return nil, fmt.Errorf("value is %d, want 0 or 1", f[0])
		}
		m.Value = f[0] == 1
		return m, nil
	case KindFinality:
		var m Finality
		f.take(m.Block[:])
		m.Height, m.Era = f.uint64(), f.uint64()
		f.take(m.ChainName[:])
		return m, nil
	default: // KindHandshake, since Decode knows its size
		var m Handshake
		f.take(m.Random[:])
		f.take(m.Our[:])
		f.take(m.Their[:])
		return m, m.check()
	}
}

// fields is the rest of an encoding whose length has been checked.
type fields []byte

func (f *fields) take(dst []byte) { *f = (*f)[copy(dst, *f):] }

func (f *fields) uint32() uint32 {
	var b [4]byte
	f.take(b[:])
	return binary.LittleEndian.Uint32(b[:])
}

func (f *fields) uint64() uint64 {
	var b [8]byte
	f.take(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

func (f *fields) round() Round {
	var r Round
	f.take(r.Chainspec[:])
	r.Era = f.uint64()
	f.take(r.KeyBlock[:])
	r.ID, r.Validator = f.uint32(), f.uint32()
	return r
}
