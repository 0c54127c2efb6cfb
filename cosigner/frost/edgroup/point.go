package edgroup

import (
	"bytes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"filippo.io/edwards25519"
	"go.dedis.ch/kyber/v3"
)

var (
	errPoint = errors.New("not the canonical encoding of an Ed25519 point")
	errEmbed = errors.New("points of this group carry no data")
)

// point is a point of the curve, torsion included. It must come from newPoint:
// the library underneath panics on a point that was never set.
type point struct{ v edwards25519.Point }

func newPoint() *point {
	p := new(point)
	p.v.Set(edwards25519.NewIdentityPoint())
	return p
}

func pointOf(p kyber.Point) *edwards25519.Point { return &p.(*point).v }

// String returns the encoding in lower-case hex.
func (p *point) String() string { return hex.EncodeToString(p.v.Bytes()) }

func (p *point) MarshalSize() int { return size }

func (p *point) MarshalBinary() ([]byte, error) { return p.v.Bytes(), nil }

// UnmarshalBinary decodes 32 bytes as RFC 8032 section 5.1.3 does, strictly:
// y is below the field prime, and the sign of x = 0 is 0. The library underneath
// lets both through.
func (p *point) UnmarshalBinary(b []byte) error {
	var v edwards25519.Point
	if _, err := v.SetBytes(b); err != nil || !Canonical([size]byte(b)) {
		return errPoint
	}
	p.v.Set(&v)
	return nil
}

// Canonical reports whether what decodes to a point is its one canonical encoding.
// To encode the point again and compare would say the same, for a field inversion.
func Canonical(b [size]byte) bool {
	sign := b[size-1] >> 7
	b[size-1] &= 0x7f
	var one [size]byte
	one[0] = 1
	// x is 0 where y is 1 or -1.
	return compare(b, fieldPrime(0)) < 0 && (sign == 0 || b != one && b != fieldPrime(1))
}

// fieldPrime returns p - less, with p = 2^255 - 19, little endian.
func fieldPrime(less byte) [size]byte {
	var b [size]byte
	for i := range b {
		b[i] = 0xff
	}
	b[0], b[size-1] = 0xed-less, 0x7f
	return b
}

// compare compares two little-endian integers. Both are public.
func compare(a, b [size]byte) int {
	slices.Reverse(a[:])
	slices.Reverse(b[:])
	return bytes.Compare(a[:], b[:])
}

func (p *point) MarshalTo(w io.Writer) (int, error) { return w.Write(p.v.Bytes()) }

// UnmarshalFrom decodes the next 32 bytes of r. As kyber.Marshaling asks, a
// stream picks a pseudo-random point instead; the count is then -1.
func (p *point) UnmarshalFrom(r io.Reader) (int, error) {
	if stream, ok := r.(cipher.Stream); ok {
		p.Pick(stream)
		return -1, nil
	}
	var b [size]byte
	if n, err := io.ReadFull(r, b[:]); err != nil {
		return n, err
	}
	return size, p.UnmarshalBinary(b[:])
}

func (p *point) Equal(other kyber.Point) bool { return p.v.Equal(pointOf(other)) == 1 }

func (p *point) Set(a kyber.Point) kyber.Point {
	p.v.Set(pointOf(a))
	return p
}

func (p *point) Clone() kyber.Point { return newPoint().Set(p) }

func (p *point) Null() kyber.Point {
	p.v.Set(edwards25519.NewIdentityPoint())
	return p
}

func (p *point) Base() kyber.Point {
	p.v.Set(edwards25519.NewGeneratorPoint())
	return p
}

func (p *point) Add(a, b kyber.Point) kyber.Point {
	p.v.Add(pointOf(a), pointOf(b))
	return p
}

func (p *point) Sub(a, b kyber.Point) kyber.Point {
	p.v.Subtract(pointOf(a), pointOf(b))
	return p
}

func (p *point) Neg(a kyber.Point) kyber.Point {
	p.v.Negate(pointOf(a))
	return p
}

// Mul sets p to s*a, or to s times the base point for a nil a, in constant time.
func (p *point) Mul(s kyber.Scalar, a kyber.Point) kyber.Point {
	if a == nil {
		p.v.ScalarBaseMult(scalarOf(s))
	} else {
		p.v.ScalarMult(scalarOf(s), pointOf(a))
	}
	return p
}

// Pick sets p to a point of the prime-order subgroup, not the identity, whose
// discrete logarithm nobody knows. It takes two tries on average.
func (p *point) Pick(stream cipher.Stream) kyber.Point {
	identity := edwards25519.NewIdentityPoint()
	for {
		var b [size]byte
		stream.XORKeyStream(b[:], b[:])
		if _, err := p.v.SetBytes(b[:]); err != nil {
			continue
		}
		if p.v.MultByCofactor(&p.v); p.v.Equal(identity) == 0 {
			return p
		}
	}
}

// EmbedLen returns 0: nothing here hides data in points.
func (p *point) EmbedLen() int { return 0 }

// Embed embeds the first EmbedLen bytes of data, none, so it is Pick.
func (p *point) Embed(_ []byte, stream cipher.Stream) kyber.Point { return p.Pick(stream) }

// Data returns an error: no point carries data.
func (p *point) Data() ([]byte, error) { return nil, errEmbed }
