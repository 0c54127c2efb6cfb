package keygen

import (
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"

	"go.dedis.ch/kyber/v3"
	"go.dedis.ch/kyber/v3/share"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/cosigner/frost/edgroup"
)

var errPublicKey = errors.New("the group key is not the public key of the seed")

// Split shares the key of an Ed25519 seed (RFC 8032 private key) so that any t of
// n cosigners can sign: 2t > n, 2 <= t <= n and 3 <= n <= 15 (trusted dealer,
// RFC 9591 appendix C). The share of cosigner id is at index id-1. random must be
// crypto/rand's Reader outside of tests.
//
// It verifies what it made before it returns, so an error means that nothing may
// be used. Two calls give shares that do not mix.
func Split(seed [32]byte, t, n int, random io.Reader) (*frost.GroupKey, []*frost.KeyShare, error) {
	defer clear(seed[:])
	if err := checkSize(t, n); err != nil {
		return nil, nil, fmt.Errorf("splitting a key: %w", err)
	}
	coefficients, err := drawCoefficients(seed, t, random)
	if err != nil {
		return nil, nil, fmt.Errorf("splitting a key: %w", err)
	}
	defer func() {
		for _, c := range coefficients {
			c.Zero()
		}
	}()
	polynomial := share.CoefficientsToPriPoly(edgroup.Group{}, coefficients)
	_, commitments := polynomial.Commit(nil).Info()
	group, err := frost.NewGroupKey(edgroup.Group{}, commitments, n)
	if err != nil {
		return nil, nil, fmt.Errorf("splitting a key: %w", err)
	}
	if group.Public() != publicKey(seed) {
		return nil, nil, fmt.Errorf("splitting a key: %w", errPublicKey)
	}
	shares, err := deal(group, polynomial)
	if err != nil {
		return nil, nil, fmt.Errorf("splitting a key: %w", err)
	}
	if err := Verify(shares, random); err != nil {
		return nil, nil, fmt.Errorf("splitting a key: %w", err)
	}
	return group, shares, nil
}

// drawCoefficients returns the t coefficients of the sharing polynomial, lowest
// first: the secret key, then random ones.
func drawCoefficients(seed [32]byte, t int, random io.Reader) ([]kyber.Scalar, error) {
	coefficients := []kyber.Scalar{secretScalar(seed)}
	for range t - 1 {
		var b [64]byte // 64, so that the reduction leaves no bias
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return nil, fmt.Errorf("drawing coefficients: %w", err)
		}
		coefficients = append(coefficients, edgroup.Group{}.Scalar().SetBytes(b[:]))
		clear(b[:])
	}
	return coefficients, nil
}

// deal evaluates the polynomial for every cosigner and checks each share against
// the group's commitments.
func deal(group *frost.GroupKey, polynomial *share.PriPoly) ([]*frost.KeyShare, error) {
	var shares []*frost.KeyShare
	for _, s := range polynomial.Shares(group.Size()) {
		secret, err := s.V.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("encoding a share: %w", err)
		}
		k, err := frost.ParseKeyShare(group, s.I+1, secret) // kyber counts from 0
		clear(secret)
		s.V.Zero()
		if err != nil {
			return nil, err
		}
		shares = append(shares, k)
	}
	return shares, nil
}

// secretScalar expands a seed as RFC 8032 section 5.1.5 does. Reducing the
// clamped integer modulo the group order keeps its product with the base point.
func secretScalar(seed [32]byte) kyber.Scalar {
	h := sha512.Sum512(seed[:])
	defer clear(h[:])
	h[0] &= 0xf8
	h[31] = h[31]&0x7f | 0x40
	return edgroup.Group{}.Scalar().SetBytes(h[:32])
}

// publicKey computes the public key by the standard library, on its own.
func publicKey(seed [32]byte) [32]byte {
	private := ed25519.NewKeyFromSeed(seed[:])
	defer clear(private)
	return [32]byte(private[32:])
}
