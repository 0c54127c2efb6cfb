// Package witness is what the cosigners say of their own memory, and what follows from it.
//
// A cosigner whose disk was emptied or put back from a copy cannot tell so by itself. So each
// signs, again and again, a [Statement] of how far its log and its ledger have come; agents and the
// other cosigners keep the newest of each in a [Book] and show them to every cosigner that starts.
// [Judge] says whether a cosigner's state holds all that was proven to it, [Hold] what stands
// against founding a cluster on new state.
//
// It promises that what a cosigner signed itself is obeyed, that of the members' statements the
// threshold-th highest is, so that fewer than a threshold of them keep nobody down, and that
// anything else holds a founding at most. A statement counts only under the key that signed it.
//
// It leaves to others: how statements travel, where they are kept, and what is refused while a
// verdict stands.
package witness

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// tag begins what is signed, so that no statement can pass for anything else that the same key
// signs.
const tag = "casper-cosigner statement 1\x00"

const (
	maxName = 32 // as in the cluster file
	// Size is the length of an encoded statement.
	Size = len(tag) + 32 + 16 + 1 + maxName + 16 + 8 + 16 + 4*8 + 4 + 8 + 3*8 + 16
)

// ID is the 16-byte id of a cluster, a state directory or a process.
type ID [16]byte

// String returns 32 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Key is the Ed25519 key of a member's certificate.
type Key [32]byte

// String returns 64 lower-case hex digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Statement is what a cosigner says of its memory at one moment. Nothing is stated before Genesis:
// nothing was signed.
type Statement struct {
	Validator casper.PublicKey // whose share it holds
	Cluster   ID
	Name      string         // of the cosigner
	Directory ID             // of its state
	Boot      uint64         // starts on that directory, this one included
	Session   ID             // of the process
	Term      uint64         // newest term of the log that it knows
	Applied   uint64         // last entry that it applied
	Resets    uint64         // how often heights were reset
	Newest    watermark.Mark // zero while its log never bound anything
	Round     uint32         // newest in the newest era
	Pruned    watermark.Mark // below it everything is refused for ever
	Written   uint64         // records that its ledger was ever given: durable, and all that its shares needed
	Link      ID             // hash over these
}

// Append appends the statement's fixed layout, Size bytes: the tag, then the fields in their order,
// numbers big-endian, the name as its length and 32 bytes.
func (s Statement) Append(b []byte) []byte {
	var name [maxName]byte
	copy(name[:], s.Name)
	b = append(b, tag...)
	b = append(append(b, s.Validator[:]...), s.Cluster[:]...)
	b = append(append(b, byte(len(s.Name))), name[:]...)
	b = binary.BigEndian.AppendUint64(append(b, s.Directory[:]...), s.Boot)
	b = append(b, s.Session[:]...)
	for _, n := range []uint64{s.Term, s.Applied, s.Resets, s.Newest.Era} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint32(b, s.Round)
	for _, n := range []uint64{s.Newest.Height, s.Pruned.Era, s.Pruned.Height, s.Written} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return append(b, s.Link[:]...)
}

var errLayout = errors.New("not a statement of a cosigner")

// Parse is the strict inverse of Append.
func Parse(text []byte) (Statement, error) {
	if len(text) != Size || !bytes.HasPrefix(text, []byte(tag)) {
		return Statement{}, errLayout
	}
	r := text[len(tag):]
	next := func(n int) (b []byte) { b, r = r[:n], r[n:]; return b }
	number := func() uint64 { return binary.BigEndian.Uint64(next(8)) }
	var s Statement
	s.Validator, s.Cluster = casper.PublicKey(next(32)), ID(next(16))
	n, name := int(next(1)[0]), next(maxName)
	if n == 0 || n > maxName || !isName(string(name[:n])) || len(bytes.Trim(name[n:], "\x00")) > 0 {
		return Statement{}, errLayout
	}
	s.Name = string(name[:n])
	s.Directory, s.Boot, s.Session = ID(next(16)), number(), ID(next(16))
	s.Term, s.Applied, s.Resets, s.Newest.Era = number(), number(), number(), number()
	s.Round = binary.BigEndian.Uint32(next(4))
	s.Newest.Height, s.Pruned.Era, s.Pruned.Height, s.Written = number(), number(), number(), number()
	s.Link = ID(next(16))
	return s, nil
}

// isName reports whether the text may be shown as a name: whoever signs it is not trusted with
// more.
func isName(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}) < 0
}

// String says what was stated, for an operator.
func (s Statement) String() string {
	return fmt.Sprintf("%s in cluster %v: applied entry %d, newest era %d round %d, height %d, heights reset %d times, "+
		"%d records in its ledger (directory %v, start %d)", s.Name, s.Cluster, s.Applied, s.Newest.Era, s.Round,
		s.Newest.Height, s.Resets, s.Written, s.Directory, s.Boot)
}

// Signed is a statement with the key that signed it: one that Sign made, or for which Verify holds.
type Signed struct {
	Statement
	Key       Key
	Signature [64]byte
}

// Sign signs a statement.
func Sign(key ed25519.PrivateKey, s Statement) Signed {
	return Signed{Statement: s, Key: Key(key.Public().(ed25519.PublicKey)),
		Signature: [64]byte(ed25519.Sign(key, s.Append(make([]byte, 0, Size))))}
}

// Read reads a statement with what came along. It verifies nothing: Keep does, and Verify.
func Read(text, key, signature []byte) (Signed, error) {
	s, err := Parse(text)
	if err != nil {
		return Signed{}, err
	}
	if len(key) != len(Key{}) || len(signature) != ed25519.SignatureSize {
		return Signed{}, fmt.Errorf("a statement of %q has a key of %d bytes and a signature of %d", s.Name, len(key),
			len(signature))
	}
	return Signed{Statement: s, Key: Key(key), Signature: [64]byte(signature)}, nil
}

// Verify reports whether the key that came with the statement signed it. Whose key that is, is for
// Members to say.
func (s Signed) Verify() bool {
	return ed25519.Verify(s.Key[:], s.Append(make([]byte, 0, Size)), s.Signature[:])
}

// ID is a short name for what one key says in one cluster, by which an operator disregards it.
func (s Signed) ID() string {
	h := blake2b.Sum256(append(append([]byte(tag), s.Cluster[:]...), s.Key[:]...))
	return hex.EncodeToString(h[:6])
}

// unbound reports whether the log of who stated it had never bound anything: nothing was signed, so
// no other log need hold it. One that may begin at zero does not say.
func (s Statement) unbound() bool {
	return s.Newest == watermark.Mark{} && s.Pruned != watermark.Mark{}
}

// Bound reports whether the log of who stated it bound something, or may have.
func (s Statement) Bound() bool { return !s.unbound() }

// Anew reports whether the same cosigner states that it was made anew, on another directory, so
// high that it refuses for ever all that o says, and that nothing is bound there yet.
func (s Statement) Anew(o Statement) bool {
	return s.unbound() && s.Name == o.Name && s.Directory != o.Directory && clears(s.Pruned, o)
}

// clears reports whether a log that refuses everything below pruned can sign nothing that was
// stated to be signed.
func clears(pruned watermark.Mark, s Statement) bool {
	return pruned.Era > s.Newest.Era && pruned.Height > s.Newest.Height
}

// Ahead reports whether s says that more was signed than o does, be it of another cluster.
func (s Statement) Ahead(o Statement) bool {
	return s.Newest.Era > o.Newest.Era || s.Newest.Height > o.Newest.Height
}

// sameProcess reports whether both were stated by one process.
func (s Statement) sameProcess(o Statement) bool {
	return s.Directory == o.Directory && s.Boot == o.Boot && s.Session == o.Session
}

// covers reports whether s has at least as much of everything that only grows in a process.
func (s Statement) covers(o Statement) bool {
	return s.Applied >= o.Applied && s.Resets >= o.Resets && s.Written >= o.Written
}

// Replaces reports whether s is to be kept in the place of o, of the same cosigner in the same
// cluster. One log only grows, so the one with more of it is the newer; a log that was founded
// anew, above all that o says, takes its place however short it is.
func (s Statement) Replaces(o Statement) bool {
	switch {
	case clears(o.Pruned, s):
		return false
	case clears(s.Pruned, o):
		return true
	case s.Applied != o.Applied:
		return s.Applied > o.Applied
	case s.Resets != o.Resets: // it takes a ledger a moment to follow the log
		return s.Resets > o.Resets
	case s.Written != o.Written: // shares are given for what is not applied yet
		return s.Written > o.Written
	case s.Boot != o.Boot:
		return s.Boot > o.Boot
	}
	return s.Term > o.Term
}
