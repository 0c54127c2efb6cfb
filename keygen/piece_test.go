package keygen

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"casper-cosigner/keygen/seed"
)

// TestPieces: a piece of the seed travels with the share of the same cosigner, t of them are the
// key, and a file without one is the one that it always was.
func TestPieces(t *testing.T) {
	id, shares := identity(t), split(t, 2, 3)
	pieces, err := seed.Split(pemSeed(t), 2, 3, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var back []seed.Piece
	for i, k := range shares {
		file := seal(t, NewShareFile(k, 1, "c").WithPiece(pieces[i]), id.Recipient())
		s, err := OpenShare(bytes.NewReader(file), id)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := s.Piece()
		if !ok || p != pieces[i] {
			t.Errorf("piece %d did not come back: %v", i+1, ok)
		}
		back = append(back, p)
	}
	if got, err := seed.Join(shares[0].Group().Public(), 2, back[1:]); err != nil || got != pemSeed(t) {
		t.Errorf("two of them are not the key: %v", err)
	}
	plain := NewShareFile(shares[0], 1, "c")
	s, err := OpenShare(bytes.NewReader(seal(t, plain, id.Recipient())), id)
	if _, ok := s.Piece(); err != nil || ok {
		t.Errorf("a file without a piece: %v, %v", ok, err)
	}
	text, err := plain.encode()
	if err != nil || !strings.HasPrefix(string(text), `{"version":1,`) || strings.Contains(string(text), "piece") {
		t.Errorf("a file without a piece is not of the first version: %v", err)
	}
	if err := Seal(&bytes.Buffer{}, plain.WithPiece(pieces[1]), id.Recipient()); !errors.Is(err, errPiece) {
		t.Errorf("another cosigner's piece: %v", err)
	}
	with, err := plain.WithPiece(pieces[0]).encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"the first version with a piece": strings.Replace(string(with), `"version":2`, `"version":1`, 1),
		"the second without one":         strings.Replace(string(text), `"version":1`, `"version":2`, 1),
		"a short piece":                  strings.Replace(string(with), `"}`, ``, 1)[:len(with)-4] + `"}`,
	} {
		if _, err := OpenShare(bytes.NewReader(sealText(t, bad, id.Recipient())), id); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
