package frost

import (
	"bytes"
	"errors"
	"testing"

	"go.dedis.ch/kyber/v3"

	"casper-cosigner/cosigner/frost/edgroup"
)

// form is one of the two in which a commitment travels.
type form struct {
	name   string
	parse  func(g *GroupKey, id int, hiding, binding []byte) (Commitment, error)
	points func(t testing.TB, c Commitment) (hiding, binding []byte)
}

var forms = []form{
	{"points", ParseCommitment, func(_ testing.TB, c Commitment) ([]byte, []byte) { return c.Hiding[:], c.Binding[:] }},
	{"eighths", ParseEighths, func(t testing.TB, c Commitment) ([]byte, []byte) {
		e, ok := c.Eighths()
		if !ok {
			t.Fatal("a fresh commitment has no eighths")
		}
		return e.Hiding[:], e.Binding[:]
	}},
}

// TestBothForms: a commitment is the same whichever way it comes, and both refuse what is no good.
// Only points of mixed order differ: 8 times one is as good as any.
func TestBothForms(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 2, 3)
		_, commitments := commit(t, keys[0])
		for _, f := range forms {
			hiding, binding := f.points(t, commitments[0])
			back, err := f.parse(group, 1, hiding, binding)
			if err != nil || !back.same(commitments[0]) {
				t.Errorf("%s: a good commitment came back as %v, %v", f.name, back, err)
			}
			for name, bad := range badPoints(t, g) {
				want := ErrPoint
				if f.name == "eighths" && name == "mixed order" {
					want = nil
				}
				if _, err := f.parse(group, 1, bad, binding); !errors.Is(err, want) {
					t.Errorf("%s: %s as hiding point: %v", f.name, name, err)
				}
				if _, err := f.parse(group, 1, hiding, bad); !errors.Is(err, want) {
					t.Errorf("%s: %s as binding point: %v", f.name, name, err)
				}
			}
			for _, id := range []int{-1, 0, 4, 1 << 40} {
				if _, err := f.parse(group, id, hiding, binding); !errors.Is(err, ErrSigners) {
					t.Errorf("%s: id %d: %v", f.name, id, err)
				}
			}
		}
	})
}

// TestTorsionVanishes: each of the eight points that have the same 8 times gives the same
// commitment, in the prime-order subgroup, and one session; each is passed on as it came.
func TestTorsionVanishes(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 2, 3)
		_, commitments := commit(t, keys[0], keys[1])
		eighths, _ := commitments[0].Eighths()
		p, torsion := g.Point(), g.Point()
		if err := errors.Join(p.UnmarshalBinary(eighths.Hiding[:]),
			torsion.UnmarshalBinary(badPoints(t, g)["order 8"])); err != nil {
			t.Fatal(err)
		}
		seen := map[[32]byte]bool{}
		for range 8 {
			p.Add(p, torsion)
			sent := encode(p)
			seen[sent] = true
			c, err := ParseEighths(group, 1, sent[:], eighths.Binding[:])
			if err != nil || !c.same(commitments[0]) {
				t.Fatalf("%x: %v, %v", sent, c, err)
			}
			if again, ok := c.Eighths(); !ok || again != (Eighths{sent, eighths.Binding}) {
				t.Errorf("%x is passed on as %x, %v", sent, again, ok)
			}
			if _, err := ParseCommitment(group, 1, c.Hiding[:], c.Binding[:]); err != nil {
				t.Errorf("%x: 8 times it is not in the subgroup: %v", sent, err)
			}
			s, err := NewSession(group, []byte("m"), []Commitment{c, commitments[1]})
			if err != nil {
				t.Fatal(err)
			}
			want, err := NewSession(group, []byte("m"), commitments)
			if err != nil || s.encodedR != want.encodedR || !s.challenge.Equal(want.challenge) {
				t.Errorf("%x: another session, %v", sent, err)
			}
		}
		if len(seen) != 8 {
			t.Errorf("%d points, want 8", len(seen))
		}
	})
}

// TestEighthsOfWhatWasChanged: who changes a commitment by hand has no eighths of it.
func TestEighthsOfWhatWasChanged(t *testing.T) {
	group, keys := deal(t, edgroup.Group{}, 2, 3)
	_, c := commit(t, keys[0], keys[1])
	hiding, binding := c[0], c[0]
	hiding.Hiding, binding.Binding = c[1].Hiding, c[1].Binding
	read, err := ParseCommitment(group, 1, c[0].Hiding[:], c[0].Binding[:])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Commitment{"hiding": hiding, "binding": binding, "read from points": read,
		"made by hand": {ID: 1, Hiding: c[0].Hiding, Binding: c[0].Binding}} {
		if e, ok := c.Eighths(); ok {
			t.Errorf("%s: %x", name, e)
		}
	}
}

func FuzzParseEighths(f *testing.F) {
	group, keys := deal(f, edgroup.Group{}, 2, 3)
	other, _ := deal(f, groups["kyber"], 2, 3)
	_, commitments := commit(f, keys[1])
	good, _ := commitments[0].Eighths()
	f.Add(2, good.Hiding[:], good.Binding[:])
	for _, bad := range badPoints(f, edgroup.Group{}) {
		f.Add(1, bad, good.Binding[:])
	}
	for low := 0xed; low <= 0xff; low++ {
		b := bytes.Repeat([]byte{0xff}, 32)
		b[0], b[31] = byte(low), 0x7f
		f.Add(1, b, good.Binding[:])
	}
	f.Fuzz(func(t *testing.T, id int, hiding, binding []byte) {
		c, err := ParseEighths(group, id, hiding, binding)
		theirs, errTheirs := ParseEighths(other, id, hiding, binding)
		if (err == nil) != (errTheirs == nil) || !c.same(theirs) {
			t.Fatalf("%v and %v, on kyber's group %v and %v", c, err, theirs, errTheirs)
		}
		if err != nil {
			return
		}
		e, ok := c.Eighths()
		if !ok || !bytes.Equal(e.Hiding[:], hiding) || !bytes.Equal(e.Binding[:], binding) || c.ID != id {
			t.Errorf("parsed %d %x %x, got %v", id, hiding, binding, e)
		}
		if _, err := ParseCommitment(group, id, c.Hiding[:], c.Binding[:]); err != nil {
			t.Errorf("%x %x: 8 times it: %v", hiding, binding, err)
		}
	})
}
