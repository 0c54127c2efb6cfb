package keygen

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"slices"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/rule/casper"
)

// maxTrials is how many quorums Verify has sign at most.
const maxTrials = 100

// trialMessage is what they sign. Its length is not that of anything Casper
// signs: 32 bytes for consensus and transactions, 40 and 80 for finality.
const trialMessage = "casper-cosigner keygen: trial signature, without meaning on any chain"

var (
	errTooFew      = errors.New("fewer shares than the threshold")
	errOtherSplit  = errors.New("the shares are not of one split")
	errSameID      = errors.New("two shares have the same id")
	errNotStrict   = errors.New("the signature is not what casper-node accepts")
	errNoAgreement = errors.New("the shares do not sign together")
)

// Verify checks that the shares are distinct and of one split, and that every t
// of them make a signature that casper-node accepts; if there are more than 100
// such sets, 100 that random chooses. It takes at least t shares, in any order.
func Verify(shares []*frost.KeyShare, random io.Reader) error {
	shares, err := alike(shares)
	if err != nil {
		return fmt.Errorf("verifying shares: %w", err)
	}
	quorums, err := trialQuorums(len(shares), shares[0].Group().Threshold(), random)
	if err != nil {
		return fmt.Errorf("verifying shares: %w", err)
	}
	for _, quorum := range quorums {
		var signers []*frost.KeyShare
		for i, k := range shares {
			if quorum&(1<<i) != 0 {
				signers = append(signers, k)
			}
		}
		if err := try(signers, random); err != nil {
			return fmt.Errorf("verifying shares: %w: cosigners %v: %w", errNoAgreement, ids(signers), err)
		}
	}
	return nil
}

// alike returns the shares sorted by id and all under the first one's GroupKey,
// since shares of different files come with a GroupKey each.
func alike(shares []*frost.KeyShare) ([]*frost.KeyShare, error) {
	if len(shares) == 0 || len(shares) < shares[0].Group().Threshold() {
		return nil, errTooFew
	}
	group := shares[0].Group()
	out := make([]*frost.KeyShare, 0, len(shares))
	for _, k := range shares {
		if !k.Group().Equal(group) {
			return nil, fmt.Errorf("%w: cosigners %d and %d", errOtherSplit, shares[0].ID(), k.ID())
		}
		secret := k.Secret()
		same, err := frost.ParseKeyShare(group, k.ID(), secret)
		clear(secret)
		if err != nil {
			return nil, err
		}
		out = append(out, same)
	}
	slices.SortFunc(out, func(a, b *frost.KeyShare) int { return a.ID() - b.ID() })
	for i := range out[1:] {
		if out[i].ID() == out[i+1].ID() {
			return nil, fmt.Errorf("%w: cosigner %d", errSameID, out[i].ID())
		}
	}
	return out, nil
}

// trialQuorums returns the sets of t out of n shares to try, as bit masks: all of
// them, or maxTrials random ones.
func trialQuorums(n, t int, random io.Reader) ([]uint, error) {
	var all []uint
	for mask := range uint(1) << n {
		if bits.OnesCount(mask) == t {
			all = append(all, mask)
		}
	}
	if len(all) <= maxTrials {
		return all, nil
	}
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("choosing quorums: %w", err)
	}
	rand.New(rand.NewChaCha8(seed)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:maxTrials], nil
}

// try has one quorum sign the trial message. The signature is thrown away.
func try(signers []*frost.KeyShare, random io.Reader) error {
	var nonces []*frost.Nonce
	var commitments []frost.Commitment
	for _, k := range signers {
		n, err := k.Commit(random)
		if err != nil {
			return err
		}
		nonces, commitments = append(nonces, n), append(commitments, n.Commitment())
	}
	group := signers[0].Group()
	session, err := frost.NewSession(group, []byte(trialMessage), commitments)
	if err != nil {
		return err
	}
	parts := make(map[int][32]byte)
	for i, k := range signers {
		if parts[k.ID()], err = k.Sign(nonces[i], session); err != nil {
			return err
		}
	}
	signature, err := session.Aggregate(parts)
	if err != nil {
		return err
	}
	if !casper.VerifyStrict(group.Public(), []byte(trialMessage), signature) {
		return errNotStrict
	}
	return nil
}

func ids(shares []*frost.KeyShare) []int {
	out := make([]int, len(shares))
	for i, k := range shares {
		out[i] = k.ID()
	}
	return out
}
