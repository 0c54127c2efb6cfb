package long

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
	"casper-cosigner/testnet/show"
)

func TestFindLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run-1.log")
	text :=
		`{"timestamp":"2026-01-01T00:00:01Z","level":"INFO","fields":{"message":"something else","why":"it is gone"}}` +
			"\n" +
			`{"timestamp":"2026-01-01T00:00:02Z","level":"WARN","fields":{"message":"it is gone","why":"a"}}` + "\n" +
			`{"timestamp":"2026-01-01T00:00:03Z","level":"WARN","fields":{"message":"it is gone","why":"b"}}` + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	line, found, err := findLine(path, "it is gone")
	if err != nil || !found || line.Level != "WARN" || line.Fields.Why != "a" || line.Timestamp.Second() != 2 {
		t.Errorf("found %v: %+v, %v", found, line, err)
	}
	if _, found, err := findLine(path, "it is back"); err != nil || found {
		t.Errorf("found %v what is not there, %v", found, err)
	}
}

func TestChosen(t *testing.T) {
	all, some := chosen(""), chosen("A,liar")
	if !all("B") || !some("A") || !some("liar") || some("B") || some("") {
		t.Error("chosen wrongly")
	}
}

// Whatever the lying agent says, no signature of it is the validator's, and it lies in both ways.
func TestLyingAgent(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	validator := localnet.ValidatorKey(1, 0).Public()
	a := &lyingAgent{key: key}
	for round := range uint32(4) {
		m := casper.Vote{Round: casper.Round{Era: 1, ID: round}, Value: true}
		response, err := a.Sign(context.Background(), wire.Request(m))
		if err != nil {
			t.Fatal(err)
		}
		var said casper.Message = m
		var signature casper.Signature
		if bound := response.GetBound(); bound != nil {
			if said, err = wire.Held(bound); err != nil || said != testnet.Other(m) {
				t.Errorf("bound to %v, %v", said, err)
			}
			copy(signature[:], bound.GetSignature())
		} else {
			copy(signature[:], response.GetSigned().GetSignature())
		}
		if validator.Verify(said, signature) || !casper.PublicKey(key.Public().(ed25519.PublicKey)).Verify(said, signature) {
			t.Errorf("round %d: the signature is the validator's, or nobody's", round)
		}
	}
	if signed, bound := a.told(); signed != 2 || bound != 2 {
		t.Errorf("%d wrong signatures and %d wrong values, want 2 and 2", signed, bound)
	}
}

// What failed must be seen at the top, and what was not played must not look like a success.
func TestReport(t *testing.T) {
	s := &run{Stage: &stage.Stage{}, Options: Options{Commit: "abc", Only: "A"}}
	s.Result.Acts = []*stage.ActResult{{
		Act: &show.Act{Name: "quiet", Claims: []show.Claim{{Holds: true, Text: "fine"}, {Text: "a | broken\nline"}},
			Goals: []show.Claim{{Text: "slow"}}, Said: []string{"said"}},
		Counts: map[string]int64{"rounds": 3, "micros_all_p50": 7000, "micros_all_p99": 8000,
			"cpu_more_hundredths_percent": 50}}}
	r := &report{run: s, kernel: "k"}
	r.add(network{name: "A", title: "title"}, s.Result.Acts, nil)
	path := filepath.Join(t.TempDir(), "results.md")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| commit | abc |", "**Not the whole run**", "**1 of 2 lines hold.**",
		"- A, quiet: a \\| broken line",
		"| **FAILS** | a \\| broken line |", "| p50 7ms, p99 8ms, max 0s of 0 | **missed** |", "| +0.50 % | met |",
		"| not played |  |", "| **missed** | slow |", "\nsaid\n", "rounds 3"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
