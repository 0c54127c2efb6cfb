package edgroup

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"filippo.io/edwards25519"
	"go.dedis.ch/kyber/v3"
)

var errScalar = errors.New("scalar is not 32 bytes below the group order")

// scalar is an integer modulo the group order L = 2^252 +
// 27742317777372353535851937790883648493. Its zero value is zero.
type scalar struct{ v edwards25519.Scalar }

func scalarOf(s kyber.Scalar) *edwards25519.Scalar { return &s.(*scalar).v }

// String hides the value: shares, nonces and polynomials are made of scalars.
func (s *scalar) String() string { return "[secret]" }

// Format hides the value from every verb of package fmt, %x and %#v included.
func (s *scalar) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

func (s *scalar) MarshalSize() int { return size }

func (s *scalar) MarshalBinary() ([]byte, error) { return s.v.Bytes(), nil }

// UnmarshalBinary decodes 32 little-endian bytes below L.
func (s *scalar) UnmarshalBinary(b []byte) error {
	if _, err := s.v.SetCanonicalBytes(b); err != nil {
		return errScalar
	}
	return nil
}

func (s *scalar) MarshalTo(w io.Writer) (int, error) { return w.Write(s.v.Bytes()) }

// UnmarshalFrom decodes the next 32 bytes of r. As kyber.Marshaling asks, a
// stream picks a pseudo-random scalar instead; the count is then -1.
func (s *scalar) UnmarshalFrom(r io.Reader) (int, error) {
	if stream, ok := r.(cipher.Stream); ok {
		s.Pick(stream)
		return -1, nil
	}
	var b [size]byte
	if n, err := io.ReadFull(r, b[:]); err != nil {
		return n, err
	}
	return size, s.UnmarshalBinary(b[:])
}

func (s *scalar) Equal(other kyber.Scalar) bool { return s.v.Equal(scalarOf(other)) == 1 }

func (s *scalar) Set(a kyber.Scalar) kyber.Scalar {
	s.v.Set(scalarOf(a))
	return s
}

func (s *scalar) Clone() kyber.Scalar { return new(scalar).Set(s) }

// SetInt64 sets s to v modulo L, also for v < 0.
func (s *scalar) SetInt64(v int64) kyber.Scalar {
	magnitude := uint64(v)
	if v < 0 {
		magnitude = -magnitude // also right for the smallest int64
	}
	var b [8]byte
	for i := range b {
		b[i] = byte(magnitude >> (8 * i))
	}
	s.SetBytes(b[:])
	if v < 0 {
		s.Neg(s)
	}
	return s
}

func (s *scalar) Zero() kyber.Scalar {
	s.v = edwards25519.Scalar{}
	return s
}

func (s *scalar) One() kyber.Scalar { return s.SetInt64(1) }

func (s *scalar) Add(a, b kyber.Scalar) kyber.Scalar {
	s.v.Add(scalarOf(a), scalarOf(b))
	return s
}

func (s *scalar) Sub(a, b kyber.Scalar) kyber.Scalar {
	s.v.Subtract(scalarOf(a), scalarOf(b))
	return s
}

func (s *scalar) Neg(a kyber.Scalar) kyber.Scalar {
	s.v.Negate(scalarOf(a))
	return s
}

func (s *scalar) Mul(a, b kyber.Scalar) kyber.Scalar {
	s.v.Multiply(scalarOf(a), scalarOf(b))
	return s
}

// Inv sets s to 1/a, and to 0 for a = 0, as kyber's group does.
func (s *scalar) Inv(a kyber.Scalar) kyber.Scalar {
	s.v.Invert(scalarOf(a))
	return s
}

// Div sets s to a/b, and to 0 for b = 0.
func (s *scalar) Div(a, b kyber.Scalar) kyber.Scalar {
	inverse := new(scalar).Inv(b)
	return s.Mul(a, inverse)
}

// Pick reduces 64 bytes of the stream, so that the result is uniform up to
// 2^-256 without a retry whose count would depend on the value.
func (s *scalar) Pick(stream cipher.Stream) kyber.Scalar {
	var b [64]byte
	stream.XORKeyStream(b[:], b[:])
	s.SetBytes(b[:])
	clear(b[:])
	return s
}

// SetBytes sets s to the little-endian integer b modulo L, for b of any length.
// Its time depends on the length of b only.
func (s *scalar) SetBytes(b []byte) kyber.Scalar {
	const wide = 64
	// Horner over digits of 64 bytes, the highest first; inputs here have 64
	// bytes or less, one digit.
	var sum edwards25519.Scalar
	for end := len(b); end > 0; {
		start := (end - 1) / wide * wide
		var digit [wide]byte
		copy(digit[:], b[start:end])
		var d edwards25519.Scalar
		if _, err := d.SetUniformBytes(digit[:]); err != nil {
			panic(err) // unreachable: it refuses nothing but other lengths
		}
		if end < len(b) {
			sum.Multiply(&sum, base512())
		}
		sum.Add(&sum, &d)
		clear(digit[:])
		end = start
	}
	s.v = sum
	return s
}

// base512 returns 2^512 modulo L, the base of the digits of SetBytes.
func base512() *edwards25519.Scalar {
	var b [64]byte
	b[32] = 1
	half, err := new(edwards25519.Scalar).SetUniformBytes(b[:])
	if err != nil {
		panic(err) // unreachable: it refuses nothing but other lengths
	}
	return half.Multiply(half, half)
}
