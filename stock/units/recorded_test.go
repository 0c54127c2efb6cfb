package units_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

// TestAsCasperWrites reads a file that casper-types and bincode wrote (testdata/README.md).
func TestAsCasperWrites(t *testing.T) {
	text, err := os.ReadFile("testdata/casper-types-6.0.1.hex")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	key, err := casper.ParsePublicKey(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	instance, err := casper.ParseHash(lines[1])
	if err != nil {
		t.Fatal(err)
	}
	file, err := hex.DecodeString(lines[2])
	if err != nil {
		t.Fatal(err)
	}
	all, r, err := read(bytes.NewReader(file))
	if !errors.Is(err, io.EOF) || len(all) != 9 || r.Torn() != 0 {
		t.Fatalf("%d entries, %d torn bytes, %v", len(all), r.Torn(), err)
	}
	ours := 0
	for i, e := range all {
		if e.Kind != units.Proposed && e.First.Instance != instance {
			t.Errorf("entry %d: %+v", i, e)
		}
		if e.First.SignedBy(key) {
			ours++
		}
		if e.Kind == units.Evidence && (!e.Second.SignedBy(key) || !e.First.Contradicts(e.Second.Ballot)) {
			t.Errorf("the evidence %+v is none", e)
		}
	}
	if ours != 5 || !all[2].First.Secp256k1 {
		t.Errorf("%d messages are ours, want 5; the third: %+v", ours, all[2])
	}
	p0, p1, p2 := all[1], all[5], all[6]
	if all[0].First.Value != p0.Proposal || all[8].First.Value != p1.Proposal || all[8].Second.Value != p2.Proposal ||
		p0.Round != 0 || p1.Round != 1 || p2.Round != 2 {
		t.Errorf("the proposals are not what was echoed: %+v %+v %+v", p0, p1, p2)
	}
}

// recorded are all echoes and votes that two validators of a real network signed, as entries.
func recorded(t *testing.T) (byInstance map[casper.Hash][]byte, keys []casper.PublicKey, count int) {
	t.Helper()
	byInstance = map[casper.Hash][]byte{}
	for _, name := range []string{"node-1.jsonl", "node-2.jsonl"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		var key casper.PublicKey
		for line := range bytes.Lines(text) {
			var m struct {
				Kind      string
				Key       casper.PublicKey `json:"public_key"`
				Preimage  casper.Hex
				Signature casper.Signature
				Instance  casper.Hash `json:"instance_id"`
			}
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			if key = m.Key; m.Kind == "zug" {
				entry := sized(le32(uint32(units.Signed)), m.Preimage, le32(1), list(m.Signature[:]...))
				byInstance[m.Instance] = append(byInstance[m.Instance], entry...)
				count++
			}
		}
		keys = append(keys, key)
	}
	return byInstance, keys, count
}

// TestRecorded: the signatures of a real network are valid over what was read.
func TestRecorded(t *testing.T) {
	files, keys, count := recorded(t)
	for instance, file := range files {
		all, _, err := read(bytes.NewReader(file))
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for _, e := range all {
			count--
			if e.First.Instance != instance || e.First.SignedBy(keys[0]) == e.First.SignedBy(keys[1]) {
				t.Errorf("at %d: %+v is nobody's", e.Offset, e)
			}
		}
	}
	if count != 0 {
		t.Errorf("%d messages more or less", count)
	}
}

// TestAgainstJudge: another reader of unit files, which shares no code with this one, finds as many
// messages of ours, the same evidence, and where a file is damaged.
func TestAgainstJudge(t *testing.T) {
	judge := filepath.Join(t.TempDir(), "judge")
	if out, err := exec.Command("go", "build", "-o", judge, "../../testnet/judge").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	us, other, era := newSigner(1, 3), newSigner(2, 0), instanceOf(1)
	file, at := example()
	broken := slices.Clone(file)
	broken[at[3]+8] = 9
	var many []byte
	for round := range uint32(50) {
		many = slices.Concat(many, signed(us.cast(era, round, echo("x"))), proposed(round, round%3 > 0),
			signed(other.cast(era, round, vote(round%2 == 0))), signed(us.cast(era, round, vote(round%5 > 0))))
	}
	for name, file := range map[string][]byte{"example": file, "torn": file[:at[5]+50], "broken": broken, "many": many,
		"twice": slices.Concat(many, many), "false": evidence(other.cast(era, 1, vote(true)), us.cast(era, 1, vote(false)))} {
		path := filepath.Join(t.TempDir(), "unit_"+era.String()+"_"+other.public().String()+".dat")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command(judge, "units", "--key", us.public().String(), "--json", path).Output()
		var want struct {
			Messages int
			Evidence []struct {
				Round    uint32
				Offset   int64
				Verified bool
			}
			Damaged   []struct{ Offset int64 }
			Instances []struct {
				Torn int64 `json:"torn_bytes"`
			}
		}
		if err := json.Unmarshal(out, &want); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		all, r, err := read(bytes.NewReader(file))
		ours := map[casper.Ballot]bool{}
		for _, e := range all {
			for _, m := range []units.Message{e.First, e.Second} {
				if m.SignedBy(us.public()) {
					ours[m.Ballot] = true
				}
			}
			if e.Kind != units.Evidence {
				continue
			}
			if len(want.Evidence) == 0 {
				t.Fatalf("%s: evidence at %d that the judge does not see", name, e.Offset)
			}
			w := want.Evidence[0]
			verified := e.First.SignedBy(us.public()) && e.Second.SignedBy(us.public()) && e.First.Contradicts(e.Second.Ballot)
			if e.Offset != w.Offset || e.First.Round != w.Round || verified != w.Verified {
				t.Errorf("%s: evidence %+v, the judge has %+v", name, e, w)
			}
			want.Evidence = want.Evidence[1:]
		}
		var d *units.DamageError
		damaged := errors.As(err, &d)
		if damaged != (len(want.Damaged) == 1) || damaged && d.Offset != want.Damaged[0].Offset ||
			!damaged && r.Torn() != want.Instances[0].Torn {
			t.Errorf("%s: %v, %d torn bytes; the judge: %+v %+v", name, err, r.Torn(), want.Damaged, want.Instances)
		}
		if len(ours) != want.Messages || len(want.Evidence) != 0 {
			t.Errorf("%s: %d of ours, the judge has %d, and evidence %+v besides", name, len(ours), want.Messages, want.Evidence)
		}
	}
}
