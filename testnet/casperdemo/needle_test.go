package main

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/edwards25519"

	"casper-cosigner/testnet/localnet"
)

// A needle must be found wherever it stands, once, also across the borders of what is
// searched at once.
func TestScan(t *testing.T) {
	needles := []needle{{"a", []byte("0123456789abcdef")}, {"b", []byte("xyz")}}
	for _, border := range []int{scanSize + 15, 2*scanSize + 15, 0} {
		for shift := -20; shift <= 20; shift++ {
			hay := make([]byte, 3*scanSize)
			place := max(0, border+shift)
			copy(hay[place:], needles[0].text)
			copy(hay[place+16:], needles[1].text)
			for name, r := range map[string]io.Reader{"at once": bytes.NewReader(hay),
				"in halves": iotest.HalfReader(bytes.NewReader(hay))} {
				found := map[string]int{}
				n, err := scan(r, needles, found)
				if err != nil || n != int64(len(hay)) || found["a"] != 1 || found["b"] != 1 {
					t.Fatalf("at %d, %s: %v, %d bytes, %v", place, name, found, n, err)
				}
			}
		}
	}
}

func TestScanTellsOfErrors(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("xx needle"), iotest.ErrReader(os.ErrPermission))
	found := map[string]int{}
	if _, err := scan(broken, []needle{{"n", []byte("needle")}}, found); err == nil || found["n"] != 1 {
		t.Errorf("found %v, error %v", found, err)
	}
}

func TestSecretNeedles(t *testing.T) {
	key := localnet.ValidatorKey(1, 0)
	needles, err := secretNeedles(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	seed := key.Seed()
	for name, hay := range map[string][]byte{
		"the PEM's base64":           text,
		"the seed":                   append([]byte("x"), seed[:]...),
		"the seed in hex":            []byte(hex.EncodeToString(seed[:])),
		"the seed in upper-case hex": []byte(strings.ToUpper(hex.EncodeToString(seed[:]))),
	} {
		found := map[string]int{}
		if _, err := scan(bytes.NewReader(hay), needles, found); err != nil || found[name] != 1 {
			t.Errorf("%s: found %v, %v", name, found, err)
		}
	}
}

// The scalars must be those by which the public key is made.
func TestScalarNeedles(t *testing.T) {
	for i := range 8 { // of which some have bits to clear and to set
		key := localnet.ValidatorKey(1, i)
		needles, err := secretNeedles(key)
		if err != nil {
			t.Fatal(err)
		}
		public, scalars := key.Public(), 0
		for _, n := range needles {
			scalar, err := edwards25519.NewScalar().SetUniformBytes(append(bytes.Clone(n.text),
				make([]byte, 64-min(64, len(n.text)))...)[:64])
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(new(edwards25519.Point).ScalarBaseMult(scalar).Bytes(), public[:]) {
				scalars++
			}
		}
		if scalars != 2 {
			t.Errorf("key %d: %d needles are the scalar, want it clamped and reduced", i, scalars)
		}
	}
}

func TestSearchFiles(t *testing.T) {
	dir := t.TempDir()
	needles := []needle{{"n", []byte("needle")}}
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer sparse.Close()
	if err := sparse.Truncate(64 << 30); err != nil { // as a database is; to read all of it would take minutes
		t.Fatal(err)
	}
	if _, err := sparse.WriteAt([]byte("a needle"), 40<<30); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "harmless"), []byte("nee dle"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := searchFiles(needles, dir)
	if err != nil || s.Files != 2 || !slices.Equal(s.Where, []string{sparse.Name() + ": n"}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestParseMapping(t *testing.T) {
	for line, want := range map[string]bool{
		"c000000000-c000400000 rw-p 00000000 00:00 0 ":                              true,
		"55d0c0a00000-55d0c0a21000 r--p 00000000 08:01 42   /usr/bin/x":             true,
		"7f0000000000-7f0100000000 r--s 00000000 08:01 43   /x/data.lmdb":           false, // searched as a file
		"7f0000000000-7f0100000000 rw-s 00000000 00:00 0 ":                          true,
		"7f0000000000-7f0000001000 ---p 00000000 00:00 0 ":                          false,
		"7ffd00000000-7ffd00004000 r--p 00000000 00:00 0    [vvar]":                 false,
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0        [vsyscall]": false,
		"nonsense": false,
	} {
		if m, ok := parseMapping(line); ok != want || ok && m.end <= m.begin {
			t.Errorf("%q: %v, %+v", line, ok, m)
		}
	}
}

// The test's own memory holds what it looks for.
func TestSearchMemory(t *testing.T) {
	secret := bytes.Repeat([]byte("haystack"), 3)
	secret = append(secret, byte(os.Getpid()))
	s, err := searchMemory([]needle{{"s", secret}}, "this test", os.Getpid())
	if err != nil || s.Found["s"] == 0 || s.Bytes == 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
