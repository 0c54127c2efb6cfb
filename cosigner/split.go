package cosigner

import (
	"bytes"
	"fmt"
)

// SplitError is returned for a cosigner whose share is of another split of the key than ours: no
// shares of ours and of it make a signature together, so it is not asked for any.
type SplitError struct{ Ours, Theirs string } // fingerprints

// Error names both, and what to look at.
func (e *SplitError) Error() string {
	return fmt.Sprintf("its share is of another split of the key, %s, than ours, %s, and they make no signature "+
		"together: `casper-cosigner status` says whose share file is to be replaced", e.Theirs, e.Ours)
}

// against returns a *SplitError if a cosigner's share is of another split than ours, by the
// fingerprint that it tells; nil of one that tells none.
func (k Keys) against(theirs []byte) error {
	if ours := k.split(); len(theirs) > 0 && !bytes.Equal(ours, theirs) {
		const longest = 8 // bytes; whoever tells more is not quoted
		return &SplitError{Ours: fmt.Sprintf("%x", ours), Theirs: fmt.Sprintf("%x", theirs[:min(len(theirs), longest)])}
	}
	return nil
}
