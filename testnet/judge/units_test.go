package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unitFiles writes one file per writer, who has index 10, 11 and so on, and returns their paths.
func unitFiles(t *testing.T, instance [digestSize]byte, contents ...[]byte) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, c := range contents {
		name := fmt.Sprintf("unit_%x_%s.dat", instance, newValidator(uint32(10+i)).public())
		paths = append(paths, filepath.Join(dir, name))
		if err := os.WriteFile(paths[i], c, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// judged runs the program on the files and returns its JSON and its lines.
func judged(t *testing.T, key string, paths ...string) (findings, string, error) {
	t.Helper()
	var out, lines bytes.Buffer
	err := run(append([]string{"units", "--key", key, "--json"}, paths...), &out, &lines)
	var f findings
	if jsonErr := json.Unmarshal(out.Bytes(), &f); jsonErr != nil {
		t.Fatalf("%v, after %v\n%s", jsonErr, err, out.Bytes())
	}
	if f.Clean != (err == nil) {
		t.Errorf("clean is %v, but the program says %v", f.Clean, err)
	}
	mayBeNull := strings.NewReplacer(`"our_index": null`, "", `"proposer": null`, "")
	if strings.Contains(mayBeNull.Replace(out.String()), "null") {
		t.Errorf("a list is null:\n%s", out.Bytes())
	}
	return f, lines.String(), err
}

// goodRound is a round of three validators in which the given one proposes, as a file has it.
func goodRound(instance [digestSize]byte, round, leader uint32) []byte {
	p := proposalOf(round, "a block")
	file := newValidator(leader).signed(instance, round, echo(p))
	file = append(file, proposed(round, p)...)
	for index := range uint32(3) {
		if index != leader {
			file = append(file, newValidator(index).signed(instance, round, echo(p))...)
		}
	}
	for index := range uint32(3) {
		file = append(file, newValidator(index).signed(instance, round, vote(true))...)
	}
	return file
}

func TestCleanUnits(t *testing.T) {
	us, other, id := newValidator(1), newValidator(0), era(1)
	one := slices.Concat(goodRound(id, 0, 2), goodRound(id, 1, 1))
	// In round 2 we voted without a proposal, and in round 3 nobody heard of us. The tail is torn.
	two := slices.Concat(goodRound(id, 0, 2), us.signed(id, 2, vote(false)), other.signed(id, 2, vote(false)),
		other.signed(id, 3, echo(proposalOf(3, ""))), proposed(3, proposalOf(3, "")), us.signed(id, 4, vote(true))[:50])
	paths := unitFiles(t, id, one, two)
	next := unitFiles(t, era(2), us.signed(era(2), 0, vote(true)))
	f, lines, err := judged(t, us.public(), append(paths, next...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, lines)
	}
	if f.Messages != 6 || len(f.Instances) != 2 || len(f.Contradictions)+len(f.Evidence)+len(f.Invalid)+
		len(f.Damaged) != 0 {
		t.Errorf("%+v", f)
	}
	i := f.Instances[slices.IndexFunc(f.Instances, func(i instance) bool { return i.ID == hex.EncodeToString(id[:]) })]
	if !slices.Equal(i.Files, paths) || i.OurIndex == nil || *i.OurIndex != 1 || i.Messages != 5 || i.TornBytes != 50 {
		t.Errorf("%+v", i)
	}
	if !slices.Equal(i.RoundsWithoutEcho, []uint32{2, 3}) || !slices.Equal(i.RoundsWithoutVote, []uint32{3}) {
		t.Errorf("without Echo %v, without Vote %v", i.RoundsWithoutEcho, i.RoundsWithoutVote)
	}
	text, err := json.Marshal(i.Rounds)
	if err != nil {
		t.Fatal(err)
	}
	hash := func(round uint32, block string) string {
		h := blake2b(proposalOf(round, block))
		return fmt.Sprintf(`"%x"`, h)
	}
	want := `[` +
		`{"round":0,"echoes":[` + hash(0, "a block") + `],"votes":[true],"proposal":true,"proposal_hashes":[` +
		hash(0, "a block") + `],` +
		`"proposer":2,"others_echoed":2,"others_voted_true":2,"others_voted_false":0},` +
		`{"round":1,"echoes":[` + hash(1, "a block") + `],"votes":[true],"proposal":true,"proposal_hashes":[` +
		hash(1, "a block") + `],` +
		`"proposer":1,"others_echoed":2,"others_voted_true":2,"others_voted_false":0},` +
		`{"round":2,"echoes":[],"votes":[false],"proposal":false,"proposal_hashes":[],` +
		`"proposer":null,"others_echoed":0,"others_voted_true":0,"others_voted_false":1},` +
		`{"round":3,"echoes":[],"votes":[],"proposal":true,"proposal_hashes":[` + hash(3, "") + `],` +
		`"proposer":0,"others_echoed":1,"others_voted_true":0,"others_voted_false":0}]`
	if string(text) != want {
		t.Errorf("got\n%s, want\n%s", text, want)
	}
	if want :=
		"round 3: no Echo of ours, no Vote of ours (proposed by 0, others: 1 echoed, 0 voted true, 0 false)"; !strings.Contains(lines, want) {
		t.Errorf("want %q in\n%s", want, lines)
	}
}

// Each case adds its files to clean ones and says what must be found.
func TestUnitFaults(t *testing.T) {
	us, other, id := newValidator(1), newValidator(0), era(1)
	forger := validator{newValidator(7).key, us.index}
	stranger := validator{us.key, 5}
	e1, e2 := echo([]byte("one")), echo([]byte("two"))
	renamed := us.signed(id, 4, vote(true))
	renamed[65] = 2 // the signature now says that it is of secp256k1
	damaged := append(us.signed(id, 4, e1), make([]byte, 20)...)
	for _, c := range []struct {
		name                                             string
		files                                            [][]byte
		contradictions, evidence, invalid, damaged, ours int
		want                                             string
	}{
		{name: "two echoes in one file", contradictions: 1, ours: 2, want: "DOUBLE SIGN",
			files: [][]byte{append(us.signed(id, 4, e1), us.signed(id, 4, e2)...)}},
		{name: "two echoes in two files", contradictions: 1, ours: 2, want: "DOUBLE SIGN",
			files: [][]byte{us.signed(id, 4, e1), us.signed(id, 4, e2)}},
		{name: "both votes in one file", contradictions: 1, ours: 2, want: "DOUBLE SIGN",
			files: [][]byte{append(us.signed(id, 4, vote(true)), us.signed(id, 4, vote(false))...)}},
		{name: "both votes in two files", contradictions: 1, ours: 2, want: "DOUBLE SIGN",
			files: [][]byte{us.signed(id, 4, vote(true)), us.signed(id, 4, vote(false))}},
		{name: "both votes after an echo", contradictions: 1, ours: 3, want: "DOUBLE SIGN",
			files: [][]byte{append(us.signed(id, 4, e1), us.signed(id, 4, vote(true))...), us.signed(id, 4, vote(false))}},
		{name: "a message against evidence elsewhere", contradictions: 1, evidence: 1, ours: 3, want: "DOUBLE SIGN",
			files: [][]byte{us.signed(id, 4, echo([]byte("three"))), us.evidence(id, 4, e1, e2)}},
		{name: "evidence alone", contradictions: 1, evidence: 1, ours: 2, want: "evidence against us",
			files: [][]byte{us.evidence(id, 4, vote(false), vote(true))}},
		{name: "evidence that proves nothing", evidence: 1, ours: 1, want: "evidence against us",
			files: [][]byte{us.evidence(id, 4, e1, e1)}},
		{name: "evidence of an echo and a vote", evidence: 1, ours: 2, want: "evidence against us",
			files: [][]byte{us.evidence(id, 4, e1, vote(true))}},
		{name: "forged evidence", evidence: 1, invalid: 2, want: "is not signed by the key",
			files: [][]byte{forger.evidence(id, 4, e1, e2)}},
		{name: "evidence against another", evidence: 1,
			files: [][]byte{other.evidence(id, 4, e1, e2)}},
		{name: "forged", invalid: 1, want: "is not signed by the key",
			files: [][]byte{forger.signed(id, 4, e1)}},
		{name: "forged beside a true one", invalid: 1, ours: 1, want: "is not signed by the key",
			files: [][]byte{append(us.signed(id, 4, e1), forger.signed(id, 4, e2)...)}},
		{name: "another scheme", invalid: 1, want: "is not signed by the key",
			files: [][]byte{renamed}},
		{name: "another index", invalid: 1, ours: 1, want: "is signed by the key, whose index is 1",
			files: [][]byte{stranger.signed(id, 4, e1)}},
		{name: "two echoes under another index", contradictions: 1, invalid: 2, ours: 2, want: "DOUBLE SIGN",
			files: [][]byte{stranger.signed(id, 4, e1), stranger.signed(id, 4, e2)}},
		{name: "damaged middle", damaged: 1, ours: 1, want: "is damaged at offset 180: an entry of 0 bytes",
			files: [][]byte{append(damaged, us.signed(id, 5, e1)...)}},
		{name: "the same in two files", ours: 1,
			files: [][]byte{us.signed(id, 4, e1), us.signed(id, 4, e1)}},
		{name: "two echoes in two rounds, and a vote", ours: 3,
			files: [][]byte{slices.Concat(us.signed(id, 4, e1), us.signed(id, 5, e2), us.signed(id, 5, vote(false)))}},
		{name: "two echoes of another", files: [][]byte{other.signed(id, 4, e1), other.signed(id, 4, e2)}},
		{name: "an empty file", files: [][]byte{nil}},
	} {
		const clean = 6 // messages of ours in three rounds
		files := append(c.files, slices.Concat(goodRound(id, 0, 0), goodRound(id, 1, 1), goodRound(id, 2, 2)))
		f, lines, err := judged(t, us.public(), unitFiles(t, id, files...)...)
		if (err == nil) != (c.want == "") || !strings.Contains(lines, c.want) {
			t.Errorf("%s: %v, want %q in\n%s", c.name, err, c.want, lines)
		}
		got := []int{len(f.Contradictions), len(f.Evidence), len(f.Invalid), len(f.Damaged), f.Messages}
		if want := []int{c.contradictions, c.evidence, c.invalid, c.damaged, clean + c.ours}; !slices.Equal(got, want) {
			t.Errorf("%s: contradictions, evidence, invalid, damaged, messages: %v, want %v\n%s", c.name, got, want, lines)
		}
		for _, e := range f.Evidence {
			if e.Verified != (c.contradictions > 0) || e.AgainstUs != (c.want != "") {
				t.Errorf("%s: %+v", c.name, e)
			}
		}
	}
}

// Two eras have the same rounds, and we may have another index in each.
func TestErasAreApart(t *testing.T) {
	us := newValidator(1)
	later := validator{us.key, 2}
	paths := append(unitFiles(t, era(1), us.signed(era(1), 0, echo(nil))),
		unitFiles(t, era(2), later.signed(era(2), 0, echo([]byte{1})))...)
	if f, lines, err := judged(t, us.public(), paths...); err != nil || f.Messages != 2 {
		t.Errorf("%v\n%s", err, lines)
	}
	// An era's message does not pass as another's.
	old, now := era(1), era(2)
	m, _ := later.message(old, 1, echo(nil))
	moved := sized(le32(tagMessage), bytes.ReplaceAll(m, old[:], now[:]))
	f, lines, err := judged(t, us.public(), append(paths, unitFiles(t, era(2), moved)...)...)
	if err == nil || f.Messages != 2 || len(f.Invalid) != 1 {
		t.Errorf("moved: %v\n%s", err, lines)
	}
}

func TestUnitsRefused(t *testing.T) {
	us, id := newValidator(1), era(1)
	dir := t.TempDir()
	good := goodRound(id, 0, 0)
	for name, want := range map[string]string{
		fmt.Sprintf("unit_%x_%s.dat", id, us.public()):                           "no witness",
		fmt.Sprintf("unit_%x_%s.dat", id, strings.ToUpper(us.public())):          "no witness",
		fmt.Sprintf("unit_%x_%s.txt", id, newValidator(0).public()):              "want a name",
		fmt.Sprintf("unit_%x.dat", id):                                           "want a name",
		fmt.Sprintf("unit_%x_%s.dat", id[1:], newValidator(0).public()):          "want an instance",
		fmt.Sprintf("unit_%x_%s.dat", id, newValidator(0).public()) + "/missing": "want a name",
	} {
		path := filepath.Join(dir, name)
		if !strings.Contains(name, "/") {
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		if err := run([]string{"units", "--key", us.public(), path}, &out, &out); err == nil || !strings.Contains(err.Error(),
			want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	var out bytes.Buffer
	if err := run([]string{"units", "--key", us.public()}, &out, &out); err == nil {
		t.Error("no files passed")
	}
	if _, lines, err := judged(t, newValidator(9).public(), unitFiles(t, id, good)...); err == nil ||
		!strings.Contains(lines, "no message of ours") {
		t.Errorf("another validator's key passed: %v\n%s", err, lines)
	}
}
