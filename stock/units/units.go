// Package units reads the unit files of casper-node, which are Zug's write-ahead logs: one of each
// era, with every echo and vote that the node signed or took in, the proposals, and the evidence of
// equivocations. No endpoint of a node has that evidence. A node writes what it signs there before
// it sends it, and what it finds there at a start it never signs again with another value.
//
// It promises: an entry is what casper-node 2.0.3 writes, to the byte, or the file is damaged from
// there on, said by name and offset; an entry that a node was interrupted in writing, or is writing
// now, ends the file as it does for casper-node (utils/wal.rs); memory does not depend on what a
// file says. Whose an entry is it tells by the signature, never by a validator's index alone, which
// is another one in each era; where the two disagree, that is an error. Bytes in any portions give
// the same entries. A merged file has every message of ours that was signed elsewhere, and none
// that it had before.
//
// It leaves to others: where the files are, what may be read, what an entry means, and whether a
// slot is free. An entry of ours that is not written yet is a claim, which it makes for nobody.
package units

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
)

// Kind is what an entry holds. The numbers are those of ZugWalEntry in protocols/zug.rs.
type Kind uint32

// The kinds of entries.
const (
	Signed   Kind = iota // an echo or a vote: First
	Proposed             // a proposal
	Evidence             // two messages, for which the node takes their signer for faulty: First and Second
)

// Message is an echo or a vote of any validator.
type Message struct {
	casper.Ballot
	Secp256k1 bool // the signature is of Casper's other algorithm
}

// SignedBy reports whether the message is the key's.
func (m Message) SignedBy(key casper.PublicKey) bool { return !m.Secp256k1 && m.Ballot.SignedBy(key) }

// Entry is one entry of a unit file.
type Entry struct {
	Offset int64 // of its length, in the file
	Kind   Kind
	First  Message
	Second Message // it has the instance, round and validator of First, which casper-node writes once
	// Of a proposal, the round, and the hash that an echo of it has.
	Round    uint32
	Proposal casper.Hash
}

// DamageError says that a file cannot be what casper-node wrote, from Offset on.
type DamageError struct {
	Offset  int64
	Problem string
}

// Error names the offset and what is wrong there.
func (e *DamageError) Error() string {
	return fmt.Sprintf("damaged at offset %d: %s", e.Offset, e.Problem)
}

// Bounds of an entry in bytes, without its length.
const (
	sizeOfSize = 8
	tagSize    = 4
	voteSize   = tagSize + 4 + 40 + 5 + 4 + signatureSize
	echoSize   = tagSize + 4 + 40 + 44 + 4 + signatureSize
	// What evidence has besides its first message.
	voteMore      = 5 + signatureSize
	echoMore      = 44 + signatureSize
	signatureSize = 4 + 8 + 64
	// MaxEntry bounds an entry. A proposal holds hashes of transactions and approvals, not their code:
	// mainnet's limits, 2,600 approvals of a block among them, come to half a megabyte.
	MaxEntry = 16 << 20
)

// Reader reads a unit file's entries. NewReader makes one.
type Reader struct {
	in   *bufio.Reader
	at   int64 // where the next entry begins
	torn int64
	err  error

	e    Entry     // that is being read: here, so that it need not be allocated
	left uint64    // bytes of the entry that are not read yet
	sum  hash.Hash // of what is read of a proposal; nil beyond it
	buf  [64]byte
}

// NewReader returns a Reader of a file from its beginning.
func NewReader(file io.Reader) *Reader { return &Reader{in: bufio.NewReader(file)} }

// Next returns the next entry. Its error is io.EOF at the end, also behind whole entries if
// the last one is torn; a *DamageError; or why reading failed. After an error it returns
// the same again.
func (r *Reader) Next() (Entry, error) {
	if r.err != nil {
		return Entry{}, r.err
	}
	e, err := r.next()
	if err == nil {
		return e, nil
	}
	var d damage
	switch {
	case errors.As(err, &d):
		err = &DamageError{Offset: r.at, Problem: string(d)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = io.EOF
	default:
		err = fmt.Errorf("reading a unit file at offset %d: %w", r.at, err)
	}
	r.err = err
	return Entry{}, err
}

// Torn returns how many bytes stand behind the last whole entry, once Next has returned io.EOF.
func (r *Reader) Torn() int64 { return r.torn }

// Offset returns where the next entry begins, which is where the whole entries end.
func (r *Reader) Offset() int64 { return r.at }

// damage is what is wrong with the entry that is being read.
type damage string

func (d damage) Error() string { return string(d) }

func damaged(format string, args ...any) error { return damage(fmt.Sprintf(format, args...)) }

// next reads an entry. An end of the file before its end shows as io.EOF or io.ErrUnexpectedEOF.
// What is there is judged all the same, so that a damaged length that reaches beyond the file does
// not pass for a torn entry and hide what follows it.
func (r *Reader) next() (Entry, error) {
	r.torn = 0
	n, err := io.ReadFull(r.in, r.buf[:sizeOfSize])
	if r.torn += int64(n); err != nil {
		return Entry{}, err
	}
	size := binary.LittleEndian.Uint64(r.buf[:])
	if size < tagSize || size > MaxEntry {
		return Entry{}, damaged("an entry of %d bytes", size)
	}
	r.e, r.left, r.sum = Entry{Offset: r.at}, size, nil
	if err := r.body(size); err != nil {
		return Entry{}, err
	}
	if r.left > 0 {
		return Entry{}, damaged("an entry of %d bytes has %d left over", size, r.left)
	}
	r.at += sizeOfSize + int64(size)
	return r.e, nil
}

func (r *Reader) body(size uint64) error {
	tag, err := r.u32()
	if err != nil {
		return err
	}
	r.e.Kind = Kind(tag)
	if err := checkSize(r.e.Kind, size); err != nil {
		return err
	}
	switch r.e.Kind {
	case Signed:
		return r.message(&r.e.First)
	case Proposed:
		return r.proposed(&r.e)
	default:
		return r.evidence(&r.e)
	}
}

// checkSize refuses what no entry of that kind can have as its size, and kinds that there are not.
func checkSize(kind Kind, size uint64) error {
	switch {
	case kind > Evidence:
		return damaged("unknown tag %d of an entry", kind)
	case kind == Signed && size != voteSize && size != echoSize:
		return damaged("a message of %d bytes", size)
	case kind == Evidence && (size < voteSize+voteMore || size > echoSize+echoMore):
		return damaged("evidence of %d bytes", size)
	}
	return nil
}

func (r *Reader) evidence(e *Entry) error {
	if err := r.message(&e.First); err != nil {
		return err
	}
	e.Second = e.First
	if err := r.content(&e.Second); err != nil {
		return err
	}
	return r.signature(&e.Second)
}

// proposed reads a Proposal of zug/proposal.rs with the BlockPayload in it, and the round behind.
func (r *Reader) proposed(e *Entry) (err error) {
	if r.sum, err = blake2b.New256(nil); err != nil {
		return err
	}
	if err := r.proposal(); err != nil {
		return err
	}
	r.sum.Sum(e.Proposal[:0])
	r.sum = nil
	e.Round, err = r.u32()
	return err
}

// ParseName returns what a unit file's name says: unit_<instance>_<the node's public key>.dat, in
// which the key has its tag in front (protocol_state_file in era_supervisor.rs).
func ParseName(name string) (instance casper.Hash, key string, err error) {
	inner, isDat := strings.CutSuffix(name, ".dat")
	inner, isUnit := strings.CutPrefix(inner, "unit_")
	id, key, _ := strings.Cut(inner, "_")
	raw, notHex := hex.DecodeString(id)
	_, notKey := hex.DecodeString(key)
	if !isDat || !isUnit || notHex != nil || notKey != nil || len(raw) != len(instance) || key == "" {
		return casper.Hash{}, "", fmt.Errorf("%q is no unit file's name, unit_INSTANCE_KEY.dat", name)
	}
	return casper.Hash(raw), strings.ToLower(key), nil
}
