package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

// decideWithin bounds the search for an order of one slot's calls. Even a slot that was asked for
// through a whole outage needs milliseconds.
const decideWithin = 20 * time.Second

// Verdict is what a history comes to.
type Verdict struct {
	Calls, Slots int
	Answers      map[string]int // calls by kind, those without a signature also by reason
	During       int            // calls while there were faults
	Answered     int            // of those, how many were signed, bound or refused
	Finished     int            // slots of which somebody got a signature while there were faults
	Won          map[string]int // slots that hold a value, by the node that asked for it first
	Faults       []string       // what must never be
}

func (v *Verdict) faultf(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// Check holds a history against what is promised: each signature is the validator's, of the value
// that it is given for; no slot has signatures of two values; for each slot there is one order of
// all calls, in keeping with when each began and ended, in which the slot is free, takes one value
// that somebody asked for, and keeps it; and once all was well again every node got a signature
// for every slot.
func Check(h History) Verdict {
	v := Verdict{Calls: len(h.Calls), Answers: map[string]int{}, Won: map[string]int{}}
	bySlot, nodes := map[casper.Slot][]Call{}, map[string]bool{}
	var order []casper.Slot
	for _, c := range h.Calls {
		v.count(c)
		nodes[c.Node()] = true
		slot, _ := casper.SlotOf(c.Asked)
		if bySlot[slot] == nil {
			order = append(order, slot)
		}
		bySlot[slot] = append(bySlot[slot], c)
		if c.Signed() {
			v.checkSignature(h.Validator, slot, c)
		}
	}
	v.Slots = len(order)
	for _, slot := range order {
		v.checkSlot(slot, bySlot[slot])
	}
	for _, slot := range order {
		v.checkLast(slot, bySlot[slot], maps.Clone(nodes))
	}
	return v
}

func (v *Verdict) count(c Call) {
	kind := string(c.Answer.Kind)
	if !c.Signed() {
		kind += " " + c.Answer.Reason
	}
	v.Answers[kind]++
	if c.Last {
		return
	}
	v.During++
	if c.Answer.Kind != testnet.Unknown {
		v.Answered++
	}
}

func (v *Verdict) checkSignature(key casper.PublicKey, slot casper.Slot, c Call) {
	m := c.Answer.Message(c.Asked)
	if of, ok := casper.SlotOf(m); !ok || of != slot {
		v.faultf("%s asked for %v and got what %v holds", c.Asker, slot, of)
	}
	if !key.Verify(m, c.Answer.Signature) {
		v.faultf("%s got a signature for %v that is not valid for the value it is given for", c.Asker, slot)
	}
}

func (v *Verdict) checkSlot(slot casper.Slot, calls []Call) {
	signed := map[casper.Message]string{} // who got it first
	if slices.ContainsFunc(calls, func(c Call) bool { return c.Signed() && !c.Last }) {
		v.Finished++
	}
	for _, c := range calls {
		if m := c.Answer.Message(c.Asked); c.Signed() && signed[m] == "" {
			signed[m] = c.Asker
		}
	}
	if len(signed) > 1 {
		askers := slices.Sorted(maps.Values(signed))
		v.faultf("TWO VALUES of %v are signed: %s got one each\n%s", slot, strings.Join(askers, " and "), table(calls))
	}
	for m := range signed {
		v.Won[firstAsker(m, calls)]++
	}
	switch porcupine.CheckOperationsTimeout(slotModel(), operations(calls), decideWithin) {
	case porcupine.Illegal:
		v.faultf("%v is not linearizable, no order explains its calls:\n%s", slot, table(calls))
	case porcupine.Unknown:
		v.faultf("%v was not decided within %v", slot, decideWithin)
	}
}

// checkLast takes from nodes those that got a signature when all was well again; none may be left.
func (v *Verdict) checkLast(slot casper.Slot, calls []Call, nodes map[string]bool) {
	for _, c := range calls {
		if c.Last && c.Signed() {
			delete(nodes, c.Node())
		}
	}
	for _, node := range slices.Sorted(maps.Keys(nodes)) {
		v.faultf("%v was never finished for %s, though all was well again:\n%s", slot, node, table(calls))
	}
}

// firstAsker returns the node whose client was the first to ask for that message, or nobody.
func firstAsker(m casper.Message, calls []Call) string {
	who, begin := "nobody", time.Duration(0)
	for _, c := range calls {
		if c.Asked == m && (who == "nobody" || c.Begin < begin) {
			who, begin = c.Node(), c.Begin
		}
	}
	return who
}

// held is a slot's state: nil while it is free.
type held struct{ message casper.Message }

// slotModel is a slot as a register that can be written once.
func slotModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return held{} },
		Step: func(state, asked, answer any) (bool, any) {
			return state.(held).step(asked.(casper.Message), answer.(testnet.Answer))
		},
	}
}

// step reports whether the slot may answer so, and what it holds then. A call without a signature
// may have claimed the slot all the same, or may yet: even one that was refused, since its agent
// may have asked another cosigner before.
func (s held) step(asked casper.Message, a testnet.Answer) (bool, any) {
	switch a.Kind {
	case testnet.Signed:
		return s.message == nil || s.message == asked, held{asked}
	case testnet.Bound:
		return s.message == a.Held && a.Held != asked, s
	}
	if s.message == nil {
		return true, held{asked}
	}
	return true, s
}

// operations returns the calls of one slot as the search wants them. A call without a signature
// never ends, since nobody knows when it takes effect. Of several for one value only the one
// that began first is kept: what another could do, it can do too, and each that is left out
// halves the search.
func operations(calls []Call) (all []porcupine.Operation) {
	never := time.Duration(0)
	open := map[casper.Message]Call{}
	for _, c := range calls {
		never = max(never, c.End+1)
		if first, ok := open[c.Asked]; !c.Signed() && (!ok || c.Begin < first.Begin) {
			open[c.Asked] = c
		}
	}
	add := func(c Call, end time.Duration) {
		all = append(all, porcupine.Operation{ClientId: len(all), Input: c.Asked, Call: int64(c.Begin), Output: c.Answer,
			Return: int64(end)})
	}
	for _, c := range calls {
		if c.Signed() {
			add(c, c.End)
		}
	}
	for _, c := range open {
		add(c, never)
	}
	return all
}

// table shows the calls of one slot, by when they began, but of a client's calls for one value that
// came to nothing only the first. Values are called by the order in which they come up.
func table(calls []Call) string {
	var b strings.Builder
	names := map[casper.Message]string{}
	name := func(m casper.Message) string {
		if names[m] == "" {
			names[m] = fmt.Sprintf("value %d", len(names)+1)
		}
		return names[m]
	}
	type attempt struct {
		asker string
		asked casper.Message
	}
	shown := map[attempt]bool{}
	for _, c := range slices.SortedFunc(slices.Values(calls), func(a, b Call) int {
		return cmp.Compare(a.Begin, b.Begin)
	}) {
		if at := (attempt{c.Asker, c.Asked}); !c.Signed() && shown[at] {
			continue
		} else {
			shown[at] = true
		}
		fmt.Fprintf(&b, "    %12v to %12v  %-12s asked for %s: %s", c.Begin, c.End, c.Asker, name(c.Asked), c.Answer.Kind)
		if c.Answer.Kind == testnet.Bound {
			fmt.Fprintf(&b, " to %s", name(c.Answer.Held))
		}
		fmt.Fprintf(&b, " %s %s\n", c.Answer.DecidedBy, c.Answer.Reason)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
