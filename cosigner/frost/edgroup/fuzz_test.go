package edgroup

import (
	"bytes"
	"strings"
	"testing"

	"go.dedis.ch/kyber/v3"
	"go.dedis.ch/kyber/v3/group/edwards25519"
)

// FuzzScalar compares scalar arithmetic with kyber's group; both reduce the
// same byte strings, of any length, first.
func FuzzScalar(f *testing.F) {
	ff := bytes.Repeat([]byte{0xff}, 200)
	f.Add([]byte{}, []byte{1})
	f.Add(unhex(f, order), unhex(f, order)[:31])
	for _, n := range []int{31, 32, 33, 63, 64, 65, 128, 129, 200} {
		f.Add(ff[:n], ff[n:])
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) > 1024 || len(b) > 1024 {
			t.Skip("longer than anything the fuzzer learns from")
		}
		on := func(op func(z, x, y kyber.Scalar) kyber.Scalar) func(kyber.Group) kyber.Marshaling {
			return func(g kyber.Group) kyber.Marshaling {
				return op(g.Scalar(), g.Scalar().SetBytes(a), g.Scalar().SetBytes(b))
			}
		}
		both(t, "a", on(func(z, x, y kyber.Scalar) kyber.Scalar { return z.Set(x) }))
		both(t, "a+b", on(func(z, x, y kyber.Scalar) kyber.Scalar { return z.Add(x, y) }))
		both(t, "a-b", on(func(z, x, y kyber.Scalar) kyber.Scalar { return z.Sub(x, y) }))
		both(t, "a*b", on(func(z, x, y kyber.Scalar) kyber.Scalar { return z.Mul(x, y) }))
		both(t, "a/b", on(func(z, x, y kyber.Scalar) kyber.Scalar { return z.Div(x, y) }))
		both(t, "1/a", on(func(z, x, y kyber.Scalar) kyber.Scalar { return z.Inv(x) }))
		both(t, "-a", on(func(z, x, y kyber.Scalar) kyber.Scalar { return z.Neg(x) }))
		both(t, "a*a in place", on(func(z, x, y kyber.Scalar) kyber.Scalar { return x.Mul(x, x) }))
		both(t, "b/b in place", on(func(z, x, y kyber.Scalar) kyber.Scalar { return y.Div(y, y) }))
		both(t, "clone", on(func(z, x, y kyber.Scalar) kyber.Scalar {
			c := x.Clone()
			x.Zero()
			return c
		}))
		g := Group{}
		if x, y := g.Scalar().SetBytes(a), g.Scalar().SetBytes(b); x.Equal(y) != (encoding(t, x) == encoding(t, y)) {
			t.Error("Equal contradicts the encodings")
		}
	})
}

// FuzzPoint compares decoding and point arithmetic with kyber's group. What
// kyber decodes and this group refuses must be a second encoding of a point.
func FuzzPoint(f *testing.F) {
	one := append([]byte{1}, make([]byte, 31)...)
	for _, p := range []string{order8, minusOne, "58" + strings.Repeat("66", 31), "01" + strings.Repeat("00", 30) + "80",
		"ee" + strings.Repeat("ff", 30) + "7f", "ec" + strings.Repeat("ff", 31)} {
		f.Add(unhex(f, p), one, bytes.Repeat([]byte{0xa5}, 64))
	}
	f.Fuzz(func(t *testing.T, in, a, b []byte) {
		if len(in) != 32 || len(a) > 64 || len(b) > 64 {
			t.Skip("other lengths are in the tables")
		}
		ours, theirs := Group{}.Point(), edwards25519.NewBlakeSHA256Ed25519().Point()
		errOurs, errTheirs := ours.UnmarshalBinary(in), theirs.UnmarshalBinary(in)
		if errTheirs != nil && errOurs == nil {
			t.Fatalf("%x: decoded, kyber's group says %v", in, errTheirs)
		}
		if errOurs != nil {
			if errTheirs == nil && encoding(t, theirs) == encoding(t, rawBytes(in)) {
				t.Fatalf("%x: refused, though canonical", in)
			}
			in = one
		}
		on := func(op func(g kyber.Group, p kyber.Point, x, y kyber.Scalar) kyber.Point) func(kyber.Group) kyber.Marshaling {
			return func(g kyber.Group) kyber.Marshaling {
				p := g.Point()
				if err := p.UnmarshalBinary(in); err != nil {
					t.Fatal(err)
				}
				return op(g, p, g.Scalar().SetBytes(a), g.Scalar().SetBytes(b))
			}
		}
		both(t, "P", on(func(g kyber.Group, p kyber.Point, x, y kyber.Scalar) kyber.Point { return p }))
		both(t, "-P", on(func(g kyber.Group, p kyber.Point, x, y kyber.Scalar) kyber.Point { return p.Neg(p) }))
		both(t, "aB", on(func(g kyber.Group, p kyber.Point, x, y kyber.Scalar) kyber.Point { return p.Mul(x, nil) }))
		both(t, "aP", on(func(g kyber.Group, p kyber.Point, x, y kyber.Scalar) kyber.Point { return p.Mul(x, p) }))
		both(t, "P+bB", on(func(g kyber.Group, p kyber.Point, x, y kyber.Scalar) kyber.Point {
			return p.Add(p, g.Point().Mul(y, nil))
		}))
		both(t, "P-bB", on(func(g kyber.Group, p kyber.Point, x, y kyber.Scalar) kyber.Point {
			return g.Point().Sub(p.Clone(), g.Point().Mul(y, nil))
		}))
		both(t, "aP+bB", on(func(g kyber.Group, p kyber.Point, x, y kyber.Scalar) kyber.Point {
			if fast, ok := g.(Group); ok {
				return fast.VarTimeSum([]kyber.Scalar{x, y}, []kyber.Point{p, g.Point().Base()})
			}
			return g.Point().Add(g.Point().Mul(x, p), g.Point().Mul(y, nil))
		}))
	})
}

// rawBytes lets encoding print a byte string that may not decode.
type rawBytes []byte

func (b rawBytes) MarshalBinary() ([]byte, error) { return b, nil }
