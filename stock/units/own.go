package units

import (
	"errors"
	"fmt"

	"casper-cosigner/rule/casper"
)

// Own tells which entries of a file are ours. A file is of one era, in which our key has one index;
// but which, its signatures say. A validator that leaves moves the indices of others, and a gate
// that knew its own by an index let two contradicting echoes pass.
//
// To verify each entry of a file would take some ten seconds for an era of 100 validators. So the
// first entry of an index decides whether it is another's, but only once ours is known. casper-node
// records no message that it did not verify, so no index has two signers.
type Own struct {
	key      casper.PublicKey
	instance casper.Hash
	index    uint32
	known    witness
	others   map[uint32]bool
}

// witness says how the index of our key is known.
type witness uint8

const (
	nobody    witness = iota
	signature         // an entry with it verified
	chain             // the era's validators say so; an entry may have verified since
)

// NewOwn returns an Own for the file of that key and instance, as ParseName reads them.
func NewOwn(key casper.PublicKey, instance casper.Hash) *Own {
	return &Own{key: key, instance: instance, others: map[uint32]bool{}}
}

// Instance returns the instance that the file is of.
func (o *Own) Instance() casper.Hash { return o.instance }

// Index returns the index of our key in the file's era, and whether it is known.
func (o *Own) Index() (index uint32, known bool) { return o.index, o.known != nobody }

// IndexError says that signatures and the era's validators do not agree on which messages are ours.
// Then nothing can be told to be another's, and nothing may be written.
type IndexError struct {
	Message Message
	Ours    bool // the message is signed by our key, and has another's index; else the reverse
}

// Error names the message and what does not fit.
func (e *IndexError) Error() string {
	if e.Ours {
		return fmt.Sprintf("%v is signed by our key, and its index is another's in that era", e.Message.Ballot)
	}
	return fmt.Sprintf("%v has our key's index and is not signed by it", e.Message.Ballot)
}

// At says which index our key has among the era's validators. It fails if a signature said another.
func (o *Own) At(index uint32) error {
	if o.known != nobody && o.index != index {
		return fmt.Errorf("our key has index %d by the validators of %v and %d by what it signed", index, o.instance, o.index)
	}
	if o.others[index] {
		return fmt.Errorf("our key has index %d by the validators of %v, and another signed by it", index, o.instance)
	}
	o.index, o.known = index, chain
	return nil
}

// Ours reports whether a message is ours and of the file's instance, so that it must be claimed
// before it is written. One of another instance is not: the node signs with its own only, and a
// peer may have it record an older one. Any error is an *IndexError.
func (o *Own) Ours(m Message) (bool, error) {
	switch {
	case m.Instance != o.instance:
		return false, nil
	case o.known != nobody && m.Validator == o.index:
		if !m.SignedBy(o.key) {
			return false, &IndexError{Message: m}
		}
		return true, nil
	case o.known != nobody && o.others[m.Validator]:
		return false, nil
	case !m.SignedBy(o.key):
		o.others[m.Validator] = true
		return false, nil
	}
	return true, o.take(m)
}

// ErrNoIndex says that nobody who is believed has said which index our key has in the file's era.
var ErrNoIndex = errors.New("our key's index in that era is not known")

// Told returns nil if a message of ours which somebody told of may stand in the file: it has our
// index, as the chain says or a message that the node wrote itself. It learns nothing. Our key's
// signature proves no index: a node that is not ours any more gets one of any index attested.
func (o *Own) Told(b casper.Ballot) error {
	switch {
	case o.known == nobody:
		return ErrNoIndex
	case b.Validator != o.index:
		return &IndexError{Message: Message{Ballot: b}, Ours: true}
	}
	return nil
}

// Forget takes back that an index is another's, as if the entry that said so had not been met.
func (o *Own) Forget(index uint32) { delete(o.others, index) }

// take notes the index of a message of the file's instance that is signed by our key.
func (o *Own) take(m Message) error {
	if o.known != nobody && o.index != m.Validator || o.others[m.Validator] {
		return &IndexError{Message: m, Ours: true}
	}
	if o.known == nobody {
		o.index, o.known = m.Validator, signature
	}
	return nil
}

// signed reports whether our key signed a message of a piece of evidence. There it may be of
// another instance than it says: casper-node writes the instance once for both.
func (o *Own) signed(m Message) bool {
	moved := m
	moved.Instance = o.instance
	return m.SignedBy(o.key) || moved.SignedBy(o.key)
}
