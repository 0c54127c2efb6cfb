package journal_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// FuzzWrites: whatever two writers write, with whatever is granted, the file has whole entries
// only, all that is ours in it was granted, and no slot is in it twice.
func FuzzWrites(f *testing.F) {
	f.Add(uint64(1), []byte{})
	f.Add(uint64(2), make([]byte, 100))
	f.Add(uint64(3), slices.Concat(unitstest.Proposal(1, 2), entry(us.Vote(era, 3, true))))
	f.Fuzz(func(t *testing.T, seed uint64, noise []byte) {
		random := rand.New(rand.NewPCG(seed, 0))
		r, refused := newRoom(t), map[casper.Ballot]bool{}
		pens := []*journal.Pen{r.pen, r.journal.Pen()}
		for range 30 {
			which := random.IntN(len(pens))
			r.pen = pens[which]
			claims := len(r.claimed)
			if r.refuse = nil; random.IntN(8) == 0 {
				r.refuse = errNever
			}
			err := r.write(written(random, noise))
			for _, c := range r.claimed[claims:] {
				refused[c] = r.refuse != nil
			}
			if err != nil && random.IntN(2) == 0 {
				pens[which] = r.journal.Pen() // the node opens the file again
			}
		}
		again := journal.New(era, us.Public())
		if end, err := again.Load(bytes.NewReader(r.file)); err != nil || end != int64(len(r.file)) {
			t.Fatalf("of %d bytes %d are whole entries without one of ours twice, %v", len(r.file), end, err)
		}
		granted := 0
		for _, no := range refused {
			if !no {
				granted++
			}
		}
		if again.Own() > granted {
			t.Fatalf("%d messages of ours, and %d were granted", again.Own(), granted)
		}
	})
}

// written is what a node might write: entries, parts of them, or noise.
func written(random *rand.Rand, noise []byte) (b []byte) {
	for range 1 + random.IntN(3) {
		round := uint32(random.IntN(3))
		switch random.IntN(6) {
		case 0:
			b = append(b, entry(us.Echo(era, round, string('a'+rune(random.IntN(2)))))...)
		case 1:
			b = append(b, entry(us.Vote(era, round, random.IntN(2) == 0))...)
		case 2:
			b = append(b, entry(other.Vote(era, round, true))...)
		case 3:
			b = append(b, unitstest.Proposal(round, random.IntN(3))...)
		case 4:
			b = append(b, entry(us.Echo(unitstest.Instance("before"), round, "old"))...)
		}
	}
	switch random.IntN(10) {
	case 0:
		return b[:random.IntN(len(b)+1)]
	case 1:
		return append(b, noise...)
	}
	return b
}
