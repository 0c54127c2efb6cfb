package frost

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"go.dedis.ch/kyber/v3"
	"go.dedis.ch/kyber/v3/share"

	"casper-cosigner/cosigner/frost/edgroup"
)

// GroupKey is the public half of a key that is split over n cosigners, any t of
// which can sign. It is safe for concurrent use.
type GroupKey struct {
	group       kyber.Group
	size        int
	public      [pointSize]byte
	commitments []kyber.Point // to the polynomial's coefficients, lowest first; [0] is the public key
	shares      []kyber.Point // verification shares; cosigner id is at id-1
	eighth      kyber.Scalar  // 1/8
	fingerprint Fingerprint

	mu        sync.Mutex
	lambdas   map[signerSet][]kyber.Scalar // Lagrange coefficients, in ascending order of ids
	maxCached int                          // sets in lambdas; a peer chooses the sets it asks for
}

// signerSet has bit id-1 set for each cosigner id in it.
type signerSet uint16

// NewGroupKey derives a key for n cosigners from the t Feldman commitments to
// the coefficients of the sharing polynomial, lowest first (RFC 9591 appendix
// C.2): commitments[0] is the group's public key, and the threshold t is their
// number. It requires 2 <= t <= n <= MaxSize, and that all commitments and all
// verification shares generate the prime-order subgroup. The points must be of
// group g; they are copied.
func NewGroupKey(g kyber.Group, commitments []kyber.Point, n int) (*GroupKey, error) {
	t := len(commitments)
	if t < 2 || t > n || n > MaxSize {
		return nil, fmt.Errorf("building a group key: %d of %d is not within 2 of 2 and %d of %d", t, n, MaxSize, MaxSize)
	}
	k := &GroupKey{
		group: g, size: n, lambdas: make(map[signerSet][]kyber.Scalar), maxCached: 512,
		eighth: g.Scalar().Inv(g.Scalar().SetInt64(8)),
	}
	for i, c := range commitments {
		if !generates(g, c) {
			return nil, fmt.Errorf("building a group key: commitment %d: %w", i, ErrPoint)
		}
		k.commitments = append(k.commitments, c.Clone())
	}
	k.public = encode(k.commitments[0])
	polynomial := share.NewPubPoly(g, nil, k.commitments)
	for id := 1; id <= n; id++ {
		v := polynomial.Eval(id - 1).V // kyber evaluates index i at i+1
		if v.Equal(g.Point().Null()) {
			// A share of zero would be known to everyone.
			return nil, fmt.Errorf("building a group key: share of cosigner %d: %w", id, ErrPoint)
		}
		k.shares = append(k.shares, v)
	}
	k.fingerprint = fingerprint(k)
	return k, nil
}

// ParseGroupKey is NewGroupKey over edgroup, from encoded commitments of 32
// bytes each, which must be canonical.
func ParseGroupKey(commitments [][]byte, n int) (*GroupKey, error) {
	if len(commitments) > MaxSize { // before the work of decoding them
		return nil, fmt.Errorf("parsing a group key: %d commitments, at most %d are possible", len(commitments), MaxSize)
	}
	g := edgroup.Group{}
	points := make([]kyber.Point, len(commitments))
	for i, b := range commitments {
		p, err := decodePoint(g, b)
		if err != nil {
			return nil, fmt.Errorf("parsing a group key: commitment %d: %w", i, err)
		}
		points[i] = p
	}
	return NewGroupKey(g, points, n)
}

// Public returns the Ed25519 public key, as RFC 8032 encodes it.
func (k *GroupKey) Public() [32]byte { return k.public }

// Threshold returns t, the number of cosigners that a signature takes.
func (k *GroupKey) Threshold() int { return len(k.commitments) }

// Size returns n, the number of cosigners; their ids are 1 to n.
func (k *GroupKey) Size() int { return k.size }

// Commitments returns the t encoded Feldman commitments, 32 bytes each, as
// ParseGroupKey takes them. The caller owns the result.
func (k *GroupKey) Commitments() [][]byte {
	out := make([][]byte, len(k.commitments))
	for i, c := range k.commitments {
		b := encode(c)
		out[i] = b[:]
	}
	return out
}

// Fingerprint names how a key was split: n and the polynomial, by which shares of one split are
// told from those of another. It is public, and the same on each cosigner.
type Fingerprint [8]byte

// String writes it in hex.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// fingerprintContext keeps the hash apart from all others.
const fingerprintContext = "casper-cosigner split v1"

func fingerprint(k *GroupKey) (f Fingerprint) {
	d := digest(fingerprintContext, append([][]byte{{byte(k.size)}}, k.Commitments()...)...)
	copy(f[:], d[:])
	return f
}

// Fingerprint returns the fingerprint of the split. Two that are not Equal have different ones, but
// for one pair in 2^64.
func (k *GroupKey) Fingerprint() Fingerprint { return k.fingerprint }

// Equal reports whether both keys were split alike: the same n and the same
// polynomial. Two splits of one key are not equal, and their shares do not mix.
func (k *GroupKey) Equal(other *GroupKey) bool {
	if k.size != other.size || len(k.commitments) != len(other.commitments) {
		return false
	}
	for i, c := range k.commitments {
		if encode(c) != encode(other.commitments[i]) {
			return false
		}
	}
	return true
}

// verificationShare returns the public point of cosigner id, from 1 to n.
func (k *GroupKey) verificationShare(id int) kyber.Point { return k.shares[id-1] }

var errOrder = errors.New("ids do not strictly ascend")

// signers checks a list of signers: ids strictly ascending, known, at least t.
func (k *GroupKey) signers(ids []int) (signerSet, error) {
	if len(ids) < k.Threshold() || len(ids) > k.size {
		return 0, fmt.Errorf("%w: %d cosigners, the key needs %d of %d", ErrSigners, len(ids), k.Threshold(), k.size)
	}
	var set signerSet
	last := 0
	for _, id := range ids {
		if id < 1 || id > k.size {
			return 0, fmt.Errorf("%w: cosigner %d, ids are 1 to %d", ErrSigners, id, k.size)
		}
		if id <= last {
			return 0, fmt.Errorf("%w: %w", ErrSigners, errOrder)
		}
		last = id
		set |= 1 << (id - 1)
	}
	return set, nil
}

// lagrange returns, for a list that signers has checked, the coefficients that
// interpolate the polynomial at zero, in the order of ids
// (derive_interpolating_value, RFC 9591 section 4.2). They must not be changed.
func (k *GroupKey) lagrange(set signerSet, ids []int) []kyber.Scalar {
	k.mu.Lock()
	defer k.mu.Unlock()
	if cached, ok := k.lambdas[set]; ok {
		return cached
	}
	out := make([]kyber.Scalar, len(ids))
	for i, id := range ids {
		numerator, denominator, x := k.group.Scalar().One(), k.group.Scalar().One(), k.group.Scalar()
		for _, other := range ids {
			if other != id {
				numerator.Mul(numerator, x.SetInt64(int64(other)))
				denominator.Mul(denominator, x.SetInt64(int64(other-id)))
			}
		}
		out[i] = k.group.Scalar().Div(numerator, denominator)
	}
	if len(k.lambdas) < k.maxCached {
		k.lambdas[set] = out
	}
	return out
}
