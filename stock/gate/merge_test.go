package gate_test

import (
	"bytes"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units/unitstest"
)

// TestMerge: a node that opens its unit file reads what its key signed elsewhere in that instance,
// once each is granted; and only while nobody has the file open, and once.
func TestMerge(t *testing.T) {
	f := &Fake{}
	s := newSite(t, f)
	own := us.Vote(era, 0, true)
	w := s.open()
	s.write(w, entry(own), nil)
	elsewhere := []casper.Ballot{us.Echo(era, 1, "a"), us.Vote(era, 1, false)}
	f.set(func() {
		f.told.Signed = append(slices.Clone(elsewhere), own, elsewhere[0], us.Vote(unitstest.Instance("another"), 2, true),
			other.Vote(era, 3, true))
	})
	before := entry(own)
	if got := s.read(); !bytes.Equal(got, before) {
		t.Errorf("read %x while a writer has the file, want %x", got, before)
	}
	w.Close()
	want := slices.Concat(before, entry(elsewhere[0]), entry(elsewhere[1]))
	s.await(want, 3)
	s.await(want, 3)
}

// TestMergeUngranted: what is not granted is not merged, whoever tells of it, and a node opens its
// file all the same.
func TestMergeUngranted(t *testing.T) {
	f := &Fake{}
	s := newSite(t, f)
	w := s.open()
	s.write(w, entry(us.Vote(era, 0, true)), nil)
	w.Close()
	f.set(func() {
		f.told.Signed = []casper.Ballot{us.Vote(era, 1, true)}
		f.refuse = errBound
	})
	s.await(entry(us.Vote(era, 0, true)), 2)
}

// TestMergeAmongContraries: what contradicts the file is neither claimed nor added, of two values
// for one slot the one that is granted is, and neither keeps any other message out.
func TestMergeAmongContraries(t *testing.T) {
	f := &Fake{}
	s := newSite(t, f)
	w := s.open()
	s.write(w, entry(us.Vote(era, 0, true)), nil)
	w.Close()
	good, bad := us.Vote(era, 1, true), us.Vote(era, 1, false)
	if err := f.Claim(good, nil); err != nil { // by the node that sent it
		t.Fatal(err)
	}
	f.set(func() { f.told.Signed = []casper.Ballot{us.Vote(era, 0, false), bad, good, us.Vote(era, 2, true)} })
	want := slices.Concat(entry(us.Vote(era, 0, true)), entry(good), entry(us.Vote(era, 2, true)))
	for end := time.Now().Add(20 * time.Second); !bytes.Equal(s.read(), want); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the file is %x, want %x", s.read(), want)
		}
	}
	f.set(func() {
		if slices.Contains(f.claimed, us.Vote(era, 0, false)) {
			t.Error("what contradicts the file is claimed")
		}
	})
}

// TestOtherIndex: where the chain says that our key has another index than it signed by, nothing
// more is written; what it says before anything was signed makes messages of that index ours.
func TestOtherIndex(t *testing.T) {
	f := &Fake{}
	s := newSite(t, f)
	f.set(func() { f.told = Elsewhere{Index: us.Index, Known: true} })
	w := s.open()
	s.write(w, entry(us.Vote(era, 0, true)), nil)
	s.write(w, entry(other.At(us.Index).Vote(era, 1, true)), syscall.EIO)
	w.Close()
	f.set(func() { f.told.Index++ })
	for end := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
		w := s.open()
		_, err := w.Write(entry(other.Vote(era, 2, true)))
		w.Close()
		if errors.Is(err, syscall.EIO) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("a message is written though it cannot be told whose it is: %v", err)
		}
	}
}

// TestMergeByIndex: as an era began a hostile node of ours had an echo attested by an index that is
// another validator's, and tells of it. A node that has written nothing yet reads what the chain
// says is its own; and if nobody knows its index then it reads nothing that is told, and nothing is
// claimed. In neither case does the other index become ours: it votes by its own, and others do by
// theirs.
func TestMergeByIndex(t *testing.T) {
	moved, good := us.At(other.Index).Echo(era, 0, "a"), us.Vote(era, 1, true)
	for name, known := range map[string]bool{"known": true, "unknown": false} {
		t.Run(name, func(t *testing.T) {
			f := &Fake{}
			s := newSite(t, f)
			f.set(func() { f.told = Elsewhere{Signed: []casper.Ballot{moved, good}, Index: us.Index, Known: known} })
			var want []byte
			if known {
				want = entry(good)
			}
			if got := s.read(); !bytes.Equal(got, want) {
				t.Fatalf("the file is %x, want %x", got, want)
			}
			f.set(func() {
				if slices.Contains(f.claimed, moved) || slices.Contains(f.claimed, good) != known {
					t.Errorf("claimed are %v", f.claimed)
				}
			})
			w := s.open()
			for _, b := range []casper.Ballot{other.Vote(era, 2, true), us.Echo(era, 2, "b"), other.Vote(era, 3, true)} {
				s.write(w, entry(b), nil)
				want = append(want, entry(b)...)
			}
			w.Close()
			s.stop()
			s.start()
			if !known { // by what it wrote itself it is now
				want = append(want, entry(good)...)
			}
			s.await(want, 2)
			f.set(func() { f.told = Elsewhere{Index: us.Index, Known: true} })
			s.await(want, 2)
			w = s.open()
			s.write(w, entry(us.Echo(era, 4, "c")), nil)
		})
	}
}
