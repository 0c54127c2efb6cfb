package localnet

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/casper"
)

// chain is four heights of a chain of validators v, where the set changes with block 2.
func chain(v []casper.PublicKey) []Event {
	hash := func(height uint64) casper.Hash { return casper.Hash{byte(height + 1)} }
	sign := func(key casper.PublicKey, height uint64) Event {
		return FinalitySignature{PublicKey: key, Block: hash(height), Height: height}
	}
	return []Event{
		Block{Hash: hash(0), End: &EraEnd{Next: v[:3]}},
		sign(v[0], 1), // a signature may come before its block
		Block{Hash: hash(1), Height: 1, Era: 1, Rewarded: [][]byte{{0}}},
		sign(v[1], 1),
		Block{Hash: hash(2), Height: 2, Era: 1, Rewarded: [][]byte{{0b1000_0000}, {0}}, End: &EraEnd{Next: v[1:]}},
		sign(v[2], 2),
		Block{Hash: hash(3), Height: 3, Era: 2, Rewarded: [][]byte{{0b0010_0000}, {0b0100_0000}, {0}}},
	}
}

func TestRecord(t *testing.T) {
	v := testKeys(4)
	r := NewRecord(v)
	for range 2 { // a watcher that connects again sees all of it again
		for i, e := range chain(v) {
			r.Add(e, time.Unix(int64(i), 0))
		}
	}
	if r.Height() != 3 || len(r.Blocks()) != 4 {
		t.Fatalf("height %d, %d blocks", r.Height(), len(r.Blocks()))
	}
	tests := []struct {
		validator            casper.PublicKey
		unsigned, unrewarded []uint64 // of heights 1 and 2
	}{
		{v[0], []uint64{2}, []uint64{2}},
		{v[1], []uint64{2}, []uint64{2}},
		{v[2], []uint64{1}, []uint64{1}},
		{v[3], []uint64{1, 2}, []uint64{1, 2}},
	}
	for i, test := range tests {
		if got := r.Unsigned(test.validator, 1, 2); !slices.Equal(got, test.unsigned) {
			t.Errorf("validator %d: unsigned %v, want %v", i, got, test.unsigned)
		}
		if got := r.Unrewarded(test.validator, 1, 2); !slices.Equal(got, test.unrewarded) {
			t.Errorf("validator %d: unrewarded %v, want %v", i, got, test.unrewarded)
		}
	}
	if got := r.Unsigned(v[0], 3, 4); !slices.Equal(got, []uint64{3, 4}) {
		t.Errorf("unsigned %v, want those that nobody signed or that are not there", got)
	}
	b := r.Blocks()[1]
	if !b.Seen.Equal(time.Unix(2, 0)) || !b.Signed[v[0]].Equal(time.Unix(1, 0)) || b.Rewarded[v[0]] != 2 ||
		b.Rewarded[v[1]] != 3 {
		t.Errorf("block 1: %+v", b)
	}
	if !slices.Equal(r.Validators(2), v[1:]) || r.Validators(7) != nil {
		t.Errorf("validators of era 2 %v, of era 7 %v", r.Validators(2), r.Validators(7))
	}
	if len(r.Conflicts())+len(r.Faults()) > 0 {
		t.Errorf("conflicts %v, faults %v", r.Conflicts(), r.Faults())
	}
}

func TestRecordBlame(t *testing.T) {
	v := testKeys(1)
	r := NewRecord(v)
	fault := Fault{Validator: v[0], Era: 1}
	other := FinalitySignature{PublicKey: v[0], Block: casper.Hash{9}, Height: 1}
	done := TransactionProcessed{Hash: casper.Hash{5}}
	for range 2 {
		for _, e := range []Event{fault, FinalitySignature{PublicKey: v[0], Block: casper.Hash{2}, Height: 1}, other, done} {
			r.Add(e, time.Unix(1, 0))
		}
	}
	if got := r.Faults(); !slices.Equal(got, []Fault{fault}) {
		t.Errorf("faults %v", got)
	}
	if got := r.Conflicts(); !slices.Equal(got, []FinalitySignature{other}) {
		t.Errorf("conflicts %v", got)
	}
	if got, ok := r.Processed(done.Hash); !ok || got != done {
		t.Errorf("processed %v, %v", got, ok)
	}
	// The block turns out to be the other one: the first signature was of something else.
	r.Add(Block{Hash: casper.Hash{9}, Height: 1}, time.Unix(2, 0))
	if got := r.Unsigned(v[0], 1, 1); len(got) != 1 {
		t.Error("a signature of another hash counts")
	}
}

func TestRecordAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRecord(testKeys(1))
		go func() {
			time.Sleep(time.Minute)
			r.Add(Block{Hash: casper.Hash{1}, Height: 4}, time.Now())
		}()
		start := time.Now()
		if err := r.Await(t.Context(), func(r *Record) bool { return r.Height() == 4 }); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("it waited %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r.Await(ctx, func(*Record) bool { return false }) == nil {
			t.Error("it waited for something that did not come")
		}
	})
}
