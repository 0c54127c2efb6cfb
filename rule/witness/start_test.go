package witness

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// life is a state directory, and those who ever ran on it.
type life struct {
	starts []Start
	log    uint64
	ledger uint64
	ids    *byte
	trio   Members
	said   Signed // of which each statement is another edition
}

func (l *life) says(boot uint64, session ID) Statement {
	s := l.said.Statement
	s.Boot, s.Session, s.Applied, s.Written = boot, session, l.log, l.ledger
	return s
}

// start is one more start, after which the log grows, and the ledger now and then, and a process
// states how far they are.
func (l *life) start(grows uint64, states func(Statement)) {
	*l.ids++
	now := Start{Boot: 1, Session: ID{*l.ids}, Opened: l.log, Written: l.ledger}
	if n := len(l.starts); n > 0 {
		now.Boot = l.starts[n-1].Boot + 1
	}
	l.starts = append(l.starts, now)
	for i := range grows {
		l.log++
		l.ledger += i % 2
		states(l.says(now.Boot, now.Session))
	}
}

// copied is the directory as a copy has it, made while its log ended in a tail that nobody
// committed.
func (l *life) copied(tail uint64) *life {
	return &life{slices.Clone(l.starts), l.log + tail, l.ledger, l.ids, l.trio, l.said}
}

// judged is what an own statement shows now.
func (l *life) judged(s Statement, starts []Start) Verdict {
	last := l.starts[len(l.starts)-1]
	signed := l.said // Judge verifies nothing
	signed.Statement = s
	return Judge(Holding{Starts: starts, Statement: l.says(last.Boot, last.Session)}, l.trio, []Signed{signed})
}

// TestStarts: a directory is put back to a copy. Whatever was signed after the copy was made shows
// that, be it applied, or stored only, and however long the copy's log is; however often the
// directory is started and however far its log grows before it is shown; and what was signed on a
// directory's own line shows nothing, not even if only the last starts are noted, or some between
// were dropped.
func TestStarts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var ids byte
		var own, lost []Statement
		first := &life{ids: &ids, log: 1, ledger: 1, trio: trio(), said: said(1, 0, nil)}
		grow := func(l *life, to *[]Statement) {
			l.start(uint64(r.IntN(4)), func(s Statement) { *to = append(*to, s) })
		}
		for range 1 + r.IntN(4) {
			grow(first, &own)
		}
		stored := uint64(r.IntN(2)) // 1: the log shows nothing
		back := first.copied(stored * 4)
		// The process that ran while it was copied goes on.
		running := first.starts[len(first.starts)-1]
		for range 1 + r.IntN(3) {
			first.log += 1 - stored*uint64(r.IntN(2))
			first.ledger += stored
			lost = append(lost, first.says(running.Boot, running.Session))
		}
		for range r.IntN(3) {
			grow(first, &lost)
		}
		for range 1 + r.IntN(6) {
			grow(back, &own)
			for _, s := range lost {
				if v := back.judged(s, back.starts); v.Finding != Lost {
					t.Fatalf("%d starts after the copy, log at %d: %v is found %d %q", len(back.starts), back.log, s,
						v.Finding, v.What)
				}
			}
			noted := back.starts[r.IntN(len(back.starts)):]
			thinned := slices.Clone(back.starts)
			for len(thinned) > 1 && r.IntN(2) == 0 {
				thinned = dropped(thinned, r.IntN(len(thinned)-1))
			}
			for _, s := range own {
				for _, starts := range [][]Start{back.starts, noted, thinned} {
					if v := back.judged(s, starts); v.Finding != Sound {
						t.Fatalf("%v, on a line of %v: found %d %q", s, starts, v.Finding, v.What)
					}
				}
			}
		}
	}
}

// dropped is the line without the note of one start, for which the next one stands.
func dropped(line []Start, at int) []Start {
	line = slices.Clone(line)
	line[at+1].Since = cmp.Or(line[at].Since, line[at].Boot)
	return slices.Delete(line, at, at+1)
}

// TestDroppedStarts: a start whose note was dropped may have stated what the log had as the next
// one that is noted opened it, and nothing beyond. It lets nobody in: whose process it was is not
// known any more. What failed before its note stays what stated nothing.
func TestDroppedStarts(t *testing.T) {
	line := []Start{{Boot: 2, Session: ID{2}, Opened: 100}, {Boot: 5, Session: ID{5}, Opened: 400},
		{Boot: 7, Session: ID{7}, Opened: 400}, {Boot: 9, Session: ID{9}, Opened: 400}}
	line = dropped(dropped(line, 1), 1) // the ninth stands for the fifth and all between
	for _, c := range []struct {
		boot, applied uint64
		lost          bool
	}{
		{2, 400, false}, {2, 401, true}, {3, 1, true}, {4, 1, true}, {5, 400, false}, {5, 401, true}, {6, 400, false},
		{7, 400, false}, {7, 401, true}, {8, 401, true}, {9, 401, false},
	} {
		s := Statement{Boot: c.boot, Session: ID{byte(c.boot)}, Applied: c.applied}
		if why := undone(line, s); (why != "") != c.lost {
			t.Errorf("start %d, entry %d: %q", c.boot, c.applied, why)
		}
	}
	for boot, continues := range map[uint64]bool{2: true, 5: false, 7: false, 9: true} {
		seen := Statement{Boot: boot, Session: ID{byte(boot)}, Applied: 400}
		if why := Continues(line, seen); (why == "") != continues {
			t.Errorf("start %d was let in last: %q", boot, why)
		}
	}
}

// TestContinues: another cosigner saw a directory run after a copy was made of it. The directory
// continues what was seen, however often it was started before and since. The copy does not once
// it was started, however far its log has grown, nor while it has not come that far; nor does the
// directory continue what was seen of the copy.
func TestContinues(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var ids byte
		first := &life{ids: &ids, log: 1, ledger: 1, trio: trio(), said: said(1, 0, nil)}
		grow := func(l *life) { l.start(uint64(1+r.IntN(4)), func(Statement) {}) }
		for range 1 + r.IntN(4) {
			grow(first)
		}
		back := first.copied(uint64(r.IntN(3)))
		if r.IntN(2) == 0 { // by the process that ran while it was copied
			first.log += uint64(r.IntN(2))
			first.ledger++
		} else {
			grow(first)
		}
		last := func(l *life) Statement {
			o := l.starts[len(l.starts)-1]
			return l.says(o.Boot, o.Session)
		}
		seen := last(first)
		proves := func(what string, l *life, seen Statement, so bool) {
			t.Helper()
			if why := Continues(l.starts, seen); (why == "") != so {
				t.Fatalf("%s: %v, on a line of %v: %q", what, seen, l.starts, why)
			}
		}
		proves("itself", first, seen, true)
		if seen.Boot > back.starts[len(back.starts)-1].Boot {
			proves("a copy that was never started", back, seen, false)
		}
		for range 1 + r.IntN(6) {
			grow(back)
			grow(first)
			proves("itself, later", first, seen, true)
			proves("the copy", back, seen, false)
			proves("what was seen of the copy", first, last(back), false)
			proves("the copy, of itself", back, last(back), true)
		}
		proves("without its notes", &life{}, seen, false)
		proves("without a note of that start", &life{starts: first.starts[len(first.starts)-1:]}, seen, false)
	}
}

// TestLedgerOfStarts: what a cosigner stated of its ledger is held against that of the next start
// whose note tells of it, and of no later one.
func TestLedgerOfStarts(t *testing.T) {
	for written, c := range map[uint64]struct {
		next uint64
		lost bool
	}{20: {20, false}, 21: {20, true}, 22: {25, false}, 23: {0, false}} {
		line := []Start{{Boot: 5, Session: ID{1, 5}, Opened: 90, Written: 3},
			{Boot: 6, Session: ID{1, 6}, Opened: 95, Written: c.next}, {Boot: 7, Session: ID{1, 7}, Opened: 95, Written: 99}}
		why := undone(line, said(1, 90, func(s *Statement) { s.Written = written }).Statement)
		if (why != "") != c.lost || c.lost && !strings.Contains(why, "21 records in its ledger, and start number 6") {
			t.Errorf("%d, and the next start found %d: %q", written, c.next, why)
		}
	}
}

// TestBookOfProcesses: what an earlier process stated outlives what a later one states, whichever
// came first, and is forgotten in the end.
func TestBookOfProcesses(t *testing.T) {
	of := func(boot, applied uint64) Signed {
		return said(1, applied, func(s *Statement) { s.Boot, s.Session = boot, ID{byte(boot)} })
	}
	lost := of(5, 100) // and then the state was put back, to its fourth start
	for _, all := range [][]Signed{
		{lost, said(1, 103, func(s *Statement) { s.Boot, s.Session = 5, ID{9} }), of(6, 104), of(7, 105)},
		{of(7, 105), of(6, 104), said(1, 103, func(s *Statement) { s.Boot, s.Session = 5, ID{9} }), lost},
	} {
		b := NewBook(trio())
		for _, s := range all {
			b.Keep(s)
		}
		if len(b.Current()) != processes || !slices.Contains(b.Current(), lost) {
			t.Fatalf("kept %v", b.Current())
		}
		if b.Wants(of(3, 99)) || !b.Wants(of(8, 101)) || !b.Keep(of(8, 106)) || slices.Contains(b.Current(), lost) {
			t.Errorf("after a fifth it keeps %v", b.Current())
		}
		if !b.Keep(of(8, 107)) || len(b.Current()) != processes || b.Current()[0] != of(8, 107) {
			t.Errorf("it keeps %v", b.Current())
		}
	}
}

// TestStartsThatFailed: starts that ended before their note stated nothing, so what was stated
// under such a number was stated elsewhere; what is older than all notes may be of this line.
func TestStartsThatFailed(t *testing.T) {
	line := []Start{{Boot: 6, Session: ID{6}, Opened: 400}, {Boot: 16, Session: ID{16}, Opened: 1100}}
	for boot, lost := range map[uint64]bool{3: false, 6: false, 7: true, 14: true, 15: true, 16: false, 17: false} {
		s := Statement{Boot: boot, Session: ID{byte(boot)}, Applied: 400}
		if why := undone(line, s); (why != "") != lost {
			t.Errorf("start %d: %q", boot, why)
		}
	}
}
