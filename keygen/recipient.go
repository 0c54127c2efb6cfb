package keygen

import (
	"errors"
	"fmt"

	"filippo.io/age"
)

// FirstEpoch is the share epoch of a split; each resharing has one more.
const FirstEpoch = 1

var (
	errNoRecipient   = errors.New("there is none to encrypt it to")
	errSameRecipient = errors.New("it has the recipient of another share: one identity would open both")
)

// Recipients reads the age recipients of the shares, in their order. Each share must have one of
// its own, or one thief of an identity would have two shares. Its error lists every fault.
func Recipients(texts []string) (list []age.Recipient, err error) {
	var faults []error
	seen := map[string]bool{}
	for i, text := range texts {
		r, err := age.ParseX25519Recipient(text)
		switch {
		case text == "":
			err = errNoRecipient
		case seen[text]:
			err = errSameRecipient
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("recipient of share %d: %w", i+1, err))
		}
		seen[text] = true
		list = append(list, r)
	}
	return list, errors.Join(faults...)
}

// SameSplit reports whether both files say that they are of one cluster and epoch. Whether their
// shares sign together, Verify tells.
func (s ShareFile) SameSplit(other ShareFile) bool {
	return s.Cluster == other.Cluster && s.Epoch == other.Epoch
}
