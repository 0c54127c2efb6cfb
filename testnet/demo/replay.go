package main

import (
	"context"
	"fmt"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

// How the messages of the recording are asked for; each is a series of latencies.
const (
	asNew   = "new"
	asAgain = "again, other node"
	asOther = "other value"
	asLast  = "replay"
)

// tally counts the answers of one pass over the recording.
type tally struct {
	asked     int
	signed    int // with a valid signature of what was asked for
	sameBytes int // of those, with the same 64 signature bytes as before
	bound     int // with the held value, the recorded one, and a valid signature of it
	reasons   map[string]int
	wrong     []string // what was neither
}

func (t *tally) refused(reason string) int { return t.reasons[reason] }

// sayWrong prints what was neither of the answers that there should be, the first few.
func (s *demo) sayWrong(tallies ...*tally) {
	for _, t := range tallies {
		for _, w := range t.wrong[:min(len(t.wrong), 5)] {
			s.Sayf("wrong: %s", w)
		}
	}
}

// count takes an answer to a request for asked; want is what the slot must hold, before the
// signature that was given for it.
func (s *demo) count(t *tally, a testnet.Answer, asked, want casper.Message, before *casper.Signature) {
	t.asked++
	switch {
	case a.Kind == testnet.Signed && asked == want && s.valid(a, asked):
		t.signed++
		if before != nil && *before == a.Signature {
			t.sameBytes++
		}
	case a.Kind == testnet.Bound && asked != want && a.Held == want && s.valid(a, asked):
		t.bound++
	case a.Kind == testnet.Refused:
		if t.reasons == nil {
			t.reasons = map[string]int{}
		}
		t.reasons[a.Reason]++
	default:
		t.wrong = append(t.wrong, fmt.Sprintf("%v: %s", asked.Kind(), a.Kind))
	}
}

// eras groups the recording by era, in order, and what belongs to none.
func (s *demo) eras() (eras [][]casper.Message, handshakes []casper.Message) {
	for _, e := range s.recording.Entries {
		era, ok := eraOf(e.Message)
		if !ok {
			handshakes = append(handshakes, e.Message)
			continue
		}
		for uint64(len(eras)) <= era {
			eras = append(eras, nil)
		}
		eras[era] = append(eras[era], e.Message)
	}
	return eras, handshakes
}

// playRecording asks for everything era by era: from A, again from B, and then with another
// value for each slot.
func (s *demo) playRecording(ctx context.Context) error {
	eras, handshakes := s.eras()
	slots := len(s.recording.Entries) - len(handshakes)
	s.Begin("recording", "%d messages of %d eras: from %s, again from %s, then another value for each slot",
		slots, len(eras), s.a.Name, s.b.Name)
	s.Steps(3 * slots)
	if err := s.showTooFarAhead(ctx, eras); err != nil {
		return err
	}
	var first, again, other tally
	given := map[casper.Message]casper.Signature{}
	for era, messages := range eras {
		for _, m := range messages {
			a, err := s.ask(ctx, s.a, m, asNew)
			if err != nil {
				return err
			}
			given[m] = a.Signature
			s.count(&first, a, m, m, nil)
			s.Step("era %d from %s", era, s.a.Name)
		}
		for _, m := range messages {
			a, err := s.ask(ctx, s.b, m, asAgain)
			if err != nil {
				return err
			}
			before := given[m]
			s.count(&again, a, m, m, &before)
			s.Step("era %d from %s", era, s.b.Name)
		}
		for i, m := range messages {
			n := []*testnet.Node{s.a, s.b}[i%2]
			a, err := s.ask(ctx, n, testnet.Other(m), asOther)
			if err != nil {
				return err
			}
			s.count(&other, a, testnet.Other(m), m, nil)
			s.Step("era %d, other values", era)
		}
	}
	s.Claimf(first.signed == slots, "%s: %d of %d signed, every signature valid", s.a.Name, first.signed, slots)
	s.Claimf(again.signed == slots, "%s asks for the same: %d of %d signed, the same message bytes (%d the same "+
		"signature bytes)",
		s.b.Name, again.signed, slots, again.sameBytes)
	s.Claimf(other.bound == slots && other.signed == 0,
		"another value for each slot: %d of %d bound, with the held value and its signature, %d signed",
		other.bound, slots, other.signed)
	s.sayWrong(&first, &again, &other)
	s.Claimf(s.waits > 0, "the token bucket paced it: asked again since it came too early, %s", plural(s.waits, "request"))
	return s.playHandshakes(ctx, handshakes)
}

// showTooFarAhead asks for the last era before the first.
func (s *demo) showTooFarAhead(ctx context.Context, eras [][]casper.Message) error {
	last := eras[len(eras)-1]
	m := last[len(last)-1]
	a := s.once(ctx, s.a, m, false)
	era, _ := eraOf(m)
	s.Claimf(a.Kind == testnet.Refused && a.Reason == tooFar, "era %d asked for at the start: %s %s",
		era, a.Kind, a.Reason)
	return ctx.Err()
}

func (s *demo) playHandshakes(ctx context.Context, handshakes []casper.Message) error {
	var fromA, fromB tally
	for _, m := range handshakes {
		a, err := s.ask(ctx, s.a, m, asNew)
		if err != nil {
			return err
		}
		s.count(&fromA, a, m, m, nil)
		if a, err = s.ask(ctx, s.b, m, ""); err != nil {
			return err
		}
		s.count(&fromB, a, m, m, nil)
	}
	s.Claimf(fromA.signed == len(handshakes), "handshakes of %s: %d of %d signed", s.a.Name, fromA.signed, len(handshakes))
	s.Claimf(fromB.refused(tlsPoint) == len(handshakes), "the same from %s: %d of %d refused, %s: the point is %s's",
		s.b.Name, fromB.refused(tlsPoint), len(handshakes), tlsPoint, s.a.Name)
	s.sayWrong(&fromA, &fromB)
	return nil
}

// playAgain asks A's messages once more, after everything that happened.
func (s *demo) playAgain(ctx context.Context) error {
	s.Begin("replay", "Everything once more from %s", s.a.Name)
	s.Steps(len(s.recording.Entries))
	var zug, finality, handshake tally
	by := map[casper.Kind]*tally{casper.KindEcho: &zug, casper.KindVote: &zug, casper.KindFinality: &finality,
		casper.KindHandshake: &handshake}
	newest := lastRound(s.recording).Era
	keptFrom := newest - keptEras + 1
	kept, gone, misplaced := 0, 0, 0
	for _, e := range s.recording.Entries {
		a, err := s.ask(ctx, s.a, e.Message, asLast)
		if err != nil {
			return err
		}
		round, isZug := roundOf(e.Message)
		if isZug && (a.Kind == testnet.Refused) != (round.Era < keptFrom) {
			misplaced++
		}
		if isZug && round.Era >= keptFrom {
			kept++
		} else if isZug {
			gone++
		}
		s.count(by[e.Message.Kind()], a, e.Message, e.Message, nil)
		s.Step("%v", e.Message.Kind())
	}
	s.Claimf(zug.signed == kept && misplaced == 0, "%d of %d Zug slots of eras %d to %d: signed as before",
		zug.signed, kept, keptFrom, newest)
	s.Claimf(finality.signed == finality.asked, "%d of %d heights: signed as before", finality.signed, finality.asked)
	s.Claimf(zug.refused(belowFloor) == gone, "%d of %d Zug slots of eras 1 to %d: refused, %s: pruned, so never again",
		zug.refused(belowFloor), gone, keptFrom-1, belowFloor)
	s.Claimf(handshake.signed == handshake.asked, "%d of %d handshakes: signed anew", handshake.signed, handshake.asked)
	s.sayWrong(&zug, &finality, &handshake)
	return nil
}
