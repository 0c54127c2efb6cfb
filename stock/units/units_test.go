package units_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/stock/units"
)

// read returns a file's entries and how it ends.
func read(file io.Reader) (all []units.Entry, r *units.Reader, err error) {
	r = units.NewReader(file)
	for {
		e, err := r.Next()
		if err != nil {
			return all, r, err
		}
		all = append(all, e)
	}
}

// example is a file with an entry of each kind; at says where each begins, and at the end how
// long it is.
func example() (file []byte, at []int) {
	us, era := newSigner(1, 3), instanceOf(1)
	for _, e := range [][]byte{
		signed(us.cast(era, 0, echo("block"))),
		proposed(0, true),
		signed(us.cast(era, 0, vote(true))),
		proposed(1, false),
		evidence(us.cast(era, 1, vote(true)), us.cast(era, 1, vote(false))),
		evidence(us.cast(era, 2, echo("one")), us.cast(era, 2, echo("two"))),
	} {
		at = append(at, len(file))
		file = append(file, e...)
	}
	return file, append(at, len(file))
}

func TestEntries(t *testing.T) {
	file, at := example()
	all, r, err := read(iotest.OneByteReader(bytes.NewReader(file)))
	if !errors.Is(err, io.EOF) || r.Torn() != 0 || r.Offset() != int64(len(file)) || len(all) != len(at)-1 {
		t.Fatalf("%d entries, %d torn bytes, up to %d of %d: %v", len(all), r.Torn(), r.Offset(), len(file), err)
	}
	if _, again := r.Next(); again != err {
		t.Errorf("behind the end: %v", again)
	}
	us, era := newSigner(1, 3), instanceOf(1)
	for i, want := range []units.Entry{
		{Kind: units.Signed, First: units.Message{Ballot: us.cast(era, 0, echo("block"))}},
		{Kind: units.Proposed, Proposal: blake2b.Sum256(proposal(0, true))},
		{Kind: units.Signed, First: units.Message{Ballot: us.cast(era, 0, vote(true))}},
		{Kind: units.Proposed, Round: 1, Proposal: blake2b.Sum256(proposal(1, false))},
		{Kind: units.Evidence, First: units.Message{Ballot: us.cast(era, 1, vote(true))},
			Second: units.Message{Ballot: us.cast(era, 1, vote(false))}},
		{Kind: units.Evidence, First: units.Message{Ballot: us.cast(era, 2, echo("one"))},
			Second: units.Message{Ballot: us.cast(era, 2, echo("two"))}},
	} {
		want.Offset = int64(at[i])
		if all[i] != want {
			t.Errorf("entry %d:\n%+v, want\n%+v", i, all[i], want)
		}
	}
}

// TestOwn: whose a message is, its signature says: not its index, which is another validator's in
// another era.
func TestOwn(t *testing.T) {
	us, other, era := newSigner(1, 3), newSigner(2, 3), instanceOf(1)
	moved := newSigner(1, 2)
	forged := us.cast(era, 1, vote(true))
	forged.Value[0] = 0
	secp := signed(us.cast(era, 5, vote(true)))
	secp[len(secp)-72-4] = 2
	all, _, err := read(bytes.NewReader(slices.Concat(
		signed(us.cast(era, 1, vote(true))), signed(other.cast(era, 1, vote(true))),
		signed(moved.cast(instanceOf(2), 1, vote(true))), signed(forged), secp)))
	if !errors.Is(err, io.EOF) || len(all) != 5 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	for i, want := range []bool{true, false, true, false, false} {
		if got := all[i].First.SignedBy(us.public()); got != want {
			t.Errorf("entry %d: ours %v, want %v", i, got, want)
		}
	}
	if !all[4].First.Secp256k1 {
		t.Error("a signature of the other algorithm is taken for ours")
	}
}

// TestAnotherInstance: a message of another era stands in a file where a node was shown one, and
// is no damage: that is how a false equivocation looks.
func TestAnotherInstance(t *testing.T) {
	us := newSigner(1, 3)
	old, now := us.cast(instanceOf(1), 4, echo("old")), us.cast(instanceOf(2), 4, echo("new"))
	all, _, err := read(bytes.NewReader(evidence(old, now)))
	if !errors.Is(err, io.EOF) || len(all) != 1 {
		t.Fatal(all, err)
	}
	if e := all[0]; !e.First.SignedBy(us.public()) || e.Second.SignedBy(us.public()) || e.Second.Instance != old.Instance {
		t.Errorf("%+v", e)
	}
}

// TestTornTail: wherever a node is interrupted, the entries before are whole, and nothing
// is damaged.
func TestTornTail(t *testing.T) {
	file, at := example()
	for n := range file {
		all, r, err := read(bytes.NewReader(file[:n]))
		whole, _ := slices.BinarySearch(at, n+1)
		whole--
		if !errors.Is(err, io.EOF) || len(all) != whole || r.Torn() != int64(n-at[whole]) || r.Offset() != int64(at[whole]) {
			t.Fatalf("%d of %d bytes: %d entries, %d torn bytes, %v; want %d and %d", n, len(file), len(all), r.Torn(), err,
				whole, n-at[whole])
		}
	}
}

func TestDamage(t *testing.T) {
	_, at := example()
	const entry = 8 // where an entry's tag is, from its offset
	block, dummy := proposal(0, true), proposal(1, false)
	for _, c := range []struct {
		name    string
		entry   int
		change  func(e []byte)
		problem string
	}{
		{"no size", 2, func(e []byte) { clear(e[:8]) }, "an entry of 0 bytes"},
		{"huge size", 2, func(e []byte) { e[7] = 0xff }, "an entry of 18374686479671623813 bytes"},
		{"size beyond the end", 2, func(e []byte) { e[1] = 0xff }, "a message of 65413 bytes"},
		{"message too long", 2, func(e []byte) { e[0]++ }, "a message of 134 bytes"},
		{"vote as long as an echo", 2, func(e []byte) { e[0] = 172 }, "has 39 left over"},
		{"echo as long as a vote", 0, func(e []byte) { e[0] = 133 }, "too short"},
		{"evidence too long", 4, func(e []byte) { e[0]++ }, "has 1 left over"},
		{"evidence too short", 4, func(e []byte) { e[0]-- }, "evidence of 213 bytes"},
		{"evidence of echoes too short", 5, func(e []byte) { e[0]-- }, "1 bytes too short"},
		{"last evidence too long", 5, func(e []byte) { e[0]++ }, "evidence of 293 bytes"},
		{"tag", 2, func(e []byte) { e[entry] = 3 }, "unknown tag 3 of an entry"},
		{"length of the instance", 2, func(e []byte) { e[entry+8]++ }, "name of an instance of 33 bytes"},
		{"content", 2, func(e []byte) { e[entry+48] = 2 }, "unknown tag 2 of a content"},
		{"vote", 2, func(e []byte) { e[entry+52] = 2 }, "a vote of 2"},
		{"signature", 2, func(e []byte) { e[entry+57] = 3 }, "a signature with tag 3"},
		{"signature of the system", 2, func(e []byte) { e[entry+57] = 0 }, "a signature with tag 0"},
		{"length of the signature", 2, func(e []byte) { e[entry+61]++ }, "a signature of 65 bytes"},
		{"proposal's block", 1, func(e []byte) { e[entry+12] = 2 }, "a tag before a block of 2"},
		{"lanes", 1, func(e []byte) { e[entry+14] = 1 }, "257 lanes"},
		{"transaction", 1, func(e []byte) { e[entry+4+9+8+1+8] = 2 }, "a transaction with tag 2"},
		{"approval", 1, func(e []byte) { e[entry+4+9+8+1+8+4+40+8] = 3 }, "a approving key with tag 3"},
		{"random bit", 1, func(e []byte) { e[entry+4+len(block)-24] = 7 }, "a random bit of 7"},
		{"inactive", 1, func(e []byte) { e[entry+4+len(block)-16] = 200 }, "200 inactive validators"},
		{"proposal over the next entry", 1, func(e []byte) { e[0] += 141 }, "has 141 left over"},
		{"proposal over all that follows", 1, func(e []byte) { e[2] = 1 }, "left over"},
		{"dummy too short", 3, func(e []byte) { e[0]-- }, "too short"},
		{"dummy's parent", 3, func(e []byte) { e[entry+4+len(dummy)-6] = 2 }, "tag before a parent of 2"},
	} {
		file, _ := example()
		c.change(file[at[c.entry]:])
		all, r, err := read(bytes.NewReader(file))
		var d *units.DamageError
		if !errors.As(err, &d) || d.Offset != int64(at[c.entry]) || len(all) != c.entry || r.Offset() != d.Offset ||
			!strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %d entries, %v; want %d, and offset %d: ..%s..", c.name, len(all), err, c.entry, at[c.entry],
				c.problem)
		}
	}
}

// TestFailingReader: a file that cannot be read is neither at its end nor damaged.
func TestFailingReader(t *testing.T) {
	file, at := example()
	broken := errors.New("input/output error")
	all, _, err := read(io.MultiReader(bytes.NewReader(file[:at[2]+9]), iotest.ErrReader(broken)))
	if d := (*units.DamageError)(nil); !errors.Is(err, broken) || errors.As(err, &d) || len(all) != 2 {
		t.Errorf("%d entries, %v", len(all), err)
	}
}

// TestNoMemory: what lengths say costs nothing.
func TestNoMemory(t *testing.T) {
	huge := slices.Concat(le64(units.MaxEntry), le32(uint32(units.Proposed)), le64(0), []byte{1},
		le64(0), le64(0), le64(1), le64(units.MaxEntry-100))
	zeros := io.LimitReader(zero{}, 15<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, r, err := read(io.MultiReader(bytes.NewReader(huge), zeros)); !errors.Is(err, io.EOF) || r.Torn() < 15<<20 {
		t.Errorf("%v, %d torn bytes", err, r.Torn())
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}

type zero struct{}

func (zero) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestParseName(t *testing.T) {
	id := instanceOf(1)
	name := "unit_" + id.String() + "_" + newSigner(1, 0).public().String() + ".dat"
	instance, key, err := units.ParseName(name)
	if err != nil || instance != id || key != newSigner(1, 0).public().String() {
		t.Errorf("%v %s %v", instance, key, err)
	}
	for _, bad := range []string{"", "unit_.dat", strings.TrimSuffix(name, ".dat"),
		strings.Replace(name, "unit", "units", 1),
		strings.Replace(name, "_01", "", 1), strings.Replace(name, id.String(), id.String()[2:], 1),
		strings.Replace(name, "_01", "_x1", 1), name + "~"} {
		if _, _, err := units.ParseName(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func FuzzReader(f *testing.F) {
	file, at := example()
	f.Add(file)
	for i := range len(at) - 1 {
		f.Add(file[at[i]:at[i+1]])
		f.Add(file[:at[i+1]-3])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, r, err := read(bytes.NewReader(data))
		next := int64(0)
		for _, e := range all {
			if e.Offset != next {
				t.Fatalf("an entry at %d, want %d", e.Offset, next)
			}
			size := int64(binary.LittleEndian.Uint64(data[next:]))
			if end := next + 8 + size; e.Kind != units.Proposed { // what was read can be written, and nothing besides
				again := signed(e.First.Ballot)
				if e.Kind == units.Evidence {
					again = evidence(e.First.Ballot, e.Second.Ballot)
				}
				if !e.First.Secp256k1 && !e.Second.Secp256k1 && !bytes.Equal(again, data[next:end]) {
					t.Fatalf("%x was read of\n%x", again, data[next:end])
				}
			}
			next += 8 + size
		}
		var d *units.DamageError
		switch {
		case errors.As(err, &d):
			if d.Offset != next {
				t.Fatalf("damage at %d, want %d", d.Offset, next)
			}
		case !errors.Is(err, io.EOF), next+r.Torn() != int64(len(data)):
			t.Fatalf("%v: %d bytes of entries and %d torn, of %d", err, next, r.Torn(), len(data))
		}
		if r.Offset() != next {
			t.Fatalf("the entries end at %d, want %d", r.Offset(), next)
		}
	})
}
