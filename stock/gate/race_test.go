package gate_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

const raceRounds, raceKills = 300, 4

// race has a node write what it likes into the slots of an era, with the messages of others
// between, while its gate is killed. It returns what the node was told to be written.
func (s *site) race(random *rand.Rand) (told map[casper.Ballot]bool) {
	told = map[casper.Ballot]bool{}
	w := s.open()
	for round := range uint32(raceRounds) {
		if round%(raceRounds/raceKills) == raceRounds/raceKills/2 {
			s.gate.kill()
			s.start()
			w = s.open()
		}
		own := us.Vote(era, round, random.IntN(2) == 0)
		if _, err := w.Write(append(entry(other.Vote(era, round, true)), entry(own)...)); err != nil {
			w.Close()
			w = s.open()
			continue
		}
		told[own] = true
	}
	return told
}

// own is what of ours the site's unit file holds.
func (s *site) own() map[casper.Ballot]bool {
	s.t.Helper()
	all, r := map[casper.Ballot]bool{}, units.NewReader(bytes.NewReader(s.stored()))
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if e.First.SignedBy(us.Public()) {
			all[e.First.Ballot] = true
		}
	}
}

// TestRace: of two nodes with one key, whose gates are killed meanwhile, no slot has two contents,
// on whichever host, and what a node was told to be written is there.
func TestRace(t *testing.T) {
	f := &Fake{}
	sites := []*site{newSite(t, f), newSite(t, f)}
	told := make([]map[casper.Ballot]bool, len(sites))
	done := make(chan struct{})
	for n, s := range sites {
		go func() {
			defer func() { done <- struct{}{} }()
			told[n] = s.race(rand.New(rand.NewPCG(1, uint64(n))))
		}()
	}
	for range sites {
		<-done
	}
	stored := map[uint32]casper.Hash{}
	for n, s := range sites {
		own := s.own()
		for b := range own {
			if value, taken := stored[b.Round]; taken && value != b.Value {
				t.Errorf("round %d is stored with two contents", b.Round)
			}
			stored[b.Round] = b.Value
		}
		for b := range told[n] {
			if !own[b] {
				t.Errorf("%v was written and is not there", b)
			}
		}
	}
	if len(stored) < raceRounds*9/10 {
		t.Errorf("of %d rounds only %d were written", raceRounds, len(stored))
	}
}
