package units

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"casper-cosigner/rule/casper"
)

// Merged is a file with what it lacked.
type Merged struct {
	End    int64        // where the file is to be cut: behind its last whole entry
	Added  []byte       // entries to stand there, as casper-node would have written them
	Count  int          // how many
	Damage *DamageError // why it is cut, if more stands there than a torn entry
}

// ContraryError says that a file holds another value than was signed elsewhere: a slot with two.
type ContraryError struct {
	Offset      int64 // in the file; -1 if both were signed elsewhere
	Have, Other casper.Ballot
}

// Error names both.
func (e *ContraryError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("our key signed %v, and then %s", e.Have, e.Other.Content())
	}
	return fmt.Sprintf("at offset %d the file holds %v, signed elsewhere was %s", e.Offset, e.Have, e.Other.Content())
}

// Merge returns what a file is to be made of before a node reads it, so that the node never signs
// another value than it or another node signed: its whole entries, and behind them what our key
// signed elsewhere in the file's instance. What the file has already is not added: casper-node
// votes no more in an era whose file has an entry twice. Nor is what our key did not sign, such as
// a claim of which nobody has a signature: casper-node would serve it to its peers.
//
// The error is a *ContraryError, an *IndexError, ErrNoIndex, or why reading failed. own must be
// the file's, or new and have been told by At.
func Merge(file io.Reader, own *Own, elsewhere []casper.Ballot) (m Merged, err error) {
	lacks, err := wanted(own, elsewhere)
	if err != nil {
		return m, err
	}
	r := NewReader(file)
	for {
		e, err := r.Next()
		switch {
		case errors.As(err, &m.Damage), errors.Is(err, io.EOF):
			m.End, m.Count = r.Offset(), len(lacks)
			m.Added = appendAll(lacks)
			return m, nil
		case err != nil:
			return m, err
		case e.Kind != Signed:
			continue
		}
		if err := lack(lacks, e, own); err != nil {
			return m, err
		}
	}
}

// lack takes from what a file lacks the entry that it has.
func lack(lacks map[place]casper.Ballot, e Entry, own *Own) error {
	b, found := lacks[placeOf(e.First.Ballot)]
	if !found {
		return nil
	}
	// For casper-node an entry is there twice if the value is the same, whatever its instance.
	if b.Value == e.First.Value {
		delete(lacks, placeOf(b))
		return nil
	}
	ours, err := own.Ours(e.First)
	if ours && err == nil {
		err = &ContraryError{Offset: e.Offset, Have: e.First.Ballot, Other: b}
	}
	return err
}

// place is a slot within a file.
type place struct {
	kind             casper.Kind
	round, validator uint32
}

func placeOf(b casper.Ballot) place { return place{b.Kind, b.Round, b.Validator} }

// wanted returns what may stand in the file.
func wanted(own *Own, elsewhere []casper.Ballot) (map[place]casper.Ballot, error) {
	lacks := map[place]casper.Ballot{}
	for _, b := range elsewhere {
		// Each is verified, and none that is not ours is noted: whoever sent it may have made it up.
		if b.Instance != own.instance || !b.SignedBy(own.key) {
			continue
		}
		if err := own.Told(b); err != nil {
			return nil, err
		}
		was, found := lacks[placeOf(b)]
		if found && was.Value != b.Value {
			return nil, &ContraryError{Offset: -1, Have: was, Other: b}
		}
		lacks[placeOf(b)] = b
	}
	return lacks, nil
}

// appendAll returns the ballots as entries, by round.
func appendAll(lacks map[place]casper.Ballot) (b []byte) {
	all := make([]casper.Ballot, 0, len(lacks))
	for _, l := range lacks {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b casper.Ballot) int {
		return cmp.Or(cmp.Compare(a.Round, b.Round), cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Value[:], b.Value[:]))
	})
	for _, l := range all {
		b = Append(b, l)
	}
	return b
}
