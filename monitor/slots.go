package monitor

import (
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
)

// slots is what the log holds, for the evidence of a fault to be held against. It keeps the log
// waiting for no longer than one ballot takes. Only a cosigner that has caught up can tell what the
// log does not hold: one that leads has, and only what that one finds is acted upon.
type slots struct{ log Log }

// Find says what the log holds. Before it has begun nothing is known.
func (s slots) Find(b casper.Ballot) (era uint64, held, known bool) {
	s.log.View(func(m *machine.State) {
		if m.Started() {
			era, held, known = m.Table().Find(b)
		}
	})
	return era, held, known
}

// asked returns the node for which the log holds just that finality signature, empty if it does
// not.
func (s slots) asked(f casper.Finality) (node string) {
	s.log.View(func(m *machine.State) {
		slot, _ := casper.SlotOf(f)
		if !m.Started() {
			return
		}
		if c, held := m.Table().Lookup(slot); held && c.Message == f {
			node = c.Node
		}
	})
	return node
}
