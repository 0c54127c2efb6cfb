// Package journal decides what becomes of the bytes that a casper-node writes into a unit file,
// which it does with each message before it sends it. Whoever can refuse to write can refuse to
// send.
//
// It promises: a message of ours is stored only with the proof that its slot holds it, and one slot
// never gets two contents in one file, nor one content twice; bytes that are not exactly what
// casper-node writes are refused; after a refusal nothing more is taken from the same writer, which
// may write the same bytes again.
//
// It leaves to others: which messages are ours (stock/units), what proves a slot (rule/attest),
// where bytes are stored, and how long is waited.
package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

// The ways in which bytes are refused without asking anybody, besides those of stock/units.
var (
	// ErrContradicts is another content for a slot that this very file has one for.
	ErrContradicts = errors.New("this unit file holds another message of ours for the same slot")
	// ErrUngranted is a message of ours that is to be stored without a proof that its slot holds it.
	ErrUngranted = errors.New("a message of ours is not granted")
	// ErrProbe is the refusal of what Probe returns.
	ErrProbe = errors.New("a self-test: bytes that are always refused")
)

// slot is a place for one message of ours within an instance.
type slot struct {
	round uint32
	kind  casper.Kind
}

func slotOf(b casper.Ballot) slot { return slot{b.Round, b.Kind} }

// Journal is what a unit file holds, as far as it matters for what is written next. New makes one.
type Journal struct {
	whose *units.Own
	end   int64
	own   map[slot]casper.Hash
}

// New returns the Journal of an empty file.
func New(instance casper.Hash, key casper.PublicKey) *Journal {
	return &Journal{whose: units.NewOwn(key, instance), own: map[slot]casper.Hash{}}
}

// FileName returns the name that casper-node gives to an instance's unit file.
func FileName(instance casper.Hash, key casper.PublicKey) string {
	return "unit_" + instance.String() + "_" + key.String() + ".dat"
}

// ParseName returns the instance of a unit file of the key. It takes only what casper-node writes,
// so that no instance has two files.
func ParseName(name string, key casper.PublicKey) (casper.Hash, error) {
	instance, of, err := units.ParseName(name)
	if err != nil {
		return casper.Hash{}, err
	}
	if of != key.String() {
		return casper.Hash{}, fmt.Errorf("%q is the unit file of %s, and the gate stands for %v", name, of, key)
	}
	if name != FileName(instance, key) {
		return casper.Hash{}, fmt.Errorf("%q is not written as casper-node does, in lower case", name)
	}
	return instance, nil
}

// Load reads what the file holds so far, which was judged when it was written. It returns where the
// file is to be cut: at the first entry that is torn or damaged, or that is ours and for a slot
// that has one. An error says that the file could not be read, or that it cannot be told what in it
// is ours.
//
// Of each index only the first signature is verified: a file holds 180,000, and that of a node that
// never votes has none of ours. If ours were missed here, Judge would refuse what comes by that
// index. And the last one, if it is ours: where a power cut left zeros they may begin in it. For
// the same reason a last entry that is not ours and the first of its index is cut too: ours with
// zeros for a signature, or another's with zeros for an index, would make our own index another's,
// and what we sign for the rest of the era be refused. A message of another's comes again.
func (j *Journal) Load(file io.Reader) (int64, error) {
	r, whose := units.NewReader(file), map[uint32]bool{}
	last, before := units.Message{}, int64(0) // if it is ours, or alien; where it begins
	alien := false                            // it alone says that its index is another's
	for {
		e, err := r.Next()
		var damage *units.DamageError
		switch {
		case errors.Is(err, io.EOF), errors.As(err, &damage):
			if _, err := j.whose.Ours(last); err != nil {
				delete(j.own, slotOf(last.Ballot))
				j.end = before
			}
			if alien {
				j.whose.Forget(last.Validator)
				j.end = before
			}
			return j.end, nil
		case err != nil:
			return 0, err
		}
		last, before, alien = units.Message{}, j.end, false
		if m := e.First; e.Kind == units.Signed && m.Instance == j.whose.Instance() {
			ours, met := whose[m.Validator]
			if !met {
				if ours, err = j.whose.Ours(m); err != nil {
					return 0, err
				}
				whose[m.Validator] = ours
				last, alien = m, !ours
			}
			if ours {
				if _, taken := j.own[slotOf(m.Ballot)]; taken {
					return j.end, nil
				}
				j.own[slotOf(m.Ballot)], last = m.Value, m
			}
		}
		j.end = r.Offset()
	}
}

// Instance is the one that the file is of.
func (j *Journal) Instance() casper.Hash { return j.whose.Instance() }

// At says which index our key has in the era, as the chain says. It fails if signatures said
// another.
func (j *Journal) At(index uint32) error { return j.whose.At(index) }

// Told is units.Own.Told: nil if a message of ours that somebody told of may stand in the file.
func (j *Journal) Told(b casper.Ballot) error { return j.whose.Told(b) }

// End is where the file's entries end: nothing is behind it, and it cannot be cut before it.
func (j *Journal) End() int64 { return j.end }

// Own returns how many messages of ours the file holds.
func (j *Journal) Own() int { return len(j.own) }

// Batch is what is to be stored of one write: nothing of it, or all. Only Judge makes one that
// stores something.
type Batch struct {
	// Lacks is what of ours is new, and not proven to be granted. While there is any, nothing is
	// stored.
	Lacks []casper.Ballot

	raw []byte          // the entries, as they were written
	own []casper.Ballot // what of ours is in it
}

// Raw is what to store. It fails if anything of ours lacks its proof.
func (b Batch) Raw() ([]byte, error) {
	if len(b.Lacks) > 0 {
		return nil, fmt.Errorf("%w: %v", ErrUngranted, b.Lacks[0])
	}
	return b.raw, nil
}

// Own is what of ours is new in it. Once it is stored, each has its proof.
func (b Batch) Own() []casper.Ballot { return b.own }

// Judge tells what is to be stored of the whole entries of a write, given what is proven. What of
// ours is in the file already counts as written. What was granted must be judged again before it is
// stored, because another writer may have been faster.
func (j *Journal) Judge(pieces []units.Piece, granted []attest.Proof) (Batch, error) {
	var b Batch
	var now map[slot]casper.Hash // of this very write
	proofs := make(map[slot]attest.Proof, len(granted))
	for _, p := range granted {
		proofs[slot{p.Slot().Round, p.Slot().Kind}] = p
	}
	for _, p := range pieces {
		if !p.Ours {
			b.add(p.Raw)
			continue
		}
		m := p.First.Ballot
		value, taken := j.own[slotOf(m)]
		if !taken {
			value, taken = now[slotOf(m)]
		}
		switch {
		case taken && value == m.Value:
			continue
		case taken:
			return Batch{}, fmt.Errorf("%w: %v", ErrContradicts, m)
		case now == nil:
			now = map[slot]casper.Hash{}
		}
		now[slotOf(m)] = m.Value
		b.add(p.Raw)
		b.own = append(b.own, m)
		if !proofs[slotOf(m)].Of(m) {
			b.Lacks = append(b.Lacks, m)
		}
	}
	return b, nil
}

// add does not copy what is alone, as it is nearly always.
func (b *Batch) add(raw []byte) {
	if b.raw == nil {
		b.raw = raw[:len(raw):len(raw)]
		return
	}
	b.raw = append(b.raw, raw...)
}

// Add notes that a Batch stands at the end of the file now. It must have been judged since the last
// Add.
func (j *Journal) Add(b Batch) {
	j.end += int64(len(b.raw))
	for _, m := range b.own {
		j.own[slotOf(m)] = m.Value
	}
}

// Pen is one writer of a file: what it wrote and what is no whole entry yet. Writers do not share
// one: what one began, another cannot end. Journal.Pen makes one.
type Pen struct {
	split  *units.Splitter // nil if it writes nothing at all
	broken error
}

// Pen returns a new writer of the file. Of all its writers only one may be at work at a time.
func (j *Journal) Pen() *Pen { return &Pen{split: units.NewSplitter(j.whose, j.end)} }

// Blank returns a Pen that takes nothing.
func Blank() *Pen { return &Pen{} }

// Take takes bytes as they were written, and returns the entries that are whole now, which are
// valid until the next call. How bytes are split over writes is without meaning. An error is for
// good.
func (p *Pen) Take(b []byte) ([]units.Piece, error) {
	if p.broken != nil {
		return nil, p.broken
	}
	if p.split == nil || bytes.Equal(b, Probe()) {
		return nil, p.Break(ErrProbe)
	}
	pieces, err := p.split.Split(b)
	if err != nil {
		return nil, p.Break(err)
	}
	return pieces, nil
}

// Break has the Pen take nothing more, and returns why, or why it was broken before. Rust's
// BufWriter keeps what could not be written, and writes it once more when it is dropped.
func (p *Pen) Break(why error) error {
	if p.broken == nil {
		p.broken, p.split = why, nil
	}
	return p.broken
}

// Broken returns why the Pen takes nothing more; nil as long as it does.
func (p *Pen) Broken() error { return p.broken }

// Probe returns an entry that is always refused, for a test from outside whether somebody still
// refuses. Its tag is none of casper-node's, so that a file that it got into is cut there.
func Probe() []byte {
	text := "casper-cosigner: who reads this in a unit file wrote past the gate"
	b := binary.LittleEndian.AppendUint64(nil, uint64(4+len(text)))
	return append(binary.LittleEndian.AppendUint32(b, 0xffffffff), text...)
}
