package keygen

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
	"filippo.io/age/armor"

	"casper-cosigner/cosigner/frost"
)

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// passphrase returns both halves, with little enough work for a test.
func passphrase(t testing.TB, word string) (*age.ScryptRecipient, *age.ScryptIdentity) {
	t.Helper()
	r, err := age.NewScryptRecipient(word)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(5)
	id, err := age.NewScryptIdentity(word)
	if err != nil {
		t.Fatal(err)
	}
	id.SetMaxWorkFactor(8)
	return r, id
}

func seal(t testing.TB, s ShareFile, r age.Recipient) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := Seal(&file, s, r); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// sealText encrypts any text as if it were a share file's.
func sealText(t testing.TB, text string, r age.Recipient) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := encrypt(&file, []byte(text), r); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestSealAndOpen(t *testing.T) {
	id := identity(t)
	word, wordID := passphrase(t, "correct horse")
	for _, tt := range []struct {
		name string
		r    age.Recipient
		ids  []age.Identity
	}{
		{"identity", id.Recipient(), []age.Identity{id}},
		{"the second of two identities", id.Recipient(), []age.Identity{identity(t), id}},
		{"passphrase", word, []age.Identity{wordID}},
	} {
		for _, k := range split(t, 3, 5) {
			want := NewShareFile(k, 7, "cluster <1>")
			file := seal(t, want, tt.r)
			if !bytes.HasPrefix(file, []byte(armor.Header)) || bytes.Contains(file, []byte("validator")) {
				t.Errorf("%s: the file is no age text: %q", tt.name, file[:40])
			}
			got, err := OpenShare(bytes.NewReader(file), tt.ids...)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if got.ID != k.ID() || got.Threshold != 3 || got.Size != 5 || got.Epoch != 7 || got.Cluster != "cluster <1>" ||
				got.Validator.String() != pemPublic || got.secret != want.secret ||
				!slices.EqualFunc(got.Commitments, k.Group().Commitments(), bytes.Equal) {
				t.Errorf("%s: got %v, want %v", tt.name, got, want)
			}
			back, err := got.KeyShare()
			if err != nil || !bytes.Equal(back.Secret(), k.Secret()) || !back.Group().Equal(k.Group()) {
				t.Errorf("%s: key share: %v", tt.name, err)
			}
		}
	}
}

func TestLargestFile(t *testing.T) {
	id := identity(t)
	file := seal(t, NewShareFile(split(t, 15, 15)[14], 1<<32-1, strings.Repeat("c", maxCluster)), id.Recipient())
	if _, err := OpenShare(bytes.NewReader(file), id); err != nil || len(file) > MaxFileSize/8 {
		t.Errorf("%d bytes: %v", len(file), err)
	}
}

func TestOpenRefusesFlippedBits(t *testing.T) {
	id := identity(t)
	word, wordID := passphrase(t, "correct horse")
	for _, tt := range []struct {
		name string
		r    age.Recipient
		id   age.Identity
	}{{"identity", id.Recipient(), id}, {"passphrase", word, wordID}} {
		file := seal(t, NewShareFile(split(t, 2, 3)[0], 1, ""), tt.r)
		for i := 0; i < len(file); i += 7 {
			damaged := bytes.Clone(file)
			damaged[i] ^= 1 << (i % 8)
			s, err := OpenShare(bytes.NewReader(damaged), tt.id)
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWrongKey) || s.ID != 0 {
				t.Errorf("%s: bit %d of byte %d flipped: %v", tt.name, i%8, i, err)
			}
		}
		for n := range len(file) - len("\n") { // the last line break is the text editor's to lose
			if _, err := OpenShare(bytes.NewReader(file[:n]), tt.id); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: cut after %d bytes: %v", tt.name, n, err)
			}
		}
	}
}

func TestOpenRefusesWrongKeys(t *testing.T) {
	id := identity(t)
	word, wordID := passphrase(t, "correct horse")
	_, otherID := passphrase(t, "battery staple")
	s := NewShareFile(split(t, 2, 3)[0], 1, "")
	byIdentity, byWord := seal(t, s, id.Recipient()), seal(t, s, word)
	for _, tt := range []struct {
		name string
		file []byte
		ids  []age.Identity
	}{
		{"another identity", byIdentity, []age.Identity{identity(t)}},
		{"two other identities", byIdentity, []age.Identity{identity(t), identity(t)}},
		{"another passphrase", byWord, []age.Identity{otherID}},
		{"a passphrase for an identity's file", byIdentity, []age.Identity{wordID}},
		{"an identity for a passphrase's file", byWord, []age.Identity{id}},
	} {
		if _, err := OpenShare(bytes.NewReader(tt.file), tt.ids...); !errors.Is(err, ErrWrongKey) ||
			errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := OpenShare(bytes.NewReader(byIdentity)); !errors.Is(err, errNoKey) {
		t.Errorf("no identity at all: %v", err)
	}
}

func TestOpenRefusesOtherFiles(t *testing.T) {
	id := identity(t)
	good := string(seal(t, NewShareFile(split(t, 2, 3)[0], 1, ""), id.Recipient()))
	for name, file := range map[string]string{
		"empty":         "",
		"not age":       "-----BEGIN PRIVATE KEY-----\n",
		"binary":        strings.Repeat("\x00\xff", 500),
		"two files":     good + good,
		"trailing text": good + "x",
	} {
		if _, err := OpenShare(strings.NewReader(file), id); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Anything longer is refused for that, whatever it is, and not read to its end.
	long := strings.NewReader(good + strings.Repeat("\n", 2*MaxFileSize))
	if _, err := OpenShare(long, id); !errors.Is(err, ErrDamaged) || !errors.Is(err, errLong) || long.Len() < MaxFileSize {
		t.Errorf("a long file: %v, %d bytes unread", err, long.Len())
	}
	failing := iotest.ErrReader(iotest.ErrTimeout)
	if _, err := OpenShare(failing, id); !errors.Is(err, iotest.ErrTimeout) || errors.Is(err, ErrDamaged) {
		t.Errorf("a reader that fails: %v", err)
	}
}

func TestOpenRefusesContent(t *testing.T) {
	id := identity(t)
	shares, others := split(t, 2, 3), split(t, 2, 3)
	plain, err := NewShareFile(shares[0], 1, "c").encode()
	if err != nil {
		t.Fatal(err)
	}
	good := string(plain)
	secret, otherSecret := hex.EncodeToString(shares[0].Secret()), hex.EncodeToString(others[0].Secret())
	commitment := func(k *frost.KeyShare, i int) string { return hex.EncodeToString(k.Group().Commitments()[i]) }
	tests := []struct{ name, from, to string }{
		{"share of another split", secret, otherSecret},
		{"share of another cosigner", secret, hex.EncodeToString(shares[1].Secret())},
		{"commitments of another split", commitment(shares[0], 1), commitment(others[0], 1)},
		{"another validator", pemPublic, zeroPublic},
		{"secp256k1 validator", `"` + pemPublic, `"02` + pemPublic},
		{"id 2", `"id":1`, `"id":2`},
		{"id 0", `"id":1`, `"id":0`},
		{"id 4", `"id":1`, `"id":4`},
		{"threshold 1", `"threshold":2`, `"threshold":1`},
		{"threshold 3", `"threshold":2`, `"threshold":3`},
		{"n 2", `"size":3`, `"size":2`},
		{"n 4", `"size":3`, `"size":4`},
		{"n 16", `"size":3`, `"size":16`},
		{"n -3", `"size":3`, `"size":-3`},
		{"epoch 0", `"epoch":1`, `"epoch":0`},
		{"epoch 2^32", `"epoch":1`, `"epoch":4294967296`},
		{"long cluster", `"cluster":"c"`, `"cluster":"` + strings.Repeat("c", maxCluster+1) + `"`},
		{"no secret", secret, ""},
		{"short secret", secret, secret[:62]},
		{"long secret", secret, secret + "00"},
		{"odd hex", secret, secret[:63]},
		{"no hex", secret, "zz" + secret[2:]},
		{"upper-case hex", secret, strings.ToUpper(secret)},
		{"no commitments", `"commitments":[`, `"commitments":[],"was":[`},
		{"one commitment less", `,"` + commitment(shares[0], 1) + `"`, ""},
		{"bad commitment", commitment(shares[0], 1), strings.Repeat("ff", 32)},
		{"missing field", `"cluster":"c",`, ""},
		{"unknown field", `"cluster":"c"`, `"cluster":"c","note":"n"`},
		{"repeated field", `"id":1`, `"id":1,"id":1`},
		{"other case", `"id":1`, `"ID":1`},
		{"white space", `"id":1`, `"id": 1`},
		{"trailing text", "}", "}\n"},
		{"version 0", `"version":1`, `"version":0`},
		{"null", good, "null"},
		{"empty", good, ""},
		{"list", good, "[" + good + "]"},
	}
	for _, tt := range tests {
		text := strings.Replace(good, tt.from, tt.to, 1)
		if text == good {
			t.Fatalf("%s: nothing to replace in the document", tt.name)
		}
		s, err := OpenShare(bytes.NewReader(sealText(t, text, id.Recipient())), id)
		if !errors.Is(err, ErrDamaged) || s.ID != 0 {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil && strings.Contains(err.Error(), secret[:16]) {
			t.Errorf("%s: the error quotes the secret: %v", tt.name, err)
		}
	}
	later := strings.Replace(good, `"version":1`, `"version":3,"new":true`, 1)
	if _, err := OpenShare(bytes.NewReader(sealText(t, later, id.Recipient())), id); err == nil ||
		errors.Is(err, ErrDamaged) {
		t.Errorf("a later version: %v", err)
	}
	if _, err := OpenShare(bytes.NewReader(sealText(t, good, id.Recipient())), id); err != nil {
		t.Errorf("the unchanged document: %v", err)
	}
}

func TestSealRefusesWhatCannotBeOpened(t *testing.T) {
	id := identity(t)
	other := split(t, 2, 3)[0]
	for name, change := range map[string]func(*ShareFile){
		"zero value":     func(s *ShareFile) { *s = ShareFile{} },
		"epoch":          func(s *ShareFile) { s.Epoch = 0 },
		"id":             func(s *ShareFile) { s.ID = 2 },
		"threshold":      func(s *ShareFile) { s.Threshold = 3 },
		"size":           func(s *ShareFile) { s.Size = 4 },
		"validator":      func(s *ShareFile) { s.Validator[0] ^= 1 },
		"cluster":        func(s *ShareFile) { s.Cluster = "\xff" },
		"of other split": func(s *ShareFile) { s.secret = [32]byte(other.Secret()) },
	} {
		s := NewShareFile(split(t, 2, 3)[0], 1, "")
		change(&s)
		var file bytes.Buffer
		if err := Seal(&file, s, id.Recipient()); err == nil || file.Len() > 0 {
			t.Errorf("%s: %d bytes written, %v", name, file.Len(), err)
		}
		if _, err := s.KeyShare(); err == nil {
			t.Errorf("%s: KeyShare has no objection", name)
		}
	}
}

// failingWriter stores what it is given, or half of it, and fails.
type failingWriter struct{ calls int }

func (w *failingWriter) Write(p []byte) (int, error) {
	w.calls++
	return len(p) / 2, iotest.ErrTimeout
}

func TestSealWritesOnce(t *testing.T) {
	w := new(failingWriter)
	err := Seal(w, NewShareFile(split(t, 2, 3)[0], 1, ""), identity(t).Recipient())
	if !errors.Is(err, iotest.ErrTimeout) || w.calls != 1 {
		t.Errorf("%d writes, %v", w.calls, err)
	}
}

func TestShareFileDoesNotPrintItsSecret(t *testing.T) {
	s := NewShareFile(split(t, 2, 3)[1], 1, "")
	want := "share 2 of 3 (threshold 2, epoch 1) of " + pemPublic + ": [secret]"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, v := range []any{s, &s} {
			if got := fmt.Sprintf(verb, v); got != want {
				t.Errorf("%s of %T prints %q", verb, v, got)
			}
		}
	}
	if got, err := json.Marshal(s); err != nil || string(got) != `"`+want+`"` {
		t.Errorf("JSON is %s, %v", got, err)
	}
	if s.GoString() != want {
		t.Errorf("GoString is %q", s.GoString())
	}
}

// FuzzDocument looks for a document that is accepted without being the one that
// would be written, or that panics.
func FuzzDocument(f *testing.F) {
	_, shares, err := Split(pemSeed(f), 2, 3, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	plain, err := NewShareFile(shares[0], 1, "c").encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add([]byte(`{"version":1,"commitments":[""],"secret":"00"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var d document
		if json.Unmarshal(text, &d) != nil {
			return
		}
		s, err := d.shareFile(text)
		if err != nil {
			return
		}
		if again, err := s.encode(); err != nil || !bytes.Equal(again, text) {
			t.Errorf("%q was accepted, it would be written as %q", text, again)
		}
	})
}
