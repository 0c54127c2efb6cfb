package cosigner

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"casper-cosigner/cosigner/frost"
)

// Keys are the shares of the validator's key in one epoch: our own, and who holds which. Shares of
// two epochs do not add up.
type Keys struct {
	Epoch   uint32
	Share   *frost.KeyShare
	Holders map[string]int // number of each cosigner's share, from 1, by the cosigner's name; ours is among them
}

func (k Keys) validate(own string) error {
	group := k.Share.Group()
	switch numbers := slices.Sorted(maps.Values(k.Holders)); {
	case k.Holders[own] != k.Share.ID():
		return fmt.Errorf("our share is number %d, and %q is said to hold number %d", k.Share.ID(), own, k.Holders[own])
	case len(numbers) < group.Threshold():
		return fmt.Errorf("%d holders, and %d shares are needed", len(numbers), group.Threshold())
	case len(slices.Compact(numbers)) < len(k.Holders):
		return errors.New("two cosigners are said to hold one share")
	}
	return nil
}

// Keyring says which cosigner holds which share, epoch by epoch, for those who ask for shares as
// for those who give them. NewKeyring makes one, NoKeys that of a cosigner that uses none; neither
// changes.
type Keyring struct {
	epochs map[uint32]Keys
	newest uint32
}

// NewKeyring returns the keyring of the named cosigner. It refuses keys that contradict themselves,
// and two of one epoch.
func NewKeyring(own string, keys ...Keys) (*Keyring, error) {
	k := &Keyring{epochs: map[uint32]Keys{}}
	for _, one := range keys {
		if _, twice := k.epochs[one.Epoch]; twice {
			return nil, fmt.Errorf("making a keyring: two shares of epoch %d", one.Epoch)
		}
		if err := one.validate(own); err != nil {
			return nil, fmt.Errorf("making a keyring: shares of epoch %d: %w", one.Epoch, err)
		}
		k.epochs[one.Epoch] = one
		k.newest = max(k.newest, one.Epoch)
	}
	if len(keys) == 0 {
		return nil, errors.New("making a keyring: no share")
	}
	return k, nil
}

// NoKeys returns the keyring of a cosigner that uses no share: it attests, and signs nothing.
func NoKeys() *Keyring { return &Keyring{} }

// ErrNoShare is returned where a share is wanted of a cosigner that uses none.
var ErrNoShare = errors.New("this cosigner uses no share: all nodes of its cluster file are stock and sign " +
	"themselves, so it attests, and signs nothing")

// Empty reports whether there is no share at all.
func (k *Keyring) Empty() bool { return len(k.epochs) == 0 }

// At returns the keys of an epoch, ErrNoShare, or an *EpochError.
func (k *Keyring) At(epoch uint32) (Keys, error) {
	keys, ok := k.epochs[epoch]
	if k.Empty() {
		return Keys{}, ErrNoShare
	}
	if !ok {
		return Keys{}, &EpochError{Epoch: epoch, Have: slices.Sorted(maps.Keys(k.epochs))}
	}
	return keys, nil
}

// Newest returns the keys that new signatures are made with; they are zero if the keyring is empty.
func (k *Keyring) Newest() Keys { return k.epochs[k.newest] }

// Split returns the fingerprint of the split of our newest share, nil if there is none.
func (k *Keyring) Split() []byte {
	if k.Empty() {
		return nil
	}
	return k.Newest().split()
}

// split returns the fingerprint of the split that our share is of, as it travels.
func (k Keys) split() []byte {
	f := k.Share.Group().Fingerprint()
	return f[:]
}

// EpochError is returned for an epoch of which this cosigner has no share.
type EpochError struct {
	Epoch uint32
	Have  []uint32
}

// Error names the epoch and what to look at.
func (e *EpochError) Error() string {
	return fmt.Sprintf("share epoch %d is unknown here, ours is %v: compare the share files of all cosigners, "+
		"they must be of one split", e.Epoch, e.Have)
}
