package edgroup

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	ed "filippo.io/edwards25519"
	"go.dedis.ch/kyber/v3"
	"go.dedis.ch/kyber/v3/group/edwards25519"
	"go.dedis.ch/kyber/v3/share"
	"go.dedis.ch/kyber/v3/xof/blake2xb"
)

const (
	// order8 is a point of order 8, minusOne is (0, -1), of order 2.
	order8   = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
	minusOne = "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
	// order is L, the first integer that is no scalar.
	order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encoding(t testing.TB, m interface{ MarshalBinary() ([]byte, error) }) string {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

// both runs one computation on this group and on kyber's own and compares.
func both(t *testing.T, what string, compute func(kyber.Group) kyber.Marshaling) {
	t.Helper()
	got := encoding(t, compute(Group{}))
	want := encoding(t, compute(edwards25519.NewBlakeSHA256Ed25519()))
	if got != want {
		t.Errorf("%s = %s, kyber's group says %s", what, got, want)
	}
}

func TestScalarDecodingIsStrict(t *testing.T) {
	below := unhex(t, order)
	below[0]--
	tests := []struct {
		name      string
		in        []byte
		ok, kyber bool
	}{
		{"zero", make([]byte, 32), true, true},
		{"L-1", below, true, true},
		{"L", unhex(t, order), false, true},
		{"2^256-1", bytes.Repeat([]byte{0xff}, 32), false, true},
		{"empty", nil, false, false},
		{"short", make([]byte, 31), false, false},
		{"long", make([]byte, 33), false, false},
	}
	for _, tt := range tests {
		s := Group{}.Scalar().SetInt64(7)
		if err := s.UnmarshalBinary(tt.in); (err == nil) != tt.ok {
			t.Errorf("%s: error %v, want ok %v", tt.name, err, tt.ok)
		} else if err != nil && !s.Equal(Group{}.Scalar().SetInt64(7)) {
			t.Errorf("%s: a failed decode changed the scalar", tt.name)
		}
		theirs := edwards25519.NewBlakeSHA256Ed25519().Scalar()
		if err := theirs.UnmarshalBinary(tt.in); (err == nil) != tt.kyber {
			t.Errorf("%s: kyber's group now says %v", tt.name, err)
		}
	}
}

func TestPointDecodingIsStrict(t *testing.T) {
	top := strings.Repeat("ff", 30)
	tests := []struct {
		name, in  string
		ok, kyber bool
	}{
		{"identity", "01" + strings.Repeat("00", 31), true, true},
		{"base", "58" + strings.Repeat("66", 31), true, true},
		{"order 2", minusOne, true, true},
		{"order 8", order8, true, true},
		{"y = p", "ed" + top + "7f", false, true},
		{"y = p+1, the identity again", "ee" + top + "7f", false, true},
		{"identity with a sign", "01" + strings.Repeat("00", 30) + "80", false, true},
		{"order 2 with a sign", "ec" + top + "ff", false, true},
		{"not on the curve", "02" + strings.Repeat("00", 31), false, false},
		{"short", strings.Repeat("00", 31), false, false},
		{"long", strings.Repeat("00", 33), false, false},
	}
	for _, tt := range tests {
		p := Group{}.Point().Base()
		if err := p.UnmarshalBinary(unhex(t, tt.in)); (err == nil) != tt.ok {
			t.Errorf("%s: error %v, want ok %v", tt.name, err, tt.ok)
		} else if err != nil && !p.Equal(Group{}.Point().Base()) {
			t.Errorf("%s: a failed decode changed the point", tt.name)
		}
		theirs := edwards25519.NewBlakeSHA256Ed25519().Point()
		if err := theirs.UnmarshalBinary(unhex(t, tt.in)); (err == nil) != tt.kyber {
			t.Errorf("%s: kyber's group now says %v", tt.name, err)
		}
	}
}

// TestCanonical: looking at the bytes says what encoding the point again would, wherever the two
// could differ, and for some others.
func TestCanonical(t *testing.T) {
	stream := blake2xb.New([]byte("canonical"))
	var candidates [][size]byte
	for low := range 256 {
		for _, fill := range []byte{0, 0xff} {
			for _, high := range []byte{0, 0x7f, 0x80, 0xff} {
				b := [size]byte(bytes.Repeat([]byte{fill}, size))
				b[0], b[size-1] = byte(low), high
				candidates = append(candidates, b)
			}
		}
		var b [size]byte
		stream.XORKeyStream(b[:], b[:])
		candidates = append(candidates, b)
	}
	decoded, second := 0, 0
	for _, b := range candidates {
		p, err := new(ed.Point).SetBytes(b[:])
		if err != nil {
			continue
		}
		want := bytes.Equal(p.Bytes(), b[:])
		if Canonical(b) != want {
			t.Errorf("%x: canonical %v, want %v", b, !want, want)
		}
		if decoded++; !want {
			second++
		}
	}
	// y = p, p+1, and so on as far as there are points, with both signs, and the two x = 0 with one.
	if decoded < 500 || second < 20 {
		t.Errorf("%d points, %d second encodings", decoded, second)
	}
}

func TestSmallIntegers(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 2, 255, 256, -256, 1 << 40, math.MaxInt64, math.MinInt64} {
		both(t, fmt.Sprintf("SetInt64(%d)", v), func(g kyber.Group) kyber.Marshaling {
			return g.Scalar().SetInt64(v)
		})
	}
	for name, f := range map[string]func(g kyber.Group) kyber.Marshaling{
		"Zero":     func(g kyber.Group) kyber.Marshaling { return g.Scalar().SetInt64(9).Zero() },
		"One":      func(g kyber.Group) kyber.Marshaling { return g.Scalar().One() },
		"1/0":      func(g kyber.Group) kyber.Marshaling { return g.Scalar().Inv(g.Scalar().Zero()) },
		"Null":     func(g kyber.Group) kyber.Marshaling { return g.Point().Base().Null() },
		"Base":     func(g kyber.Group) kyber.Marshaling { return g.Point().Base() },
		"0*Base":   func(g kyber.Group) kyber.Marshaling { return g.Point().Mul(g.Scalar().Zero(), nil) },
		"new":      func(g kyber.Group) kyber.Marshaling { return g.Scalar().Zero() },
		"Base-own": func(g kyber.Group) kyber.Marshaling { p := g.Point().Base(); return p.Sub(p, p) },
	} {
		both(t, name, f)
	}
}

func TestNewValues(t *testing.T) {
	g := Group{}
	if !g.Scalar().Equal(g.Scalar().Zero()) || !g.Point().Equal(g.Point().Null()) {
		t.Error("a new scalar is not zero or a new point not the identity")
	}
	theirs := edwards25519.NewBlakeSHA256Ed25519()
	if g.String() != theirs.String() || g.ScalarLen() != theirs.ScalarLen() || g.PointLen() != theirs.PointLen() {
		t.Errorf("group %s with %d and %d bytes differs from kyber's", g, g.ScalarLen(), g.PointLen())
	}
}

func TestStreams(t *testing.T) {
	g := Group{}
	for _, m := range []kyber.Marshaling{g.Scalar().SetInt64(-5), g.Point().Base()} {
		var buf bytes.Buffer
		if n, err := m.MarshalTo(&buf); n != m.MarshalSize() || err != nil {
			t.Fatalf("MarshalTo: %d, %v", n, err)
		}
		var back kyber.Marshaling = g.Scalar()
		if _, ok := m.(kyber.Point); ok {
			back = g.Point()
		}
		if n, err := back.UnmarshalFrom(&buf); n != 32 || err != nil || encoding(t, back) != encoding(t, m) {
			t.Errorf("UnmarshalFrom: %d, %v", n, err)
		}
		if _, err := back.UnmarshalFrom(strings.NewReader("short")); err == nil {
			t.Error("UnmarshalFrom accepted five bytes")
		}
		before := encoding(t, back)
		if _, err := back.UnmarshalFrom(blake2xb.New([]byte("seed"))); err != nil || encoding(t, back) == before {
			t.Errorf("UnmarshalFrom a stream picked nothing: %v", err)
		}
	}
}

func TestPickedPointsGenerateTheSubgroup(t *testing.T) {
	g, stream := Group{}, blake2xb.New([]byte("pick"))
	lMinus1 := g.Scalar().SetInt64(-1)
	for range 20 {
		p := g.Point().Embed([]byte("ignored"), stream)
		if p.Equal(g.Point().Null()) || !g.Point().Mul(lMinus1, p).Equal(g.Point().Neg(p)) {
			t.Fatalf("picked %v outside the prime-order subgroup", p)
		}
		if _, err := p.Data(); err == nil || p.EmbedLen() != 0 {
			t.Fatal("a point claims to carry data")
		}
	}
}

func TestScalarsDoNotPrint(t *testing.T) {
	s := Group{}.Scalar().SetInt64(0x1234567)
	shared := share.PriShare{I: 1, V: s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(verb, s); got != "[secret]" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	if got := shared.String(); got != "{1:[secret]}" {
		t.Errorf("a share prints %q", got)
	}
}

func TestSharePackageRunsOnBoth(t *testing.T) {
	both(t, "recovered secret", func(g kyber.Group) kyber.Marshaling {
		poly := share.CoefficientsToPriPoly(g, []kyber.Scalar{
			g.Scalar().SetInt64(11), g.Scalar().SetInt64(-12), g.Scalar().SetInt64(13),
		})
		public := poly.Commit(nil)
		for _, s := range poly.Shares(5) {
			if !public.Check(s) {
				t.Errorf("%v: share %d fails its check", g, s.I)
			}
		}
		secret, err := share.RecoverSecret(g, poly.Shares(5)[2:], 3, 5)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	})
}
