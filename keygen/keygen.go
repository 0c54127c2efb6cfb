// Package keygen splits a validator's Ed25519 key over cosigners and keeps the
// shares in encrypted files.
//
// It promises:
//   - Split succeeds only if the shares' group key is the public key of the seed
//     and after every t of them, or 100 sampled sets, have signed together.
//   - A share file is age-encrypted text. Everything in it, also what is public,
//     is inside the encryption, and nothing is accepted that differs by a bit.
//   - OpenShare returns a share only if it fits its commitments, and these the
//     validator's public key.
//   - Secrets print as "[secret]" and are in no error.
//
// It leaves to others: files and their names, passphrases and identities, where
// copies of the key file still lie, and which cluster and epoch a share file must
// be of to be used. It uses neither disk, network nor clock.
package keygen

import (
	"fmt"

	"casper-cosigner/cosigner/frost"
)

// MinSize is the smallest number of cosigners: with two, one that is lost stops
// the validator or one that is stolen gives the key away.
const MinSize = 3

// checkSize refuses splits whose t-sets need not intersect, on which rests that
// no slot gets two values.
func checkSize(t, n int) error {
	switch {
	case n < MinSize || n > frost.MaxSize:
		return fmt.Errorf("%d cosigners, from %d to %d are possible", n, MinSize, frost.MaxSize)
	case t < 2 || t > n || 2*t <= n:
		return fmt.Errorf("threshold %d of %d cosigners, it must be more than half of them and at most all", t, n)
	}
	return nil
}
