package units_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

func ownOf(s signer, instance casper.Hash) *units.Own { return units.NewOwn(s.public(), instance) }

// pieces splits the writes and returns the entries, with bytes of their own.
func pieces(t *testing.T, s *units.Splitter, writes ...[]byte) (all []units.Piece) {
	t.Helper()
	for i, w := range writes {
		some, err := s.Split(w)
		if err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
		for _, p := range some {
			p.Raw = bytes.Clone(p.Raw)
			all = append(all, p)
		}
	}
	return all
}

// TestSplit: however a node's entries are spread over writes, each is returned with the write that
// makes it whole, as it was written.
func TestSplit(t *testing.T) {
	file, at := example()
	us, era := newSigner(1, 3), instanceOf(1)
	want, _, _ := read(bytes.NewReader(file))
	ways := map[string][][]byte{"one write": {file}, "bytes": nil, "entries": nil, "length apart": nil}
	for i := range file {
		ways["bytes"] = append(ways["bytes"], file[i:i+1])
	}
	for i := range len(at) - 1 {
		ways["entries"] = append(ways["entries"], file[at[i]:at[i+1]])
		ways["length apart"] = append(ways["length apart"], file[at[i]:at[i]+8], file[at[i]+8:at[i+1]])
	}
	for name, writes := range ways {
		s := units.NewSplitter(ownOf(us, era), 1000)
		got := pieces(t, s, writes...)
		if len(got) != len(want) || s.Pending() != 0 || s.Offset() != int64(1000+len(file)) {
			t.Fatalf("%s: %d entries, %d pending, at %d", name, len(got), s.Pending(), s.Offset())
		}
		for i, p := range got {
			w := want[i]
			w.Offset += 1000
			if p.Entry != w || p.Ours != (w.Kind == units.Signed) || !bytes.Equal(p.Raw, file[at[i]:at[i+1]]) {
				t.Errorf("%s, entry %d: %+v", name, i, p)
			}
		}
	}
}

// TestSplitAnywhere: two writes that part at each byte, and what is pending between them.
func TestSplitAnywhere(t *testing.T) {
	file, at := example()
	for n := range file {
		s := units.NewSplitter(ownOf(newSigner(1, 3), instanceOf(1)), 0)
		first := pieces(t, s, file[:n])
		whole, _ := slices.BinarySearch(at, n+1)
		whole--
		if len(first) != whole || s.Pending() != n-at[whole] || s.Offset() != int64(at[whole]) {
			t.Fatalf("%d bytes: %d entries, %d pending, at %d", n, len(first), s.Pending(), s.Offset())
		}
		if rest := pieces(t, s, file[n:]); len(rest) != len(at)-1-whole || s.Pending() != 0 {
			t.Fatalf("%d bytes, then the rest: %d entries, %d pending", n, len(rest), s.Pending())
		}
	}
}

// TestSplitAllocates nothing for the messages of others, which are nearly all.
func TestSplitAllocates(t *testing.T) {
	us, other, era := newSigner(1, 3), newSigner(2, 0), instanceOf(1)
	own := ownOf(us, era)
	if err := own.At(3); err != nil {
		t.Fatal(err)
	}
	s := units.NewSplitter(own, 0)
	entry := signed(other.cast(era, 1, vote(true)))
	if n := testing.AllocsPerRun(100, func() { pieces(t, s, entry[:20]); s.Split(entry[20:]) }); n > 0 {
		t.Errorf("%v allocations an entry", n)
	}
}

// TestSplitRefuses: what is no entry is an error as soon as it shows, of the whole write, and so is
// all that is written after it, such as the same bytes once more.
func TestSplitRefuses(t *testing.T) {
	us, era := newSigner(1, 3), instanceOf(1)
	good := signed(us.cast(era, 0, echo("block")))
	edit := func(at int, b ...byte) []byte { e := slices.Clone(good); copy(e[at:], b); return e }
	shortened := slices.Clone(good)
	shortened[0]--
	longer := append(slices.Clone(good), 0)
	longer[0]++
	left := sized(le32(uint32(units.Proposed)), proposal(1, true), le32(1), []byte{0})
	for name, c := range map[string]struct {
		bad   []byte
		words string
	}{
		"zeros":             {make([]byte, 8), "an entry of 0 bytes"},
		"a huge length":     {le64(1 << 40), "an entry of 1099511627776 bytes"},
		"a negative length": {bytes.Repeat([]byte{255}, 8), "an entry of"},
		"an unknown tag":    {edit(8, 3), "unknown tag 3 of an entry"},
		"a tag, no more":    {edit(8, 9)[:12], "unknown tag 9 of an entry"},
		"a byte less":       {shortened[:12], "a message of"},
		"a byte more":       {longer[:12], "a message of"},
		"a byte left over":  {left, "1 left over"},
		"unknown content":   {edit(8+4+4+40, 2), "unknown tag 2 of a content"},
		"other signature":   {edit(8+4+4+40+44+4, 0), "a signature with tag 0"},
		"a vote of 2":       {damage(signed(us.cast(era, 1, vote(true))), 8+4+4+40+4, 2), "a vote of 2"},
		"evidence of half":  {slices.Concat(le64(200), le32(uint32(units.Evidence))), "evidence of 200 bytes"},
	} {
		s := units.NewSplitter(ownOf(us, era), 0)
		pieces(t, s, good)
		some, err := s.Split(slices.Concat(signed(us.cast(era, 0, vote(true))), c.bad))
		var damaged *units.DamageError
		if !errors.As(err, &damaged) || len(some) != 0 || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %d entries, %v", name, len(some), err)
		} else if want := int64(len(good) + 8 + 133); damaged.Offset != want {
			t.Errorf("%s: at %d, want %d", name, damaged.Offset, want)
		}
		for _, again := range [][]byte{c.bad, good, nil} {
			if some, next := s.Split(again); next != err || len(some) != 0 {
				t.Errorf("%s: behind the error %d entries, %v", name, len(some), next)
			}
		}
	}
}

func damage(e []byte, at int, b byte) []byte { e[at] = b; return e }

// TestSplitDisagrees: a message with our index that our key did not sign ends the stream.
func TestSplitDisagrees(t *testing.T) {
	us, other, era := newSigner(1, 3), newSigner(2, 3), instanceOf(1)
	own := ownOf(us, era)
	if err := own.At(3); err != nil {
		t.Fatal(err)
	}
	s := units.NewSplitter(own, 0)
	_, err := s.Split(signed(other.cast(era, 1, vote(true))))
	var disagree *units.IndexError
	if !errors.As(err, &disagree) || disagree.Ours {
		t.Errorf("%v", err)
	}
	if _, err := s.Split(signed(us.cast(era, 1, vote(true)))); err == nil {
		t.Error("the stream goes on")
	}
}

// TestParse: one entry, all of it and nothing more.
func TestParse(t *testing.T) {
	file, at := example()
	want, _, _ := read(bytes.NewReader(file))
	for i := range len(at) - 1 {
		raw := file[at[i]:at[i+1]]
		e, err := units.Parse(raw)
		if e.Offset = int64(at[i]); err != nil || e != want[i] {
			t.Errorf("entry %d: %+v, %v", i, e, err)
		}
		for n := range raw {
			if _, err := units.Parse(raw[:n]); err == nil {
				t.Errorf("entry %d: %d of %d bytes pass", i, n, len(raw))
			}
		}
		if _, err := units.Parse(append(slices.Clone(raw), 0)); err == nil {
			t.Errorf("entry %d: a byte behind it passes", i)
		}
	}
}
