package units_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

// realFile is a unit file that casper-node 2.0.3 wrote, as published (testdata/README.md), and what
// it is of.
type realFile struct {
	Name       string
	Chainspec  casper.Hash
	Era        uint64
	KeyBlock   casper.Hash
	Validators []casper.PublicKey // of the era, by index
	Index      uint32             // of the key in the file's name
	Echoes     int                // of that key
	Votes      int
	Led        int // proposals of that key
	Evidence   int // of anybody's

	text     []byte
	key      casper.PublicKey
	instance casper.Hash
}

func realFiles(t *testing.T) (all []realFile) {
	t.Helper()
	list, err := os.ReadFile(filepath.Join("testdata", "real.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(list, &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		f := &all[i]
		if f.text, err = os.ReadFile(filepath.Join("testdata", f.Name)); err != nil {
			t.Fatal(err)
		}
		var key string
		if f.instance, key, err = units.ParseName(f.Name); err != nil {
			t.Fatal(err)
		}
		if f.key, err = casper.ParsePublicKey(key); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 3 {
		t.Fatalf("%d files", len(all))
	}
	return all
}

func (f realFile) own() *units.Own { return units.NewOwn(f.key, f.instance) }

// TestReal: files of real nodes are read to the last byte, an entry is ours if and only if it has
// our key's index in that era, and all of ours are written again, byte for byte.
func TestReal(t *testing.T) {
	for _, f := range realFiles(t) {
		c, err := units.Scan(bytes.NewReader(f.text), f.own())
		if err != nil || c.Damage != nil || c.Torn != 0 || c.Boundaries.End() != int64(len(f.text)) {
			t.Fatalf("%s: to %d of %d, %d torn, %v, %v", f.Name, c.Boundaries.End(), len(f.text), c.Torn, c.Damage, err)
		}
		if f.Validators[f.Index] != f.key {
			t.Errorf("%s: the validators are of another era", f.Name)
		}
		all, _, _ := read(bytes.NewReader(f.text))
		if byIndex := f.judge(t, all); !slices.Equal(c.Ours, byIndex) {
			t.Errorf("%s: ours by signature are %d, by index %d", f.Name, len(c.Ours), len(byIndex))
		}
		against := 0
		for _, e := range all {
			if e.Kind == units.Evidence && e.First.Validator == f.Index {
				against++
			}
		}
		if len(c.Against) != against {
			t.Errorf("%s: %d pieces of evidence against our key, want %d", f.Name, len(c.Against), against)
		}
		for _, e := range c.Ours {
			end := c.Boundaries[slices.Index(c.Boundaries, e.Offset)+1]
			if raw := f.text[e.Offset:end]; !bytes.Equal(units.Append(nil, e.First.Ballot), raw) {
				t.Errorf("%s: %x is written otherwise", f.Name, raw)
			}
		}
	}
}

// judge holds what was read against what the network's own record says of the file, with the
// validators' keys. It returns the messages with the index of the file's key.
func (f realFile) judge(t *testing.T, all []units.Entry) (byIndex []units.Entry) {
	t.Helper()
	echoed := map[casper.Hash]bool{}
	for _, e := range all {
		if e.Kind == units.Proposed {
			if echoed[e.Proposal] { // before it was recorded: only the leader does
				f.Led--
			}
			continue
		}
		signer := f.Validators[e.First.Validator]
		if !e.First.SignedBy(signer) || e.First.Instance != f.instance {
			t.Errorf("%s: the message at %d is not of %v", f.Name, e.Offset, signer)
		}
		switch {
		case e.Kind == units.Evidence:
			f.Evidence--
			if !e.Second.SignedBy(signer) || !e.First.Contradicts(e.Second.Ballot) {
				t.Errorf("%s: the evidence at %d proves nothing", f.Name, e.Offset)
			}
		case e.First.Validator != f.Index:
		case e.First.Kind == casper.KindVote:
			f.Votes--
			byIndex = append(byIndex, e)
		default:
			f.Echoes--
			byIndex = append(byIndex, e)
			echoed[e.First.Value] = true
		}
	}
	if f.Echoes != 0 || f.Votes != 0 || f.Led != 0 || f.Evidence != 0 {
		t.Errorf("%s: too few, or below 0 too many: %d echoes, %d votes, %d proposals, %d pieces of evidence",
			f.Name, f.Echoes, f.Votes, f.Led, f.Evidence)
	}
	return byIndex
}

// TestRealMessages: an era's instance is made of its chainspec, number and key block, and with
// those each message of ours is one whose slot can be claimed.
func TestRealMessages(t *testing.T) {
	slots := map[casper.Slot]bool{}
	for _, f := range realFiles(t) {
		era := casper.Round{Chainspec: f.Chainspec, Era: f.Era, KeyBlock: f.KeyBlock}
		if era.Instance() != f.instance {
			t.Errorf("era %d has instance %v, not that of %s", f.Era, era.Instance(), f.Name)
		}
		c, err := units.Scan(bytes.NewReader(f.text), f.own())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.Ours {
			m, ok := e.First.Message(era)
			slot, has := casper.SlotOf(m)
			if !ok || !has || slot.Era != f.Era || slot.Instance != f.instance || slot.Kind != e.First.Kind {
				t.Errorf("%s: %v is %v", f.Name, e.First.Ballot, m)
			}
			slots[slot] = true
		}
	}
	if len(slots) < 10 {
		t.Errorf("only %d slots", len(slots))
	}
}

// TestRealAgainstJudge: the judge, which reads unit files by other code, counts as many messages of
// each other validator and as much evidence. (It takes no node for a witness of its own key.)
func TestRealAgainstJudge(t *testing.T) {
	judge := filepath.Join(t.TempDir(), "judge")
	if out, err := exec.Command("go", "build", "-o", judge, "../../testnet/judge").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	counted := 0
	for _, f := range realFiles(t) {
		all, _, _ := read(bytes.NewReader(f.text))
		for _, v := range f.Validators {
			if v == f.key {
				continue
			}
			out, _ := exec.Command(judge, "units", "--key", v.String(), "--json", filepath.Join("testdata", f.Name)).Output()
			var got struct {
				Messages int
				Evidence []struct {
					Against bool `json:"against_us"`
				}
				Damaged []struct{ Offset int64 }
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%s: %v\n%s", f.Name, err, out)
			}
			messages, evidence, against := map[casper.Ballot]bool{}, 0, 0
			for _, e := range all {
				if e.Kind == units.Evidence && e.First.SignedBy(v) {
					evidence++
				}
				for _, m := range []units.Message{e.First, e.Second} {
					if m.SignedBy(v) {
						messages[m.Ballot] = true
					}
				}
			}
			for _, e := range got.Evidence {
				if e.Against {
					against++
				}
			}
			if counted += evidence; got.Messages != len(messages) || against != evidence || len(got.Damaged) > 0 {
				t.Errorf("%s, %v: the judge says %+v, want %d and %d", f.Name, v, got, len(messages), evidence)
			}
		}
	}
	if counted != 1 {
		t.Errorf("%d pieces of evidence against others than the file's own", counted)
	}
}

// TestRealIndexMoves: the same key has another index in another era. Told by that of the other era,
// what is ours would pass for another's.
func TestRealIndexMoves(t *testing.T) {
	byKey := map[casper.PublicKey][]realFile{}
	for _, f := range realFiles(t) {
		byKey[f.key] = append(byKey[f.key], f)
	}
	moved := 0
	for _, files := range byKey {
		for _, f := range files {
			for _, o := range files {
				if f.Index == o.Index {
					continue
				}
				moved++
				own := f.own()
				if err := own.At(o.Index); err != nil {
					t.Fatal(err)
				}
				var disagree *units.IndexError
				if _, err := units.Scan(bytes.NewReader(f.text), own); !errors.As(err, &disagree) {
					t.Errorf("%s by the index of %s: %v", f.Name, o.Name, err)
				}
				if own := f.own(); own.At(f.Index) != nil {
					t.Error("its own index does not fit")
				} else if _, err := units.Scan(bytes.NewReader(f.text), own); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if moved == 0 {
		t.Error("no index moved")
	}
}

// TestRealSplit: a Splitter finds in any portions what a Reader finds.
func TestRealSplit(t *testing.T) {
	for _, f := range realFiles(t) {
		want, _, _ := read(bytes.NewReader(f.text))
		for _, n := range []int{1, 7, 180, 8192, len(f.text)} {
			s := units.NewSplitter(f.own(), 0)
			got := pieces(t, s, slices.Collect(slices.Chunk(f.text, n))...)
			if len(got) != len(want) || s.Pending() != 0 {
				t.Fatalf("%s by %d bytes: %d entries of %d", f.Name, n, len(got), len(want))
			}
			for i, p := range got {
				if p.Entry != want[i] || p.Ours != (p.Kind == units.Signed && p.First.Validator == f.Index) {
					t.Errorf("%s by %d bytes: %+v", f.Name, n, p)
				}
			}
		}
	}
}

// TestRealMerge: of a file that was cut anywhere, the merge with what our key signed has all of
// that once, and a node votes with it.
func TestRealMerge(t *testing.T) {
	for _, f := range realFiles(t) {
		c, err := units.Scan(bytes.NewReader(f.text), f.own())
		if err != nil {
			t.Fatal(err)
		}
		var ballots []casper.Ballot
		for _, e := range c.Ours {
			ballots = append(ballots, e.First.Ballot)
		}
		contrary := len(c.Against) > 0 // it signed two values, some of which stand in the file
		for n := 0; n <= len(f.text) && !contrary; n += 97 {
			own := f.own()
			if err := own.At(f.Index); err != nil {
				t.Fatal(err)
			}
			file, _ := merged(t, f.text[:n], own, ballots...)
			votes, ours, torn := activates(file, f.Index)
			if !votes || torn != 0 || len(ours) != len(ballots) {
				t.Fatalf("%s cut at %d: votes %v with %d of %d, %d torn", f.Name, n, votes, len(ours), len(ballots), torn)
			}
		}
	}
}
