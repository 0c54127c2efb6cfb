package hostile

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/testnet"
)

// attempts is how often a lie is tried: the honest cosigners may hold an election in between.
const attempts = 8

// attack is some compromised cosigners, and two nodes that ask for different values of one slot.
type attack struct {
	*rig
	compromised []*Cosigner
	honest      []string
	nodes       [2]*Node
}

func newAttack(t *testing.T, need, of, compromised int, stock ...string) *attack {
	t.Helper()
	a := &attack{rig: newRig(t, need, of, stock...)}
	a.nodes = [2]*Node{a.node(testnet.Main), a.node(testnet.Standby)}
	a.signSome(2)
	leader := a.ready()
	names := slices.Concat([]string{leader}, slices.DeleteFunc(slices.Clone(a.names),
		func(name string) bool { return name == leader }))
	for _, name := range names[:compromised] { // the leader first
		a.compromised = append(a.compromised, a.takeOver(name))
	}
	a.honest = names[compromised:]
	return a
}

// claims are the two nodes' requests.
func (a *attack) claims(m casper.Message) (all [2]watermark.Claim) {
	a.t.Helper()
	_, applied := a.look()
	for i, value := range []casper.Message{m, testnet.Other(m)} {
		var err error
		if all[i], err = a.nodes[i].Claim(value, applied); err != nil {
			a.t.Fatal(err)
		}
	}
	return all
}

// gather asks the named honest cosigners for shares, and returns why there is no signature.
func (a *attack) gather(from []string, w Wanted) error {
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Second)
	defer cancel()
	signature, err := Gather(ctx, a.compromised, from, w)
	if err == nil {
		a.note(w.Message, signature)
	}
	return err
}

// bound has the first node itself ask for the message until it is signed, and returns its request
// as the log holds it.
func (a *attack) bound(m casper.Message) watermark.Claim {
	a.t.Helper()
	claim := a.claims(m)[0]
	a.await("the node's own request is signed", func() bool {
		ctx, cancel := context.WithTimeout(a.t.Context(), time.Second)
		defer cancel()
		for _, name := range a.honest {
			if answer, err := a.nodes[0].Ask(ctx, name, claim); err == nil && answer.GetSigned() != nil {
				a.note(m, casper.Signature(answer.GetSigned().GetSignature()))
				return true
			}
		}
		return false
	})
	return claim
}

// look returns the newest term and the last applied entry that the honest ones know of.
func (a *attack) look() (term, applied uint64) {
	a.t.Helper()
	term, applied, err := a.nodes[1].Look(a.t.Context(), a.honest...)
	if err != nil {
		a.t.Fatal(err)
	}
	return term, applied
}

// sides are those who are asked for one value, and those who are asked for the other: as few as are
// needed, and as many different ones as there are.
func (a *attack) sides() [2][]string {
	each := a.need - len(a.compromised)
	return [2][]string{a.honest[:each], a.honest[len(a.honest)-each:]}
}

// TestTwoNodesThatDiffer: a compromised cosigner has the requests of two honest nodes that differ,
// as they do in hot mode now and then. It lies about nothing but who leads and which value the log
// holds. The slot gets one signature.
func TestTwoNodesThatDiffer(t *testing.T) {
	for _, c := range []struct{ need, of, compromised int }{{2, 3, 1}, {3, 4, 1}, {3, 4, 2}, {3, 5, 2}, {4, 5, 3}} {
		t.Run(fmt.Sprintf("%d of %d with %d compromised", c.need, c.of, c.compromised), func(t *testing.T) {
			t.Parallel()
			a := newAttack(t, c.need, c.of, c.compromised)
			for _, claimFirst := range []bool{false, true} {
				for _, later := range []uint64{0, 1} { // the term that it says it leads in
					a.haveBoth(claimFirst, later)
				}
			}
		})
	}
}

// haveBoth tries to have both values of a slot signed, of which the first one is, or is going to
// be, in the log.
func (a *attack) haveBoth(claimFirst bool, later uint64) {
	a.t.Helper()
	m, sides := a.free.Next(), a.sides()
	if claimFirst { // else nobody but us has asked yet
		a.once(a.a, m)
	}
	for i, claim := range a.claims(m) {
		term, _ := a.look()
		for _, name := range sides[i] { // a cosigner that follows is not listened to
			if err := a.compromised[0].Lead(name, term+later); err != nil {
				a.t.Log(err)
			}
		}
		err := a.gather(sides[i], Wanted{Claim: claim, Term: term + later, Index: 1})
		a.t.Logf("claimed first %v, term + %d: value %d of %v: %v", claimFirst, later, i, sides[i], err)
	}
	if len(a.honest) >= a.need {
		a.sign(a.a, m)
	}
	if n := a.values(m); n > 1 {
		a.t.Errorf("claimed first %v, term + %d: DOUBLE SIGN: %d values of %v", claimFirst, later, n, m)
	}
}

// TestTwoLogs: compromised cosigners show the honest ones different logs, in a term in which nobody
// led before. That is where the number of compromised cosigners counts: the table in README.md. At
// one less than it says a slot gets one signature whatever they do; at that number it gets two, and
// the table would promise too little if this failed.
func TestTwoLogs(t *testing.T) {
	for _, c := range []struct{ need, of, compromised, values int }{
		{2, 3, 1, 2}, {3, 4, 1, 1}, {3, 4, 2, 2}, {3, 5, 1, 2}, {4, 5, 2, 1}, {4, 5, 3, 2},
	} {
		t.Run(fmt.Sprintf("%d of %d with %d compromised", c.need, c.of, c.compromised), func(t *testing.T) {
			t.Parallel()
			a := newAttack(t, c.need, c.of, c.compromised)
			most := 0
			for range attempts {
				m := a.free.Next()
				a.showTwoLogs(m)
				most = max(most, a.values(m))
				if most > c.values || most == c.values && c.values > 1 {
					break
				}
			}
			if most != c.values {
				t.Errorf("a slot got %d values, want %d", most, c.values)
			}
		})
	}
}

// showTwoLogs shows one value of the slot to one side and the other to the other, and asks each for
// its shares.
func (a *attack) showTwoLogs(m casper.Message) {
	a.t.Helper()
	term, _ := a.look()
	term++
	sides := a.sides()
	told := map[string]bool{}
	for i, claim := range a.claims(m) {
		index := uint64(0)
		for _, name := range sides[i] {
			if told[name] { // it holds the other value already, and is asked for this one all the same
				continue
			}
			told[name] = true
			var err error
			index, err = a.compromised[0].Lie(name, term, machine.Claim{Claim: claim, At: time.Now().UnixMilli()})
			a.t.Logf("value %d to %s in term %d: entry %d, %v", i, name, term, index, err)
		}
		err := a.gather(sides[i], Wanted{Claim: claim, Term: term, Index: index})
		a.t.Logf("value %d of %v: %v", i, sides[i], err)
	}
}
