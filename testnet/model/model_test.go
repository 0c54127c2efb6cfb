package model

import (
	"flag"
	"testing"
)

var large = flag.Bool("large", false, "look further: minutes, and some gigabytes")

// small is what is looked at in every test run. Each of them finds what another does not.
var small = map[string]bounds{
	"2 of 3":           {nodes: 3, threshold: 2, terms: 3, log: 2, alphabet: both},
	"2 of 3, bare":     {nodes: 3, threshold: 2, terms: 4, log: 1, alphabet: both, bare: true},
	"2 of 3, restarts": {nodes: 3, threshold: 2, terms: 2, log: 2, alphabet: both, restarts: true},
	"2 of 3, spent":    {nodes: 3, threshold: 2, terms: 2, log: 3, alphabet: []uint8{one, other, spent}},
	"2 of 3, shut":     {nodes: 3, threshold: 2, terms: 1, log: 3, alphabet: []uint8{one, other, shut}},
	"2 of 3, fence":    {nodes: 3, threshold: 2, terms: 1, log: 3, alphabet: []uint8{one, other, fence}, fenced: true},
	"2 of 3, prune":    {nodes: 3, threshold: 2, terms: 1, log: 3, alphabet: []uint8{one, other, prune}},
	"3 of 4":           {nodes: 4, threshold: 3, terms: 2, log: 2, alphabet: both},
	"3 of 4, traitor":  {nodes: 4, threshold: 3, terms: 2, log: 1, alphabet: both, traitor: true},
	"3 of 4, forged":   {nodes: 4, threshold: 3, terms: 2, log: 1, alphabet: []uint8{forged, other}, traitor: true},
}

// further is what `make model` looks at besides.
var further = map[string]bounds{
	"2 of 3":           {nodes: 3, threshold: 2, terms: 3, log: 3, alphabet: both},
	"2 of 3, bare":     {nodes: 3, threshold: 2, terms: 4, log: 2, alphabet: both, bare: true},
	"2 of 3, restarts": {nodes: 3, threshold: 2, terms: 3, log: 2, alphabet: both, restarts: true},
	"2 of 3, spent":    {nodes: 3, threshold: 2, terms: 2, log: 4, alphabet: []uint8{one, other, spent}},
	"2 of 3, shut":     {nodes: 3, threshold: 2, terms: 2, log: 4, alphabet: []uint8{one, other, shut}},
	"2 of 3, fence":    {nodes: 3, threshold: 2, terms: 2, log: 4, alphabet: []uint8{one, other, fence}, fenced: true},
	"2 of 3, prune":    {nodes: 3, threshold: 2, terms: 2, log: 4, alphabet: []uint8{one, other, prune}},
	"3 of 4":           {nodes: 4, threshold: 3, terms: 3, log: 2, alphabet: both},
	"3 of 4, traitor":  {nodes: 4, threshold: 3, terms: 3, log: 1, alphabet: both, traitor: true},
}

var both = []uint8{one, other}

// TestModel: no run of a cluster signs two values of a slot, and none leads to where the slot can
// never be finished.
func TestModel(t *testing.T) {
	for name, b := range small {
		t.Run(name, func(t *testing.T) { b.holds(t) })
	}
}

// TestFurther is TestModel with wider bounds.
func TestFurther(t *testing.T) {
	if !*large {
		t.Skip("`make model` does")
	}
	for name, b := range further {
		t.Run(name, func(t *testing.T) { b.holds(t) })
	}
}

func (b bounds) holds(t *testing.T) {
	t.Helper()
	f := b.search()
	t.Logf("%d states", f.states)
	if f.early == 0 {
		t.Error("no share is given before it is applied: the model plays another rule")
	}
	tell(t, "two values are signed", f.double)
	tell(t, "the slot can never be finished", f.wedged)
	tell(t, "a share is given for what no node asked for", f.forged)
}

// tell fails with the shortest run to what must not be.
func tell(t *testing.T, what string, run []state) {
	t.Helper()
	if run == nil {
		return
	}
	t.Errorf("%s, after %d steps:", what, len(run)-1)
	for _, s := range run {
		t.Log(s)
	}
}

// TestLedgerIsNeeded: without ledgers one traitor of four, which leads, gets two values.
func TestLedgerIsNeeded(t *testing.T) {
	b := small["3 of 4, traitor"]
	b.unledgered = true
	if f := b.search(); f.double == nil {
		t.Errorf("none of %d states has two values: the search overlooks them", f.states)
	}
}

// TestTraitorOfThree: one traitor of three gets two values, whatever the other two do: both sets of
// two cosigners have only it in common.
func TestTraitorOfThree(t *testing.T) {
	b := bounds{nodes: 3, threshold: 2, terms: 2, log: 1, alphabet: both, traitor: true}
	if f := b.search(); f.double == nil {
		t.Errorf("none of %d states has two values: what is said of compromised cosigners can be better", f.states)
	}
}
