package units_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

// toldOf returns an Own whose index the chain said.
func toldOf(s signer, instance casper.Hash) *units.Own {
	own := ownOf(s, instance)
	_ = own.At(s.index) // fails only where another one is known
	return own
}

// merged returns the file that a merge makes.
func merged(t *testing.T, file []byte, own *units.Own, elsewhere ...casper.Ballot) ([]byte, units.Merged) {
	t.Helper()
	m, err := units.Merge(bytes.NewReader(file), own, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	return append(slices.Clone(file[:m.End]), m.Added...), m
}

// activates reads a file as casper-node's open_wal does: it reports whether the node votes with it,
// which values it takes for signed by that index, and which bytes it cuts off.
func activates(file []byte, index uint32) (bool, map[casper.Ballot]bool, int64) {
	all, r, err := read(bytes.NewReader(file))
	have, ours := map[casper.Ballot]bool{}, map[casper.Ballot]bool{}
	for _, e := range all {
		if e.Kind != units.Signed {
			continue
		}
		b := e.First.Ballot
		b.Instance, b.Signature = casper.Hash{}, casper.Signature{}
		if have[b] {
			return false, nil, 0
		}
		if have[b] = true; b.Validator == index {
			ours[b] = true
		}
	}
	return errors.Is(err, io.EOF), ours, r.Torn()
}

// TestMerge: a node's file lacks what the other node signed since, and the node that reads the
// merged one votes, and signs none of it again.
func TestMerge(t *testing.T) {
	us, other, era := newSigner(1, 3), newSigner(2, 0), instanceOf(1)
	e1, v1 := us.cast(era, 1, echo("a")), us.cast(era, 1, vote(true))
	e2, v2 := us.cast(era, 2, echo("b")), us.cast(era, 2, vote(false))
	unsigned, forged := us.cast(era, 3, echo("c")), us.cast(era, 3, vote(true))
	unsigned.Signature, forged.Signature[0] = casper.Signature{}, forged.Signature[0]+1
	local := slices.Concat(signed(e1), proposed(1, true), signed(other.cast(era, 1, vote(true))))
	elsewhere := []casper.Ballot{v2, e2, v1, e1, v2, unsigned, forged, other.cast(era, 3, vote(true)),
		us.cast(instanceOf(2), 4, echo("d"))}
	want := slices.Concat(local, signed(v1), signed(e2), signed(v2))
	for name, file := range map[string][]byte{
		"whole": local,
		"torn":  slices.Concat(local, signed(v1)[:50]),
		"zeros": slices.Concat(local, make([]byte, 40)),
	} {
		got, m := merged(t, file, toldOf(us, era), elsewhere...)
		if !bytes.Equal(got, want) || m.Count != 3 || (m.Damage != nil) != (name == "zeros") {
			t.Errorf("%s: %d added, cut at %d, %v", name, m.Count, m.End, m.Damage)
		}
		votes, ours, torn := activates(got, 3)
		if !votes || len(ours) != 4 || torn != 0 {
			t.Errorf("%s: votes %v, %d ours, %d torn", name, votes, len(ours), torn)
		}
		if again, m := merged(t, got, toldOf(us, era), elsewhere...); !bytes.Equal(again, got) || m.Count != 0 {
			t.Errorf("%s: a second merge adds %d", name, m.Count)
		}
	}
	all := slices.Concat(signed(e1), signed(v1), signed(e2), signed(v2))
	if got, _ := merged(t, nil, toldOf(us, era), elsewhere...); !bytes.Equal(got, all) {
		t.Error("an empty file is merged otherwise")
	}
	if got, _ := merged(t, local, toldOf(us, era)); !bytes.Equal(got, local) {
		t.Error("nothing from elsewhere changes the file")
	}
}

// TestMergeAnotherInstance: a vote of ours of another era stands in the file with our index, where
// a peer had the node record it. For casper-node a second one with that value would be one too
// many; one with another value contradicts nothing.
func TestMergeAnotherInstance(t *testing.T) {
	us, era, old := newSigner(1, 3), instanceOf(1), instanceOf(2)
	local := slices.Concat(signed(us.cast(old, 1, vote(true))), signed(us.cast(old, 2, vote(true))))
	got, m := merged(t, local, toldOf(us, era), us.cast(era, 1, vote(true)), us.cast(era, 2, vote(false)))
	if votes, _, _ := activates(got, 3); !votes || m.Count != 1 {
		t.Errorf("votes %v with %d added", votes, m.Count)
	}
}

// TestMergeContrary: two values of one slot are told, and no file is made of them.
func TestMergeContrary(t *testing.T) {
	us, moved, other, era := newSigner(1, 3), newSigner(1, 2), newSigner(2, 3), instanceOf(1)
	a, b := us.cast(era, 1, echo("a")), us.cast(era, 1, echo("b"))
	var contrary *units.ContraryError
	front := proposed(1, false)
	_, err := units.Merge(bytes.NewReader(slices.Concat(front, signed(a))), toldOf(us, era), []casper.Ballot{b})
	if !errors.As(err, &contrary) || *contrary != (units.ContraryError{Offset: int64(len(front)), Have: a, Other: b}) {
		t.Errorf("in the file: %v", err)
	}
	_, err = units.Merge(bytes.NewReader(nil), toldOf(us, era), []casper.Ballot{a, b})
	if !errors.As(err, &contrary) || *contrary != (units.ContraryError{Offset: -1, Have: a, Other: b}) {
		t.Errorf("both from elsewhere: %v", err)
	}
	var disagree *units.IndexError
	_, err = units.Merge(bytes.NewReader(signed(a)), toldOf(us, era), []casper.Ballot{a, moved.cast(era, 2, echo("c"))})
	if !errors.As(err, &disagree) || !disagree.Ours {
		t.Errorf("ours with two indices: %v", err)
	}
	_, err = units.Merge(bytes.NewReader(signed(other.cast(era, 1, echo("x")))), toldOf(us, era), []casper.Ballot{a})
	if !errors.As(err, &disagree) || disagree.Ours {
		t.Errorf("another's with our index: %v", err)
	}
	if _, err = units.Merge(iotest.ErrReader(io.ErrClosedPipe), toldOf(us, era), nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

// TestAppend: what is merged is written as casper-node writes it.
func TestAppend(t *testing.T) {
	us := newSigner(1, 3)
	for _, b := range []casper.Ballot{echo("a"), vote(true), vote(false)} {
		b = us.cast(instanceOf(1), 1<<20, b)
		if got := units.Append([]byte("front"), b); !bytes.Equal(got, append([]byte("front"), signed(b)...)) {
			t.Errorf("%v: %x", b, got)
		}
	}
}

// TestTold: what somebody tells has our index by the chain, or by what the node wrote, and says
// nothing of it, whoever signed it.
func TestTold(t *testing.T) {
	us, moved, other, era := newSigner(1, 3), newSigner(1, 2), newSigner(2, 2), instanceOf(1)
	own := ownOf(us, era)
	for _, b := range []casper.Ballot{us.cast(era, 1, echo("a")), moved.cast(era, 1, echo("a"))} {
		if err := own.Told(b); !errors.Is(err, units.ErrNoIndex) {
			t.Errorf("our index is not known: %v", err)
		}
		if _, err := units.Merge(bytes.NewReader(nil), own, []casper.Ballot{b}); !errors.Is(err, units.ErrNoIndex) {
			t.Errorf("merged though our index is not known: %v", err)
		}
	}
	if index, known := own.Index(); known {
		t.Errorf("index %d is learned from what is told", index)
	}
	wrote := func(o *units.Own) error { _, err := o.Ours(of(us.cast(era, 1, echo("a")))); return err }
	for name, learn := range map[string]func(*units.Own) error{
		"chain": func(o *units.Own) error { return o.At(3) }, "node": wrote,
	} {
		own := ownOf(us, era)
		if err := learn(own); err != nil {
			t.Fatal(err)
		}
		disagree := new(units.IndexError)
		if err := own.Told(moved.cast(era, 2, echo("b"))); !errors.As(err, &disagree) || !disagree.Ours {
			t.Errorf("%s, by another index: %v", name, err)
		}
		if err := own.Told(us.cast(era, 2, echo("b"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if ours, err := own.Ours(of(other.cast(era, 3, echo("c")))); err != nil || ours {
			t.Errorf("%s, another's by the index that was told: ours %v, %v", name, ours, err)
		}
	}
}
