// Package edgroup is the Ed25519 group as a kyber.Group, computed by
// filippo.io/edwards25519.
//
// It exists because kyber's own group runs secret scalars through math/big,
// whose time depends on their value, and decodes scalars and points that have
// a second encoding. Here every operation on a scalar takes the same time for
// every value, decoding accepts exactly one encoding per value, and the
// encodings are those of kyber's group and of RFC 8032 section 5.1.2: 32 bytes,
// little endian.
//
// Scalars print as "[secret]", since nearly all of them are; points print as
// hex. A failed decode leaves its receiver as it was. Arguments must come from
// this group: a scalar or point of another group is a bug of the caller and
// panics. Nothing that arrives as bytes can.
//
// A decoded point may have a torsion component. Whether a point generates the
// prime-order subgroup is for the caller to check; package frost does.
package edgroup

import (
	"filippo.io/edwards25519"
	"go.dedis.ch/kyber/v3"
)

// size is the length in bytes of an encoded scalar and of an encoded point.
const size = 32

// Group is the Ed25519 group. Its zero value is ready to use, all its values
// are equal, and it may be used concurrently.
type Group struct{}

var _ kyber.Group = Group{}

// String returns "Ed25519", the name kyber gives to the same group.
func (Group) String() string { return "Ed25519" }

// ScalarLen returns 32, the length in bytes of an encoded scalar.
func (Group) ScalarLen() int { return size }

// Scalar returns a new scalar, zero.
func (Group) Scalar() kyber.Scalar { return new(scalar) }

// PointLen returns 32, the length in bytes of an encoded point.
func (Group) PointLen() int { return size }

// Point returns a new point, the identity.
func (Group) Point() kyber.Point { return newPoint() }

// VarTimeSum returns the sum of scalars[i]*points[i], the identity for empty
// input. Both slices must have the same length. Its time depends on the
// scalars, so it is for public ones only.
func (Group) VarTimeSum(scalars []kyber.Scalar, points []kyber.Point) kyber.Point {
	k := make([]*edwards25519.Scalar, len(scalars))
	for i := range scalars {
		k[i] = scalarOf(scalars[i])
	}
	p := make([]*edwards25519.Point, len(points))
	for i := range points {
		p[i] = pointOf(points[i])
	}
	sum := newPoint()
	sum.v.VarTimeMultiScalarMult(k, p)
	return sum
}
