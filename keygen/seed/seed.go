// Package seed is the validator's Ed25519 seed (the private key of RFC 8032, which is what a key
// file of casper-node holds) in pieces, one a cosigner.
//
// The shares that sign are of the scalar that is made of a seed, and no scalar leads back to one.
// So for a casper-node that needs the key itself the seed is shared besides: each half of it, 128
// bits, as a scalar, by Shamir's way, with the code that shares the scalar (kyber's share over
// edgroup).
//
// It promises that fewer than t pieces say nothing of the seed; that what Join returns is the seed
// of the validator's public key, whatever some of the pieces are; that a sealed piece is opened
// only by the recipient that was drawn for it, and only as what it was sealed as; and that a piece
// prints as "[secret]".
//
// There is nothing by which one piece alone could be verified: commitments, as the shares have
// them, would be to 128 bits each, and those can be found by trying.
//
// It leaves to others who is given a piece (rule/custody), and that what it returns is wiped, as
// far as Go lets anybody: a copy may stay on a stack, and in what the collector has not reused.
package seed

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"go.dedis.ch/kyber/v3"
	"go.dedis.ch/kyber/v3/share"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/cosigner/frost/edgroup"
	"casper-cosigner/rule/casper"
)

const (
	half       = 16 // bytes of a seed that are one scalar
	scalarSize = 32

	// PieceSize is how many bytes a piece has: one scalar for each half of the seed.
	PieceSize = 2 * scalarSize
)

var (
	errPiece    = errors.New("not the piece of a seed: want two canonical scalars of 32 bytes")
	errNoKey    = errors.New("no such set of pieces is the validator's key: one of them is false, or of another split")
	errTooFew   = errors.New("fewer pieces than the threshold")
	errSameID   = errors.New("two pieces have the same number")
	errUnshared = errors.New("the pieces do not give the seed again")
)

// Piece is what one cosigner holds of a seed.
type Piece struct {
	id    int
	value [PieceSize]byte
}

// Split makes n pieces of a seed, any t of which are the seed; that of cosigner id is at index
// id-1. random must be crypto/rand's Reader outside of tests. Sets of t are tried before it
// returns.
func Split(seed [32]byte, t, n int, random io.Reader) ([]Piece, error) {
	defer clear(seed[:])
	if t < 2 || t > n || n > frost.MaxSize {
		return nil, fmt.Errorf("splitting a seed: %d of %d pieces; want from 2 of 2 to %d of %d", t, n, frost.MaxSize,
			frost.MaxSize)
	}
	pieces := make([]Piece, n)
	for at := range 2 {
		coefficients, err := draw(seed[at*half:(at+1)*half], t, random)
		if err != nil {
			return nil, fmt.Errorf("splitting a seed: %w", err)
		}
		for _, s := range share.CoefficientsToPriPoly(edgroup.Group{}, coefficients).Shares(n) {
			b, err := s.V.MarshalBinary()
			if err != nil {
				return nil, fmt.Errorf("splitting a seed: %w", err)
			}
			pieces[s.I].id = s.I + 1 // kyber counts from 0
			copy(pieces[s.I].value[at*scalarSize:], b)
			clear(b)
			s.V.Zero()
		}
		for _, c := range coefficients {
			c.Zero()
		}
	}
	public := public(seed)
	for first := range n - t + 1 {
		again, err := Join(public, t, pieces[first:first+t])
		if clear(again[:]); err != nil {
			return nil, fmt.Errorf("splitting a seed: %w", errUnshared)
		}
	}
	return pieces, nil
}

// draw returns the coefficients of the polynomial that shares one half, lowest first: it, and t-1
// random ones.
func draw(secret []byte, t int, random io.Reader) ([]kyber.Scalar, error) {
	var b [64]byte // 64, so that the reduction leaves no bias
	defer clear(b[:])
	copy(b[:], secret)
	coefficients := []kyber.Scalar{edgroup.Group{}.Scalar().SetBytes(b[:])}
	for range t - 1 {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return nil, fmt.Errorf("drawing coefficients: %w", err)
		}
		coefficients = append(coefficients, edgroup.Group{}.Scalar().SetBytes(b[:]))
	}
	return coefficients, nil
}

// Parse reads the piece of cosigner id, from 1.
func Parse(id int, b []byte) (Piece, error) {
	p := Piece{id: id}
	if len(b) != PieceSize || id < 1 || id > frost.MaxSize {
		return Piece{}, errPiece
	}
	copy(p.value[:], b)
	for at := range 2 {
		if err := (edgroup.Group{}).Scalar().UnmarshalBinary(p.scalar(at)); err != nil {
			return Piece{}, errPiece
		}
	}
	return p, nil
}

// ID returns the number of the cosigner that holds it, from 1; 0 of no piece.
func (p Piece) ID() int { return p.id }

// Secret returns the piece's bytes, for the share file and for sealing. The caller wipes them.
func (p Piece) Secret() []byte { return append([]byte(nil), p.value[:]...) }

func (p *Piece) scalar(at int) []byte { return p.value[at*scalarSize : (at+1)*scalarSize] }

// String returns "[secret]".
func (Piece) String() string { return "[secret]" }

// GoString returns "[secret]".
func (Piece) GoString() string { return "[secret]" }

// Format writes "[secret]" for every verb.
func (Piece) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalJSON returns "[secret]" as a JSON string.
func (Piece) MarshalJSON() ([]byte, error) { return []byte(`"[secret]"`), nil }

// Join returns the seed of the validator's key, of any t of the pieces that are it: one that is
// false is left out, as long as t others are there. The caller wipes it.
func Join(validator casper.PublicKey, t int, pieces []Piece) (seed [32]byte, err error) {
	seen := map[int]bool{}
	for _, p := range pieces {
		if seen[p.id] {
			return seed, fmt.Errorf("joining pieces of a seed: %w: cosigner %d", errSameID, p.id)
		}
		seen[p.id] = true
	}
	if t < 2 || len(pieces) < t {
		return seed, fmt.Errorf("joining pieces of a seed: %w: %d of %d", errTooFew, len(pieces), t)
	}
	for mask := range uint(1) << len(pieces) {
		set := chosen(pieces, mask)
		if len(set) != t {
			continue
		}
		seed, err := interpolate(set)
		if err == nil && public(seed) == validator {
			return seed, nil
		}
		clear(seed[:])
	}
	return [32]byte{}, fmt.Errorf("joining pieces of a seed: %w", errNoKey)
}

// chosen returns the pieces whose bits are set.
func chosen(pieces []Piece, mask uint) (set []Piece) {
	for i, p := range pieces {
		if mask&(1<<i) != 0 {
			set = append(set, p)
		}
	}
	return set
}

// interpolate takes both polynomials at zero. What is longer than a half is no seed.
func interpolate(set []Piece) (seed [32]byte, err error) {
	for at := range 2 {
		var shares []*share.PriShare
		for _, p := range set {
			s := edgroup.Group{}.Scalar()
			if err := s.UnmarshalBinary(p.scalar(at)); err != nil {
				return seed, err
			}
			shares = append(shares, &share.PriShare{I: p.id - 1, V: s})
		}
		secret, err := share.RecoverSecret(edgroup.Group{}, shares, len(shares), frost.MaxSize)
		if err != nil {
			return seed, err
		}
		b, err := secret.MarshalBinary()
		if err != nil {
			return seed, err
		}
		copy(seed[at*half:], b[:half])
		if [scalarSize - half]byte(b[half:]) != ([scalarSize - half]byte{}) {
			err = errNoKey
		}
		clear(b)
		secret.Zero()
		for _, s := range shares {
			s.V.Zero()
		}
		if err != nil {
			clear(seed[:])
			return seed, err
		}
	}
	return seed, nil
}

// public is the key of a seed, by the standard library.
func public(seed [32]byte) casper.PublicKey {
	defer clear(seed[:])
	private := ed25519.NewKeyFromSeed(seed[:])
	defer clear(private)
	return casper.PublicKey(private[32:])
}
