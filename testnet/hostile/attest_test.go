package hostile

import (
	"context"
	"fmt"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/testnet"
)

// granted is the values of a slot that a gate would store, whatever its agent says.
type granted map[casper.Message]bool

// attest asks the named honest cosigners, and notes what it gets if a gate takes it: by the cluster
// file of its host, from whoever brings it.
func (a *attack) attest(got granted, from []string, w Wanted) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 2*time.Second)
	defer cancel()
	all, err := Attest(ctx, a.compromised, from, w)
	_, short := a.nodes[1].Cluster.Attesters().Settle(w.Message, w.Message, all)
	if short == nil {
		got[w.Message] = true
	}
	a.t.Logf("by %v: %d attestations, %v; %v", from, len(all), err, short)
}

// TestTwoLogsAttested: compromised cosigners, the leader among them, grant one value of a slot to
// one stock node and another to the other: each honest cosigner is shown a log of its own, and is
// asked for attestations of both values. That is where the number of compromised cosigners counts,
// as it does for signatures: the table in README.md.
func TestTwoLogsAttested(t *testing.T) {
	for _, c := range []struct{ need, of, compromised, values int }{
		{2, 3, 1, 2}, {3, 4, 1, 1}, {3, 4, 2, 2}, {4, 5, 2, 1},
	} {
		t.Run(fmt.Sprintf("%d of %d with %d compromised", c.need, c.of, c.compromised), func(t *testing.T) {
			t.Parallel()
			a := newAttack(t, c.need, c.of, c.compromised, testnet.Standby)
			most := 0
			for range attempts {
				m := a.free.Next()
				got := granted{}
				a.grantBoth(m, got)
				most = max(most, len(got))
				if most > c.values || most == c.values && c.values > 1 {
					break
				}
			}
			if most != c.values {
				t.Errorf("a slot has %d values that are attested, want %d", most, c.values)
			}
		})
	}
}

// grantBoth shows one value of the slot to one side and the other to the other, and asks all honest
// cosigners to attest each.
func (a *attack) grantBoth(m casper.Message, got granted) {
	a.t.Helper()
	term, _ := a.look()
	term++
	sides := a.sides()
	told := map[string]bool{}
	for i, claim := range a.claims(m) {
		index := uint64(0)
		for _, name := range sides[i] {
			if told[name] {
				continue
			}
			told[name] = true
			var err error
			index, err = a.compromised[0].Lie(name, term, machine.Claim{Claim: claim, At: time.Now().UnixMilli()})
			a.t.Logf("value %d to %s in term %d: entry %d, %v", i, name, term, index, err)
		}
		a.attest(got, sides[i], Wanted{Claim: claim, Term: term, Index: index})
	}
	for i, claim := range a.claims(m) { // those that were shown the other one
		a.attest(got, a.honest, Wanted{Claim: claim, Term: term, Index: uint64(1 + i)})
	}
}

// TestAttestsAnything: a cosigner that follows and attests what nobody claimed counts as one, also
// with those that it asks in the leader's term: their logs hold nothing.
func TestAttestsAnything(t *testing.T) {
	t.Parallel()
	a := &attack{rig: newRig(t, 2, 3, testnet.Standby)}
	a.nodes = [2]*Node{a.node(testnet.Main), a.node(testnet.Standby)}
	a.signSome(2)
	leader := a.ready()
	for _, name := range a.names {
		if name != leader && a.compromised == nil {
			a.compromised = append(a.compromised, a.takeOver(name))
			continue
		}
		a.honest = append(a.honest, name)
	}
	got := granted{}
	for _, claim := range a.claims(a.free.Next()) {
		term, _ := a.look()
		for _, later := range []uint64{0, 1} {
			a.attest(got, a.honest, Wanted{Claim: claim, Term: term + later, Index: 1})
		}
	}
	if len(got) > 0 {
		t.Errorf("attested, and never claimed: %v", got)
	}
	m := a.free.Next()
	claim := a.bound(m)
	term, _ := a.look()
	a.attest(got, a.honest, Wanted{Claim: claim, Term: term, Index: 1})
	if !got[m] {
		t.Errorf("what is claimed is not attested: %v", got)
	}
}
