package watermark

import (
	"fmt"
	"slices"
)

// Freed is which heights operators' resets may have freed between two tables: none in its zero
// value.
type Freed struct {
	Any bool  // all may be
	By  Reset // else those of this one
}

// lowest returns the lowest that may be free again.
func (f Freed) lowest() uint64 {
	switch {
	case f.Any:
		return 0
	case f.By.Count == 0:
		return ^uint64(0)
	}
	return f.By.Height
}

func (f Freed) has(height uint64) bool { return f.Any || f.By.Count > 0 && f.By.Frees(height) }

// Lacks returns an error unless the table may follow from the earlier one, by any log: of what that
// one held it holds the same, or has forgotten it for good by its marks, and no mark fell. Heights
// that were freed in between are left out. The floor is, too: an operator may move it back.
func (t *Table) Lacks(earlier *Table, freed Freed) error {
	was, is := earlier.pruned, t.pruned
	if is.Era < was.Era || is.Height < min(was.Height, freed.lowest()) {
		return fmt.Errorf("it would bind what lies above era %d and height %d, and here nothing is bound any more below "+
			"era %d and height %d", is.Era, is.Height, was.Era, was.Height)
	}
	was, is = earlier.newest, t.newest
	if is.Era < was.Era || is.Height < min(was.Height, freed.lowest()) {
		return fmt.Errorf("it ends at era %d and height %d, and here era %d and height %d are bound", is.Era, is.Height,
			was.Era, was.Height)
	}
	for slot, c := range earlier.All() {
		if !t.pruned.Covers(slot) || slot.OfHeight() && freed.has(slot.Height) {
			continue
		}
		switch has, ok := t.Lookup(slot); {
		case !ok:
			return fmt.Errorf("it lacks %v, which is bound here", slot)
		case has != c:
			return fmt.Errorf("it holds another request for %v than is bound here", slot)
		}
	}
	return t.lacksRerun(earlier)
}

// lacksRerun returns an error for an era that was to run again under a chainspec and is not.
func (t *Table) lacksRerun(earlier *Table) error {
	for n, e := range earlier.eras {
		if n < t.pruned.Era || len(e.named) == 0 {
			continue
		}
		has := t.eras[n]
		if has == nil || !slices.Equal(has.named[:min(len(e.named), len(has.named))], e.named) {
			return fmt.Errorf("it lacks under which chainspecs era %d runs again, which an operator named", n)
		}
	}
	return nil
}
