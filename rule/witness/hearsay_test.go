package witness

import (
	"slices"
	"testing"

	"casper-cosigner/rule/watermark"
)

// TestHearsay: an agent heard c2 state something, and c2 was put back then. Whatever c1 tells of
// the later processes of c2, the agent still has that when c2 comes; and it is told on by a c1 that
// knows as many processes of c2 as a book holds. What c2 itself states may take its place.
func TestHearsay(t *testing.T) {
	of := func(boot, applied uint64) Signed {
		return said(2, applied, func(s *Statement) { s.Boot, s.Session = boot, ID{2, byte(boot)} })
	}
	lost := said(2, 17, func(s *Statement) { s.Boot, s.Session = 2, ID{66} })
	var later []Signed
	for boot := uint64(2); boot < 9; boot++ {
		later = append(later, of(boot, 10+4*boot))
	}
	newest := later[len(later)-1]

	agent := NewBook(trio())
	agent.Answered("c2", []Signed{of(1, 5)})
	agent.Answered("c2", []Signed{lost})
	for _, s := range later {
		if !agent.Answered("c1", []Signed{said(1, 50, nil), s}) {
			t.Errorf("the next is not kept: %v", s)
		}
	}
	held := agent.Current()
	if !slices.Contains(held, lost) || !slices.Contains(held, newest) {
		t.Fatalf("c1 told of later processes, and it holds %v", held)
	}
	other := NewBook(trio()) // which c2 never answered
	other.Answered("c1", []Signed{said(1, 50, nil), newest})
	if at, ok := other.Position(); !ok || at != newest.Applied {
		t.Errorf("at %d %v, want what c1 told of c2, %d", at, ok, newest.Applied)
	}
	if !agent.Hearsay(newest) || agent.Hearsay(lost) {
		t.Error("what c2 itself stated is not told from what c1 showed")
	}
	follows := of(8, newest.Applied+1)
	agent.Answered("c2", []Signed{follows})
	if held := agent.Current(); agent.Hearsay(follows) || slices.Contains(held, newest) || !slices.Contains(held, lost) {
		t.Errorf("c2 states as much itself, and it holds %v", held)
	}
	agent.Answered("c1", []Signed{of(8, newest.Applied+2)})
	if !agent.Hearsay(of(8, newest.Applied+2)) || !slices.Contains(agent.Current(), follows) {
		t.Error("what c1 shows takes the place of what c2 itself stated: its machine may have been put back with its memory")
	}
	for boot := uint64(9); boot < 12; boot++ {
		agent.Answered("c2", []Signed{of(boot, 10+4*boot)})
	}
	if slices.Contains(agent.Current(), lost) {
		t.Error("c2 itself takes no place")
	}

	c1 := NewBook(trio())
	for _, s := range later {
		c1.Keep(s)
	}
	if !c1.WantsAs(lost, true) || !c1.KeepAs(lost, true) || !slices.Contains(c1.Current(), lost) {
		t.Errorf("an agent showed what c2 has lost, and c1 tells on %v", c1.Current())
	}
}

// TestOwnEarlierProcesses: an agent heard c2 state something, c2 was put back then, and was started
// again and again. What it has heard of its own later processes, and tells that agent, pushes
// nothing out but hearsay: what it states now is the first of an answer alone.
func TestOwnEarlierProcesses(t *testing.T) {
	of := func(boot uint64) Signed {
		return said(2, 10+boot, func(s *Statement) { s.Boot, s.Session = boot, ID{2, byte(boot)} })
	}
	lost := said(2, 10, func(s *Statement) { s.Session = ID{66} })
	agent := NewBook(trio())
	agent.Answered("c2", []Signed{lost})
	var later []Signed
	for boot := uint64(20); boot > 6; boot-- { // told as they are sorted
		later = append(later, of(boot))
	}
	for range 3 {
		agent.Answered("c2", later)
		agent.Answered("c2", append([]Signed{said(1, 9, nil)}, later...))
	}
	if held := agent.Current(); !slices.Contains(held, lost) || !slices.Contains(held, later[0]) {
		t.Fatalf("it holds %v", held)
	}
	if agent.Hearsay(later[0]) || !agent.Hearsay(later[1]) {
		t.Error("its own word is the first of its answer, and no other")
	}
	for at, s := range later[:2] {
		if FirstHand("c2", at, s) != (at == 0) || FirstHand("c1", at, s) {
			t.Errorf("at %d", at)
		}
	}
}

// TestFellAndGrew: a process that was put back with its memory, and went on, has more of one thing
// and less of another than it stated before. Its own answer pushes that out only once it has as
// much of all.
func TestFellAndGrew(t *testing.T) {
	of := func(applied, written, resets uint64) Signed {
		return said(2, applied, func(s *Statement) { s.Written, s.Resets = written, resets })
	}
	before := of(100, 50, 1)
	for _, fell := range []Signed{of(200, 46, 1), of(90, 60, 1), of(200, 60, 0)} {
		b := NewBook(trio())
		b.Answered("c2", []Signed{before})
		b.Answered("c2", []Signed{fell})
		if held := b.Current(); !slices.Contains(held, before) || !slices.Contains(held, fell) {
			t.Errorf("after %v it holds %v", fell, held)
		}
		told := NewBook(trio())
		told.KeepAs(before, true)
		told.Answered("c2", []Signed{fell})
		if !slices.Contains(told.Current(), before) {
			t.Errorf("after %v what an agent showed is gone: %v", fell, told.Current())
		}
		late := NewBook(trio())
		late.Answered("c2", []Signed{fell})
		if !late.WantsAs(before, true) {
			t.Errorf("after %v it does not want what was before", fell)
		}
		if b.Answered("c2", []Signed{of(300, 70, 1)}); len(b.Current()) != 1 {
			t.Errorf("after more of all it holds %v", b.Current())
		}
	}
}

// TestTellsMost: what c2 is told to have stated is not pushed out by later processes, of a state
// that was put back and started again and again, while it tells more of anything than each of
// these; once one of them tells as much of all, it goes.
func TestTellsMost(t *testing.T) {
	of := func(boot byte, edit func(*Statement)) Signed {
		return said(2, 100+uint64(boot), func(s *Statement) {
			s.Session, s.Written, s.Resets = ID{2, boot}, 50, 1
			edit(s)
		})
	}
	for what, edit := range map[string]func(*Statement){
		"records": func(s *Statement) { s.Written++ },
		"rounds":  func(s *Statement) { s.Round++ },
		"eras":    func(s *Statement) { s.Newest.Era, s.Round = s.Newest.Era+1, 0 },
		"heights": func(s *Statement) { s.Newest.Height++ },
		"resets":  func(s *Statement) { s.Resets, s.Newest.Height = s.Resets+1, 1 },
	} {
		more := of(1, edit)
		for _, hearsay := range []bool{false, true} {
			b := NewBook(trio())
			b.KeepAs(more, hearsay)
			for boot := byte(2); boot < 20; boot++ {
				later := of(boot, func(*Statement) {})
				b.KeepAs(later, hearsay)
				if !slices.Contains(b.Current(), more) || !slices.Contains(b.Current(), later) {
					t.Fatalf("more %s, and after start %d it holds %v", what, boot, b.Current())
				}
			}
			if b.WantsAs(of(3, func(*Statement) {}), hearsay) {
				t.Error("it wants what it has no place for")
			}
			for boot := byte(20); boot < 24; boot++ {
				b.KeepAs(of(boot, edit), hearsay)
			}
			if slices.Contains(b.Current(), more) || len(b.Current()) != processes {
				t.Errorf("as many %s in later ones, and it holds %v", what, b.Current())
			}
		}
	}
	b := NewBook(trio()) // a place for each
	all := []Signed{of(9, func(*Statement) {}), of(1, func(s *Statement) { s.Round++ }),
		of(2, func(s *Statement) { s.Newest.Height++ }), of(3, func(s *Statement) { s.Written++ })}
	for _, s := range append(all, of(4, func(*Statement) {})) {
		if b.WantsAs(s, true) != slices.Contains(all, s) || b.KeepAs(s, true) != slices.Contains(all, s) {
			t.Errorf("of %v kept, or not", s)
		}
	}
	for _, s := range all {
		if !b.Hearsay(s) {
			t.Errorf("gone: %v", s)
		}
	}
}

// TestHearsayRecalled: what was hearsay is so after a restart, or what is told next would push out
// more than hearsay.
func TestHearsayRecalled(t *testing.T) {
	of := func(boot byte) Signed {
		return said(2, 10+uint64(boot), func(s *Statement) { s.Boot, s.Session = uint64(boot), ID{2, boot} })
	}
	b := NewBook(trio())
	b.Keep(of(1))
	for boot := byte(2); boot < 40; boot++ {
		b.KeepAs(of(boot), true)
		next := NewBook(trio())
		for _, s := range b.Held() {
			if !next.Recall(s, b.Hearsay(s)) {
				t.Fatal("not recalled")
			}
		}
		if !slices.Equal(next.Held(), b.Held()) || !slices.Contains(next.Current(), of(1)) {
			t.Fatalf("of %v it recalls %v", b.Held(), next.Held())
		}
		b = next
	}
}

// TestHearsayOfNothing: before anything is bound nobody else speaks for a member, and what others
// show of its earlier log counts until it refuses all of that.
func TestHearsayOfNothing(t *testing.T) {
	above := said(1, 5, func(s *Statement) {
		s.Directory, s.Pruned.Era, s.Pruned.Height, s.Newest.Era, s.Newest.Height = ID{9}, 51, 501, 0, 0
	})
	beside := said(1, 5, func(s *Statement) { s.Directory, s.Newest.Era, s.Newest.Height = ID{9}, 0, 0 })
	b := NewBook(trio())
	b.Answered("c2", []Signed{said(1, 100, nil), above})
	if len(b.Current()) != 1 || b.Begin(beside) || !b.Begin(above) || len(b.Current()) != 2 {
		t.Errorf("it holds %v", b.Current())
	}
	bound := said(1, 6, func(s *Statement) {
		s.Directory, s.Pruned, s.Newest.Era, s.Newest.Height = ID{9}, above.Pruned, 51, 501
	})
	if !b.Keep(bound) || len(b.Current()) != 1 || b.Answered("c2", []Signed{said(1, 100, nil)}) {
		t.Errorf("bound above it holds %v", b.Current())
	}
}

// TestResetsMade: how often a member has reset its heights is what its newest statement says, and
// nothing is said of one that stated nothing.
func TestResetsMade(t *testing.T) {
	resets := func(n, applied, made uint64) Signed {
		return said(byte(n), applied, func(s *Statement) { s.Resets = made })
	}
	b := NewBook(trio())
	b.Answered("c1", []Signed{resets(1, 10, 1), resets(2, 9, 0), resets(2, 9, 1)})
	if made := b.Resets(); len(made) != 2 || made["c1"] != 1 || made["c2"] != 1 {
		t.Error(made)
	}
	b.Answered("c1", []Signed{resets(1, 12, 2), resets(2, 8, 0)})
	if made := b.Resets(); len(made) != 2 || made["c1"] != 2 || made["c2"] != 1 {
		t.Error(made)
	}
}

// TestEach: a book comes to hold as much of one cosigner as it says that it does, and no more: what
// its own processes and others showed before it was founded anew, and that nothing is bound since.
func TestEach(t *testing.T) {
	b := NewBook(trio())
	process := func(n byte) func(*Statement) {
		return func(s *Statement) { s.Session = ID{1, 20 + n} }
	}
	for n := range byte(3 * processes) {
		b.Keep(said(1, 200+uint64(n), process(n)))
		b.KeepAs(said(1, 100+uint64(n), process(100+n)), true)
	}
	b.Begin(said(1, 1, func(s *Statement) {
		s.Session, s.Newest, s.Pruned = ID{1, 19}, watermark.Mark{}, watermark.Mark{Era: 60, Height: 600}
	}))
	if n := len(b.Current()); n != Each {
		t.Errorf("%d are held of one cosigner, said are %d", n, Each)
	}
}

// TestTold: what another agent shows is hearsay, whatever it calls itself; it pushes nothing out
// that a cosigner stated, and no more signatures are verified than may be.
func TestTold(t *testing.T) {
	always := func() bool { return true }
	process := func(boot uint64) Signed {
		return said(2, 10+boot, func(s *Statement) { s.Boot, s.Session = boot, ID{2, byte(boot)} })
	}
	agent := NewBook(trio())
	agent.Answered("c2", []Signed{process(1)})
	for boot := uint64(2); boot < 20; boot++ {
		if !agent.Told([]Signed{process(boot)}, always) || !agent.Hearsay(process(boot)) {
			t.Fatalf("start %d is not kept as hearsay", boot)
		}
	}
	if !slices.Contains(agent.Current(), process(1)) || len(agent.Current()) != 1+processes {
		t.Errorf("it holds %v", agent.Current())
	}
	forged, stranger := process(30), said(3, 1, func(s *Statement) { s.Cluster = ID{9} })
	forged.Applied++
	unbound := said(3, 1, func(s *Statement) { s.Newest, s.Round = watermark.Mark{}, 0 })
	if agent.Told([]Signed{forged, stranger, unbound, process(19)}, always) {
		t.Errorf("it keeps what nobody signed, is nobody's, says nothing or is known: %v", agent.Current())
	}
	left := 2
	if agent.Told([]Signed{forged, forged, process(31)}, func() bool { left--; return left >= 0 }) {
		t.Error("a third is verified where two may be")
	}
	if !agent.Told([]Signed{process(31)}, always) {
		t.Error("it is not kept when it is shown again")
	}
}
