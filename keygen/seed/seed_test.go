package seed_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"casper-cosigner/keygen/seed"
	"casper-cosigner/rule/casper"
)

var words = [32]byte{1, 2, 15: 0xff, 16: 3, 31: 0xfe}

func validator(of [32]byte) casper.PublicKey {
	return casper.PublicKey(ed25519.NewKeyFromSeed(of[:]).Public().(ed25519.PublicKey))
}

func split(t testing.TB, of [32]byte, threshold, n int) []seed.Piece {
	t.Helper()
	pieces, err := seed.Split(of, threshold, n, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pieces
}

// TestJoin: every t pieces are the seed, of all seeds that are hard to keep, and fewer are not.
func TestJoin(t *testing.T) {
	full := [32]byte(bytes.Repeat([]byte{0xff}, 32))
	for _, of := range [][32]byte{words, {}, full} {
		for _, size := range [][2]int{{2, 3}, {3, 5}, {8, 15}} {
			pieces := split(t, of, size[0], size[1])
			for first := range size[1] - size[0] + 1 {
				got, err := seed.Join(validator(of), size[0], pieces[first:first+size[0]])
				if err != nil || got != of {
					t.Errorf("%d of %d, from %d on: %v", size[0], size[1], first+1, err)
				}
			}
			if _, err := seed.Join(validator(of), size[0], pieces[1:size[0]]); err == nil {
				t.Errorf("%d pieces of %d suffice", size[0]-1, size[0])
			}
			if _, err := seed.Join(validator(of), 2, pieces[:2]); err == nil && size[0] > 2 {
				t.Errorf("2 pieces of %d suffice if it is said that they do", size[0])
			}
		}
	}
}

// TestJoinWithFalse: a cosigner that gives something else is left out while t others are there, and
// nothing comes of it when they are not.
func TestJoinWithFalse(t *testing.T) {
	pieces, other := split(t, words, 2, 3), split(t, words, 2, 3)
	pieces[0] = other[0]
	if got, err := seed.Join(validator(words), 2, pieces); err != nil || got != words {
		t.Errorf("two good ones of three: %v", err)
	}
	if got, err := seed.Join(validator(words), 2, pieces[:2]); err == nil || got != [32]byte{} {
		t.Errorf("a false one and a good one: %x, %v", got, err)
	}
	if _, err := seed.Join(casper.PublicKey{1}, 2, pieces[1:]); err == nil {
		t.Error("they are another validator's key")
	}
	if _, err := seed.Join(validator(words), 2, []seed.Piece{pieces[1], pieces[1]}); err == nil {
		t.Error("one piece counts twice")
	}
}

// TestSplitAnew: what is drawn is drawn anew for each half and each piece, so that no piece is the
// seed, nor two splits alike.
func TestSplitAnew(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		for _, p := range split(t, [32]byte{}, 2, 3) {
			b := p.Secret()
			for _, scalar := range [][]byte{b[:32], b[32:]} {
				if seen[string(scalar)] {
					t.Error("a scalar came twice")
				}
				seen[string(scalar)] = true
			}
		}
	}
	if _, err := seed.Split(words, 2, 3, iotest.ErrReader(errors.New("no entropy"))); err == nil {
		t.Error("split without random numbers")
	}
	for _, size := range [][2]int{{1, 3}, {4, 3}, {2, 16}} {
		if _, err := seed.Split(words, size[0], size[1], rand.Reader); err == nil {
			t.Errorf("%d of %d was split", size[0], size[1])
		}
	}
}

// TestParse: bytes are a piece, or nothing; and no piece prints.
func TestParse(t *testing.T) {
	p := split(t, words, 2, 3)[1]
	again, err := seed.Parse(2, p.Secret())
	if err != nil || again != p || again.ID() != 2 {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"short": p.Secret()[1:], "long": append(p.Secret(), 0),
		"not canonical": bytes.Repeat([]byte{0xff}, seed.PieceSize), "nothing": nil} {
		if _, err := seed.Parse(2, b); err == nil {
			t.Errorf("%s: it is a piece", name)
		}
	}
	for _, id := range []int{0, 16, -1} {
		if _, err := seed.Parse(id, p.Secret()); err == nil {
			t.Errorf("the piece of cosigner %d", id)
		}
	}
	json, _ := p.MarshalJSON()
	for _, text := range []string{fmt.Sprint(p), fmt.Sprintf("%x", p), fmt.Sprintf("%#v", p), fmt.Sprintf("%+v", &p),
		string(json)} {
		if !strings.Contains(text, "[secret]") || len(text) > 10 {
			t.Errorf("it prints as %s", text)
		}
	}
}

// TestSeal: a sealed piece is for one recipient and one purpose.
func TestSeal(t *testing.T) {
	p := split(t, words, 2, 3)[0]
	r, err := seed.Draw()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seed.Seal(p, r.Public(), []byte("start 1"))
	if err != nil || len(sealed) != seed.SealedSize || bytes.Contains(sealed, p.Secret()[:8]) {
		t.Fatalf("%d bytes, %v", len(sealed), err)
	}
	if got, err := r.Open(1, sealed, []byte("start 1")); err != nil || got != p {
		t.Errorf("its recipient: %v", err)
	}
	if _, err := r.Open(1, sealed, []byte("start 2")); err == nil {
		t.Error("it was opened as what it was not sealed as")
	}
	other, err := seed.Draw()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(1, sealed, []byte("start 1")); err == nil || other.Public() == r.Public() {
		t.Error("another recipient opened it")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := r.Open(1, bad, []byte("start 1")); err == nil {
			t.Errorf("byte %d was changed, and it was opened", i)
		}
	}
	if _, err := r.Open(1, sealed[1:], []byte("start 1")); err == nil {
		t.Error("a part was opened")
	}
	if _, err := seed.Seal(p, [32]byte{}, nil); err == nil {
		t.Error("sealed to a point of low order")
	}
}
