package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/history"
)

// writeHistory writes a history of one recorded signature, given to both nodes in the end.
func writeHistory(t *testing.T, given func(testnet.Recorded) casper.Signature) (path string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "node-1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	recording, err := testnet.ReadRecording(f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	r := history.NewRecorder(&b, history.Header{Validator: recording.Validator, Seed: 7, For: "2m0s"})
	e := recording.Entries[1]
	for _, asker := range []string{"node-a/last", "node-b/last"} {
		r.Note(history.Call{Asker: asker, End: pace, Last: true, Asked: e.Message,
			Answer: testnet.Answer{Kind: testnet.Signed, Signature: given(e)}})
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckJudgesAFile(t *testing.T) {
	right := func(e testnet.Recorded) casper.Signature { return e.Signature }
	wrong := func(e testnet.Recorded) casper.Signature { e.Signature[0] ^= 1; return e.Signature }
	for _, test := range []struct {
		name  string
		given func(testnet.Recorded) casper.Signature
		held  bool
		says  string
	}{
		{"right", right, true, "all 2 calls in 1 slots hold"},
		{"wrong", wrong, false, "FAIL  2 faults in 2 calls"},
	} {
		path := writeHistory(t, test.given)
		for range 2 { // the same again
			var out strings.Builder
			held, err := perform(t.Context(), options{}, []string{"check", path}, &out)
			if err != nil || held != test.held || !strings.Contains(out.String(), test.says) || !strings.Contains(out.String(),
				"seed 7, 2m0s") {
				t.Errorf("%s: %v, %v, %q", test.name, held, err, out.String())
			}
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, args := range [][]string{{"check"}, {"check", filepath.Join(t.TempDir(), "none")}, {"judge", "x"}, {"check",
		os.DevNull}} {
		if held, err := perform(t.Context(), options{}, args, &strings.Builder{}); err == nil || held {
			t.Errorf("%v: %v, %v", args, held, err)
		}
	}
}
