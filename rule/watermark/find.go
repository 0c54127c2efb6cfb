package watermark

import (
	"slices"

	"casper-cosigner/rule/casper"
)

// Find says what the table knows of an echo or a vote that somebody shows, which names its era's
// instance and not the era. It is known if some node of ours has asked for anything in that
// instance and the era is not forgotten: then held says whether the slot holds exactly that, and if
// not, no cosigner was ever asked for it. Of an instance that is not known nothing follows.
func (t *Table) Find(b casper.Ballot) (era uint64, held, known bool) {
	for n, e := range t.eras {
		if !slices.ContainsFunc(e.voices, func(v voice) bool { return v.instance == b.Instance }) {
			continue
		}
		slot := casper.Slot{Kind: b.Kind, Era: n, Instance: b.Instance, Validator: b.Validator, Round: b.Round}
		c, _ := t.Lookup(slot)
		have, ok := casper.BallotOf(c.Message)
		b.Signature = casper.Signature{}
		return n, ok && have == b, true
	}
	return 0, false, false
}
