package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
)

// Entries are bincode with integers of fixed size, each behind its length of 8 bytes
// (utils/wal.rs).
const (
	sizeOfSize = 8
	// The longest message is an Echo of 172 bytes, the tag of its entry included; evidence has a
	// second content and signature.
	maxMessage  = 4 + 4 + 40 + 44 + 4 + 76
	maxEvidence = maxMessage + 44 + 76
	// A proposal holds hashes and approvals of transactions, not their code: far more than the
	// chainspec lets into a block.
	maxProposal = 64 << 20
	minProposal = 4 + 8 + 1 + 1 + 1 + 4
)

// The entries' tags, the order of ZugWalEntry in protocols/zug.rs.
const (
	tagMessage = iota
	tagProposal
	tagEvidence
)

const ed25519Tag = 1 // of Signature, crypto/asymmetric_key.rs in casper-types

// content is an Echo with its hash, or a Vote.
type content struct {
	isVote bool
	vote   bool
	echo   [digestSize]byte
}

func (c content) String() string {
	if c.isVote {
		return fmt.Sprintf("Vote(%v)", c.vote)
	}
	return fmt.Sprintf("Echo(%x)", c.echo)
}

// contradicts is the rule by which Zug bans a validator (zug/message.rs); both must be of one
// round and validator.
func (c content) contradicts(other content) bool { return c.isVote == other.isVote && c != other }

func (c content) bincode() []byte {
	switch {
	case !c.isVote:
		return append([]byte{0, 0, 0, 0}, withLength(c.echo[:])...)
	case c.vote:
		return []byte{1, 0, 0, 0, 1}
	}
	return []byte{1, 0, 0, 0, 0}
}

// signedMessage is SignedMessage of zug/message.rs. Two are the same message if they are equal.
type signedMessage struct {
	round     uint32
	instance  [digestSize]byte
	content   content
	index     uint32
	scheme    uint32 // the signature's tag
	signature [ed25519.SignatureSize]byte
}

func (m signedMessage) signedBy(key ed25519.PublicKey) bool {
	digest := zugDigest(m.round, m.instance, m.content.bincode(), m.index)
	return m.scheme == ed25519Tag && ed25519.Verify(key, digest[:], m.signature[:])
}

// entry is one message, the two messages of a piece of evidence, or else a proposal.
type entry struct {
	offset   int // of its length in the file
	messages []signedMessage
	proposal proposal
}

// proposal is all that is to be known of one: its hash is what an Echo signs (zug/proposal.rs), its
// content is never looked at.
type proposal struct {
	round uint32
	hash  [digestSize]byte
}

// damageError says that a unit file cannot be what casper-node wrote, from offset on.
type damageError struct {
	offset  int
	problem error
}

func (e *damageError) Error() string { return fmt.Sprintf("offset %d: %v", e.offset, e.problem) }
func (e *damageError) Unwrap() error { return e.problem }

// errShort ends every decoding that wants more bytes than there are.
var errShort = errors.New("the entry ends too early")

// parseUnits splits a unit file of the instance into its entries. The file may be live, so its last
// entry may be torn: torn is how many bytes of it there are. After a *damageError nothing more is
// read; the entries before it are returned.
func parseUnits(data []byte, instance [digestSize]byte) (entries []entry, torn int, err error) {
	for at := 0; at < len(data); {
		if len(data)-at < sizeOfSize {
			return entries, len(data) - at, nil
		}
		size := binary.LittleEndian.Uint64(data[at:])
		body := data[at+sizeOfSize:]
		whole := size <= uint64(len(body))
		if whole {
			body = body[:size]
		}
		e, err := parseEntry(body, size, instance)
		switch {
		case errors.Is(err, errShort) && !whole:
			return entries, len(data) - at, nil
		case err != nil:
			return entries, 0, &damageError{offset: at, problem: err}
		}
		e.offset = at
		entries = append(entries, e)
		at += sizeOfSize + len(body)
	}
	return entries, 0, nil
}

// parseEntry reads an entry that has the given size, of which body may lack the end: then it
// returns errShort, or another error if even the present part contradicts the size. So a damaged
// size does not pass for a torn tail and hide what follows it.
func parseEntry(body []byte, size uint64, instance [digestSize]byte) (entry, error) {
	d := decoder{rest: body}
	tag := d.u32()
	switch {
	case size < 4 || size > maxProposal:
		return entry{}, fmt.Errorf("an entry of %d bytes", size)
	case d.err != nil:
		return entry{}, d.err
	case tag == tagProposal:
		return parseProposal(body, size, instance)
	case tag > tagEvidence:
		return entry{}, fmt.Errorf("unknown tag %d of an entry", tag)
	case size > maxEvidence, tag == tagMessage && size > maxMessage:
		return entry{}, fmt.Errorf("an entry of %d bytes with tag %d", size, tag)
	}
	first := d.message(instance)
	e := entry{messages: []signedMessage{first}}
	if tag == tagEvidence {
		second := first
		second.content = d.content()
		second.scheme, second.signature = d.signature()
		e.messages = append(e.messages, second)
	}
	if d.err != nil {
		return entry{}, d.err
	}
	if used := len(body) - len(d.rest); uint64(used) != size {
		return entry{}, fmt.Errorf("an entry of %d bytes says that it has %d", used, size)
	}
	return e, nil
}

// parseProposal hashes what stands between the tag and the round. Messages name their instance and
// proposals do not, so an entry that does has swallowed messages by a damaged size.
func parseProposal(body []byte, size uint64, instance [digestSize]byte) (entry, error) {
	d := decoder{rest: body[4:]}
	d.u64() // timestamp
	if hasBlock := d.take(1); d.err == nil && hasBlock[0] > 1 {
		return entry{}, fmt.Errorf("a proposal's block has tag %d", hasBlock[0])
	}
	switch {
	case size < minProposal:
		return entry{}, fmt.Errorf("a proposal of %d bytes", size)
	case bytes.Contains(body, instance[:]):
		return entry{}, errors.New("a proposal with a message in it: its size is damaged")
	case d.err != nil:
		return entry{}, d.err
	case uint64(len(body)) < size:
		return entry{}, errShort
	}
	end := len(body) - 4
	return entry{proposal: proposal{
		round: binary.LittleEndian.Uint32(body[end:]),
		hash:  blake2b(body[4:end]),
	}}, nil
}

// decoder takes values off the front of bincode and keeps the first error.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

// take returns the next n bytes, or as many zeros after an error.
func (d *decoder) take(n int) []byte {
	if d.err == nil && len(d.rest) < n {
		d.err = errShort
	}
	if d.err != nil {
		return make([]byte, n)
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) u32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) u64() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }

// digest reads a hash, which is written with its length.
func (d *decoder) digest() [digestSize]byte {
	if n := d.u64(); n != digestSize {
		d.fail("a hash of %d bytes", n)
	}
	return [digestSize]byte(d.take(digestSize))
}

func (d *decoder) message(instance [digestSize]byte) signedMessage {
	var m signedMessage
	m.round = d.u32()
	if m.instance = d.digest(); m.instance != instance {
		d.fail("a message of another instance, %x", m.instance)
	}
	m.content = d.content()
	m.index = d.u32()
	m.scheme, m.signature = d.signature()
	return m
}

func (d *decoder) content() content {
	switch tag := d.u32(); tag {
	case 0:
		return content{echo: d.digest()}
	case 1:
		vote := d.take(1)[0]
		if vote > 1 {
			d.fail("a vote of %d", vote)
		}
		return content{isVote: true, vote: vote == 1}
	default:
		d.fail("unknown tag %d of a content", tag)
		return content{}
	}
}

// signature reads one of Ed25519 or secp256k1. The third scheme has no signatures, and validators
// cannot have such keys.
func (d *decoder) signature() (scheme uint32, bytes [ed25519.SignatureSize]byte) {
	scheme = d.u32()
	if n := d.u64(); scheme < 1 || scheme > 2 || n != ed25519.SignatureSize {
		d.fail("a signature of %d bytes with tag %d", n, scheme)
	}
	return scheme, [ed25519.SignatureSize]byte(d.take(ed25519.SignatureSize))
}
