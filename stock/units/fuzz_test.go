package units_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

// FuzzParse: whatever a file holds, Parse takes exactly the bytes of an entry that is read there,
// and Append writes a message as it was read.
func FuzzParse(f *testing.F) {
	file, at := example()
	f.Add(file)
	f.Add(file[:at[2]+30])
	f.Add(make([]byte, 20))
	f.Fuzz(func(t *testing.T, file []byte) {
		all, r, _ := read(bytes.NewReader(file))
		for i, e := range all {
			end := r.Offset()
			if i+1 < len(all) {
				end = all[i+1].Offset
			}
			raw := file[e.Offset:end]
			got, err := units.Parse(raw)
			if got.Offset = e.Offset; err != nil || got != e {
				t.Fatalf("%x: %+v, %v", raw, got, err)
			}
			if e.Kind == units.Signed && !e.First.Secp256k1 && !bytes.Equal(units.Append(nil, e.First.Ballot), raw) {
				t.Fatalf("%x is written otherwise", raw)
			}
		}
	})
}

// FuzzSplitter: whatever is written in whatever portions, the entries are those that a Reader finds
// in the whole, and what is damaged for the one is so for the other as soon as it is whole.
func FuzzSplitter(f *testing.F) {
	file, at := example()
	f.Add(file, []byte{1})
	f.Add(file, []byte{8, 200, 3})
	f.Add(append(slices.Clone(file), make([]byte, 12)...), []byte{13})
	f.Add(file[:at[4]-1], []byte{255})
	f.Fuzz(func(t *testing.T, file, portions []byte) {
		want, r, end := read(bytes.NewReader(file))
		s := units.NewSplitter(ownOf(newSigner(1, 3), instanceOf(1)), 0)
		var got []units.Entry
		var err error
		for i, at := 0, 0; err == nil && at < len(file); i++ {
			n := 1
			if len(portions) > 0 {
				n += int(portions[i%len(portions)])
			}
			var some []units.Piece
			some, err = s.Split(file[at:min(at+n, len(file))])
			for _, p := range some {
				if !bytes.Equal(p.Raw, file[p.Offset:p.Offset+int64(len(p.Raw))]) {
					t.Fatalf("at %d: %x", p.Offset, p.Raw)
				}
				got = append(got, p.Entry)
			}
			at += n
		}
		var disagree *units.IndexError
		if errors.As(err, &disagree) {
			return
		}
		var damaged *units.DamageError
		if err == nil {
			if !slices.Equal(got, want) || s.Offset() != r.Offset() || s.Pending() != len(file)-int(r.Offset()) {
				t.Fatalf("%d entries to %d with %d pending, want %d to %d",
					len(got), s.Offset(), s.Pending(), len(want), r.Offset())
			}
			return
		}
		// A write with damage is refused as a whole, so some entries before it may not be returned.
		if !errors.As(err, &damaged) || !errors.As(end, new(*units.DamageError)) || damaged.Offset != r.Offset() ||
			len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("%d entries and %v, want %d and %v", len(got), err, len(want), end)
		}
	})
}

// FuzzMerge: whatever a file holds, and whatever our key signed elsewhere: no slot is left out,
// none is there twice for casper-node that was not before, and the file stays readable.
func FuzzMerge(f *testing.F) {
	file, _ := example()
	f.Add(file, []byte{0, 1, 4, 9, 16})
	f.Add(file[:100], []byte{255, 7, 7})
	f.Fuzz(func(t *testing.T, file, elsewhere []byte) {
		us, era := newSigner(1, 3), instanceOf(1)
		var ballots []casper.Ballot
		for _, b := range elsewhere[:min(len(elsewhere), 8)] {
			ballot := []casper.Ballot{echo("block"), echo("two"), vote(true), vote(false)}[b%4]
			ballots = append(ballots, us.cast(era, uint32(b/4%4), ballot))
		}
		m, err := units.Merge(bytes.NewReader(file), toldOf(us, era), ballots)
		var contrary *units.ContraryError
		var disagree *units.IndexError
		if errors.As(err, &contrary) && contrary.Have.Contradicts(contrary.Other) || errors.As(err, &disagree) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		whole := append(slices.Clone(file[:m.End]), m.Added...)
		all, r, err := read(bytes.NewReader(whole))
		if !errors.Is(err, io.EOF) || r.Torn() != 0 {
			t.Fatalf("%d torn bytes, %v", r.Torn(), err)
		}
		for _, b := range ballots {
			if count := slices.IndexFunc(all, func(e units.Entry) bool {
				return e.Kind == units.Signed && e.First.Kind == b.Kind && e.First.Round == b.Round &&
					e.First.Validator == b.Validator && e.First.Value == b.Value
			}); count < 0 {
				t.Fatalf("%v is missing", b)
			}
		}
		if before, _, _ := activates(file[:m.End], 3); before {
			if after, _, _ := activates(whole, 3); !after {
				t.Fatal("an entry stands there twice")
			}
		}
	})
}
