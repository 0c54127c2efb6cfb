package witness

import (
	"cmp"
	"fmt"
	"slices"

	"casper-cosigner/rule/watermark"
)

// Holding is what a cosigner's state holds now.
type Holding struct {
	Statement         // that it would sign; before Genesis, Pruned is the first era and height that it may sign
	Starts    []Start // on its directory that are known to it, in their order, this one last
	// Unfollowed says that the log has a reset of the heights which the ledger has not made: no height
	// is signed here then (held.Claim.Resets), and what is stated of heights does not stop the votes.
	Unfollowed bool
	// LinkAt returns the hash over all that the ledger was given up to that record, if that is still
	// known. It may be nil.
	LinkAt func(record uint64) (ID, bool)
}

// Finding is what the statements show of a state.
type Finding uint8

// The findings.
const (
	Sound  Finding = iota // it holds all that is obeyed
	Behind                // it may yet come to hold it
	Lost                  // it has lost what this cosigner itself signed: growing does not mend that
)

// Verdict is a finding, with the statement that it rests on and what that shows, unless it is
// Sound.
type Verdict struct {
	Finding Finding
	By      Signed
	What    string
}

// Judge compares what a cosigner's state holds with what is known to have been stated in its
// cluster. Only members' statements are looked at: its own is obeyed, of all of them the
// threshold-th highest is, since then one at least is honest. A state that refuses for ever all
// that a statement says was signed has nothing to fear from that.
//
// Its own statement is held against log and ledger as they were opened after it and not as they
// are: what lost its end grows again, by other entries, and growing does not bring back what the
// cosigner signed. See Start. And it is held against the very record of the ledger that was the
// last one then, for a state may be put back, go on unheard for long, and lose its notes of starts.
func Judge(h Holding, m Members, known []Signed) Verdict {
	obeyed := obeyed(h, m, known)
	if v := against(h, obeyed); v.Finding == Lost {
		return v
	}
	for _, s := range of(h.Name, obeyed) {
		if what := behind(h, s.Statement, all); what != "" {
			return Verdict{Finding: Behind, By: s, What: what}
		}
	}
	for p, order := range orders() {
		voices := voices(obeyed, order)
		if len(voices) < m.Threshold {
			break
		}
		s := voices[m.Threshold-1]
		if what := behind(h, s.Statement, part(p)); what != "" {
			return Verdict{Finding: Behind, By: s, What: what}
		}
	}
	return Verdict{}
}

// Against compares the state that another cosigner shows with what that one signed itself, and
// finds it Lost or Sound. h has its Name, Directory, Boot and Session, its first era and height as
// Pruned, what its ledger was given, and nothing else; last is where its log ends. Nobody else's
// word counts, so that only who holds its key can keep it out, who could do so anyhow.
func Against(h Holding, last uint64, m Members, known []Signed) Verdict {
	h.Starts = []Start{{Boot: h.Boot, Session: h.Session, Opened: last, Written: h.Written}}
	h.Applied, h.Written = ^uint64(0), ^uint64(0) // what it sent may have been under way for longer than its statement
	return against(h, obeyed(h, m, known))
}

func against(h Holding, obeyed []Signed) Verdict {
	for _, s := range of(h.Name, obeyed) {
		if what := lost(h, s.Statement); what != "" {
			return Verdict{Finding: Lost, By: s, What: what}
		}
	}
	return Verdict{}
}

// obeyed returns the statements that a state has to answer to.
func obeyed(h Holding, m Members, known []Signed) []Signed {
	return slices.DeleteFunc(slices.Clone(known), func(s Signed) bool {
		return !m.Has(s) || s.unbound() || clears(h.Pruned, s.Statement)
	})
}

// of returns what the named member stated.
func of(name string, all []Signed) []Signed {
	return slices.DeleteFunc(slices.Clone(all), func(s Signed) bool { return s.Name != name })
}

// voices returns what each member stated that is the most in one part, the most of all first: each
// has one voice, however much it stated.
func voices(obeyed []Signed, order func(x, y Statement) int) (each []Signed) {
	slices.SortStableFunc(obeyed, func(x, y Signed) int { return order(y.Statement, x.Statement) })
	for _, s := range obeyed {
		if !slices.ContainsFunc(each, func(o Signed) bool { return o.Name == s.Name }) {
			each = append(each, s)
		}
	}
	return each
}

// lost says what a cosigner's own statement shows that its state has lost, empty for nothing.
func lost(h Holding, s Statement) string {
	switch {
	case s.Session == h.Session && s.Directory == h.Directory:
		if s.Applied > h.Applied {
			return fmt.Sprintf("this very process had applied entry %d, and has now applied %d: its machine was put back, "+
				"with its memory", s.Applied, h.Applied)
		}
		if s.Written > h.Written {
			return fmt.Sprintf("this very process had %d records in its ledger, and has now %d: its machine was put back, "+
				"with its memory", s.Written, h.Written)
		}
	case s.Directory != h.Directory:
		return fmt.Sprintf("it ran on the state directory %v, and this is %v: its disk was lost, or initialised again",
			s.Directory, h.Directory)
	case s.Boot > h.Boot:
		return fmt.Sprintf("it was at start number %d of this directory, and this is number %d: the directory was "+
			"restored or copied from an older state", s.Boot, h.Boot)
	default:
		if what := undone(h.Starts, s); what != "" {
			return what
		}
	}
	return parted(h, s)
}

// parted says that the ledger had other records when the statement was made, empty if that does not
// show. However long a ledger has become, and whatever is noted of its starts, it shows as long as
// the ledger knows that record.
func parted(h Holding, s Statement) string {
	if h.LinkAt == nil || s.Directory != h.Directory {
		return ""
	}
	if link, ok := h.LinkAt(s.Written); ok && link != s.Link {
		return fmt.Sprintf("record %d of its ledger was another one than it is here: the ledger was restored, and went on "+
			"otherwise", s.Written)
	}
	return ""
}

// Lacks reports whether the statement, of the cosigner itself, shows that its state has lost
// something.
func (h Holding) Lacks(s Statement) bool { return lost(h, s) != "" }

// part is what two statements are compared by. Each part is held to on its own: who is ahead in
// one need not be in another.
type part int

const (
	entries part = iota
	rounds
	heights
	all
)

// orders returns how statements compare in each part.
func orders() [all]func(x, y Statement) int {
	return [all]func(x, y Statement) int{
		entries: func(x, y Statement) int { return cmp.Compare(x.Applied, y.Applied) },
		rounds: func(x, y Statement) int {
			return cmp.Or(cmp.Compare(x.Newest.Era, y.Newest.Era), cmp.Compare(x.Round, y.Round))
		},
		heights: func(x, y Statement) int {
			return cmp.Or(cmp.Compare(x.Resets, y.Resets), cmp.Compare(x.Newest.Height, y.Newest.Height))
		},
	}
}

// parts returns the same orders, and how statements compare by the records of their ledgers.
func parts() []func(x, y Statement) int {
	orders := orders()
	return append(orders[:], func(x, y Statement) int { return cmp.Compare(x.Written, y.Written) })
}

// behind says what the statement shows that the state does not hold yet, empty for nothing.
func behind(h Holding, s Statement, which part) string {
	for p, order := range orders() {
		if (which != all && which != part(p)) || order(s, h.Statement) <= 0 {
			continue
		}
		if part(p) == heights && h.Unfollowed {
			continue
		}
		switch part(p) {
		case entries:
			return fmt.Sprintf("the log came to entry %d, and %d is applied here", s.Applied, h.Applied)
		case rounds:
			return fmt.Sprintf("era %d round %d was signed, and this state knows of era %d round %d",
				s.Newest.Era, s.Round, h.Newest.Era, h.Round)
		case heights:
			return fmt.Sprintf("height %d was signed after %d resets, and this state knows of %d after %d",
				s.Newest.Height, s.Resets, h.Newest.Height, h.Resets)
		}
	}
	return ""
}

// Hold returns the statements that stand against founding a cluster whose first era and height are
// these: all that say that this validator signed there or above, whoever signed them, but those
// whose ID an operator disregards. Of each ID one is enough.
func Hold(first watermark.Mark, known []Signed, disregarded []string) (against []Signed) {
	said := slices.Clone(disregarded)
	for _, s := range known {
		if id := s.ID(); !s.unbound() && !clears(first, s.Statement) && !slices.Contains(said, id) {
			against, said = append(against, s), append(said, id)
		}
	}
	return against
}
