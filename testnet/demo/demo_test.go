package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

func testShow(t *testing.T) *demo {
	t.Helper()
	s, err := newDemo(options{recording: filepath.Join("..", "..", "testdata", "node-1.jsonl")}, t.TempDir(),
		&bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return s
}

// The claim that the key is gone must be able to fail.
func TestFilesWithKey(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "node-1.secret_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("harmless", bytes.Repeat([]byte{7}, 1000))
	if found, err := filesWithKey(dir, text); err != nil || len(found) != 0 {
		t.Fatalf("found %v, %v", found, err)
	}
	want := []string{write("c1/a", text), write("c1/b", append([]byte("x"), seed[:]...))}
	found, err := filesWithKey(dir, text)
	if err != nil || strings.Join(found, " ") != strings.Join(want, " ") {
		t.Errorf("found %v, want %v, %v", found, want, err)
	}
}

func TestRecordingIsGrouped(t *testing.T) {
	s := testShow(t)
	eras, handshakes := s.eras()
	if len(eras) != 24 || len(handshakes) != 6 || len(eras[0]) != 1 || len(eras[23]) != 21 {
		t.Errorf("%d eras, %d handshakes, %d and %d messages in the first and last",
			len(eras), len(handshakes), len(eras[0]), len(eras[23]))
	}
	first, ok := casper.SlotOf(s.free.Next())
	if !ok || first.Era != 23 || first.Round != 7 {
		t.Errorf("the first free slot is %v", first)
	}
}

func TestCount(t *testing.T) {
	s := testShow(t)
	recorded := s.recording.Entries[0]
	m, other := recorded.Message, testnet.Other(recorded.Message)
	signed := testnet.Answer{Kind: testnet.Signed, Signature: recorded.Signature}
	bound := testnet.Answer{Kind: testnet.Bound, Held: m, Signature: recorded.Signature}
	for name, c := range map[string]struct {
		answer      testnet.Answer
		asked, want casper.Message
		signed      int
		bound       int
		refused     int
	}{
		"signed":                  {answer: signed, asked: m, want: m, signed: 1},
		"signed, but not validly": {answer: testnet.Answer{Kind: testnet.Signed}, asked: m, want: m},
		"another value signed":    {answer: signed, asked: other, want: m},
		"bound":                   {answer: bound, asked: other, want: m, bound: 1},
		"bound, but not validly":  {answer: testnet.Answer{Kind: testnet.Bound, Held: m}, asked: other, want: m},
		"bound to what was not signed": {answer: testnet.Answer{Kind: testnet.Bound, Held: other,
			Signature: recorded.Signature}, asked: other, want: m},
		"bound, though nothing differs": {answer: bound, asked: m, want: m},
		"refused": {answer: testnet.Answer{Kind: testnet.Refused, Reason: belowFloor}, asked: m,
			want: m, refused: 1},
		"no answer": {answer: testnet.Answer{Kind: testnet.Unknown}, asked: m, want: m},
	} {
		var got tally
		s.count(&got, c.answer, c.asked, c.want, &recorded.Signature)
		if got.signed != c.signed || got.bound != c.bound || got.refused(belowFloor) != c.refused || got.asked != 1 ||
			got.sameBytes != c.signed {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
