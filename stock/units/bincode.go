package units

import (
	"encoding/binary"
	"io"

	"casper-cosigner/rule/casper"
)

// What follows is bincode as casper-node has it: integers of fixed size, little-endian; a tag of 4
// bytes before what is one of several, of 1 byte before what may be absent; a length of 8 bytes
// before lists, maps and sets. Hashes, keys and signatures are lists of bytes (casper-types
// digest.rs and asymmetric_key.rs).

// take returns the entry's next bytes, at most as many as buf holds. They are valid until the
// next call.
func (r *Reader) take(n int) ([]byte, error) {
	if uint64(n) > r.left {
		return nil, damaged("an entry that is %d bytes too short", uint64(n)-r.left)
	}
	b := r.buf[:n]
	got, err := io.ReadFull(r.in, b)
	r.torn += int64(got)
	if err != nil {
		return nil, err
	}
	r.left -= uint64(n)
	if r.sum != nil {
		r.sum.Write(b)
	}
	return b, nil
}

func (r *Reader) u8() (byte, error) {
	b, err := r.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (r *Reader) u32() (uint32, error) {
	b, err := r.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (r *Reader) u64() (uint64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// flag reads what is 0 or 1: a bool, or the tag of what may be absent.
func (r *Reader) flag(of string) (bool, error) {
	b, err := r.u8()
	if err == nil && b > 1 {
		err = damaged("a %s of %d", of, b)
	}
	return b == 1, err
}

// length reads how many things follow, each of which has that many bytes at least, so that no
// length sends anybody round and round.
func (r *Reader) length(of string, least uint64) (uint64, error) {
	n, err := r.u64()
	if err == nil && n > r.left/least {
		err = damaged("%d %s in the %d bytes that are left", n, of, r.left)
	}
	return n, err
}

// list reads as many things as the length in front says.
func (r *Reader) list(of string, least uint64, each func() error) error {
	n, err := r.length(of, least)
	for ; err == nil && n > 0; n-- {
		err = each()
	}
	return err
}

// skip reads a list of bytes of any length.
func (r *Reader) skip(of string) error {
	n, err := r.length(of, 1)
	for err == nil && n > 0 {
		part := min(n, uint64(len(r.buf)))
		_, err = r.take(int(part))
		n -= part
	}
	return err
}

// bytes reads a list of bytes that must have that length.
func (r *Reader) bytes(of string, want int) ([]byte, error) {
	n, err := r.u64()
	if err != nil {
		return nil, err
	}
	if n != uint64(want) {
		return nil, damaged("a %s of %d bytes", of, n)
	}
	return r.take(want)
}

func (r *Reader) digest(of string) (h casper.Hash, err error) {
	b, err := r.bytes(of, len(h))
	copy(h[:], b)
	return h, err
}

// The tags of a key or a signature, in asymmetric_key.rs. The system has neither.
const (
	tagEd25519   = 1
	tagSecp256k1 = 2
)

// message reads a SignedMessage of zug/message.rs.
func (r *Reader) message(m *Message) (err error) {
	if m.Round, err = r.u32(); err != nil {
		return err
	}
	if m.Instance, err = r.digest("name of an instance"); err != nil {
		return err
	}
	if err = r.content(m); err != nil {
		return err
	}
	if m.Validator, err = r.u32(); err != nil {
		return err
	}
	return r.signature(m)
}

// The tags of a content, in zug/message.rs.
const (
	tagEcho = 0
	tagVote = 1
)

// content reads an Echo with the hash of a proposal, or a Vote.
func (r *Reader) content(m *Message) error {
	tag, err := r.u32()
	if err != nil {
		return err
	}
	m.Value = casper.Hash{}
	switch tag {
	case tagEcho:
		m.Kind = casper.KindEcho
		m.Value, err = r.digest("hash of a proposal")
	case tagVote:
		var vote bool
		m.Kind = casper.KindVote
		if vote, err = r.flag("vote"); vote {
			m.Value[0] = 1
		}
	default:
		err = damaged("unknown tag %d of a content", tag)
	}
	return err
}

func (r *Reader) signature(m *Message) error {
	tag, err := r.u32()
	if err == nil && tag != tagEd25519 && tag != tagSecp256k1 {
		err = damaged("a signature with tag %d", tag)
	}
	if err != nil {
		return err
	}
	b, err := r.bytes("signature", len(m.Signature))
	copy(m.Signature[:], b)
	m.Secp256k1 = tag == tagSecp256k1
	return err
}

// proposal reads a Proposal without keeping anything of it.
func (r *Reader) proposal() error {
	if _, err := r.u64(); err != nil { // timestamp
		return err
	}
	block, err := r.flag("tag before a block")
	if err != nil {
		return err
	}
	if block {
		if err := r.payload(); err != nil {
			return err
		}
	}
	parent, err := r.flag("tag before a parent")
	if err == nil && parent {
		_, err = r.u32()
	}
	if err != nil {
		return err
	}
	inactive, err := r.flag("tag before the inactive")
	if err != nil || !inactive {
		return err
	}
	return r.list("inactive validators", 4, func() error {
		_, err := r.u32()
		return err
	})
}

// payload reads a BlockPayload of types/block/block_payload.rs.
func (r *Reader) payload() error {
	err := r.list("lanes", 1+8, func() error {
		if _, err := r.u8(); err != nil {
			return err
		}
		return r.list("transactions", 4+8+32+8, r.transaction)
	})
	if err == nil {
		err = r.list("accusations", 4, func() error { return r.key("accused key", 32, 33) })
	}
	if err == nil { // of each block, a bit for each validator
		err = r.list("blocks with rewarded signatures", 8, func() error { return r.skip("rewarded signatures") })
	}
	if err == nil {
		_, err = r.flag("random bit")
	}
	if err == nil {
		_, err = r.u8() // gas price
	}
	return err
}

// transaction reads a transaction's hash and its approvals.
func (r *Reader) transaction() error {
	tag, err := r.u32()
	if err == nil && tag > 1 {
		err = damaged("a transaction with tag %d", tag)
	}
	if err != nil {
		return err
	}
	if _, err := r.digest("hash of a transaction"); err != nil {
		return err
	}
	return r.list("approvals", 4+4, func() error {
		if err := r.key("approving key", 32, 33); err != nil {
			return err
		}
		return r.key("approving signature", 64, 64)
	})
}

// key reads a key or a signature of any kind: of none, or with as many bytes as that kind has.
func (r *Reader) key(of string, ed25519, secp256k1 int) error {
	tag, err := r.u32()
	if err != nil {
		return err
	}
	switch tag {
	case 0:
	case tagEd25519:
		_, err = r.bytes(of, ed25519)
	case tagSecp256k1:
		_, err = r.bytes(of, secp256k1)
	default:
		err = damaged("a %s with tag %d", of, tag)
	}
	return err
}
