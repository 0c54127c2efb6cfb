package custody_test

import (
	"crypto/ed25519"
	"crypto/sha512"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/custody"
)

func agentKey(node string) ed25519.PrivateKey {
	seed := sha512.Sum512_256([]byte(node))
	return ed25519.NewKeyFromSeed(seed[:])
}

func agent(node string, marked bool) custody.Node {
	return custody.Node{Key: agentKey(node).Public().(ed25519.PublicKey), Custody: marked}
}

// file is a cluster file: node-a's key is with the cosigners, node-b has its own.
func file() custody.Cluster {
	return custody.Cluster{ID: [16]byte{1}, Validator: casper.PublicKey{2},
		Nodes: map[string]custody.Node{"node-a": agent("node-a", true), "node-b": agent("node-b", false)}}
}

func start(node string, number uint64, recipient byte) custody.Signed {
	return file().Sign(agentKey(node), custody.Start{Node: node, Number: number, Recipient: [32]byte{recipient}})
}

// view is that of a cosigner whose log holds node-a's first start, and that gave nothing yet.
func view() custody.View {
	l := &custody.Leases{}
	return custody.View{Cluster: file(), Newest: l.Grant(7, start("node-a", 1, 9)), Applied: 7, Whole: true}
}

// TestJudge: what each condition is for, by itself.
func TestJudge(t *testing.T) {
	forged := start("node-b", 1, 9)
	forged.Node = "node-a"
	type (
		V = *custody.View
		S = *custody.Signed
	)
	for name, tt := range map[string]struct {
		change func(v V, s S)
		want   custody.Refusal
	}{
		"the newest lease": {func(V, S) {}, custody.None},
		"a node that is not marked": {func(v V, _ S) {
			v.Cluster.Nodes["node-a"] = agent("node-a", false)
		}, custody.NotMarked},
		"a node that is not in the file": {func(v V, _ S) { delete(v.Cluster.Nodes, "node-a") },
			custody.NotMarked},
		"no file at all":           {func(v V, _ S) { v.Cluster = custody.Cluster{} }, custody.NotMarked},
		"sealed, or memory lost":   {func(v V, _ S) { v.Whole = false }, custody.NotWhole},
		"another agent's word":     {func(_ V, s S) { *s = forged }, custody.NotSigned},
		"another cluster's":        {func(v V, _ S) { v.Cluster.ID[0]++ }, custody.NotSigned},
		"another validator's":      {func(v V, _ S) { v.Cluster.Validator[0]++ }, custody.NotSigned},
		"suspended":                {func(v V, _ S) { v.Suspended = true }, custody.Suspended},
		"no lease":                 {func(v V, _ S) { v.Newest = custody.Lease{} }, custody.NotGranted},
		"another start in the log": {func(_ V, s S) { *s = start("node-a", 1, 8) }, custody.NotGranted},
		"a later one":              {func(_ V, s S) { *s = start("node-a", 2, 9) }, custody.NotGranted},
		"just in time":             {func(v V, _ S) { v.Applied += custody.Fresh }, custody.None},
		"too late":                 {func(v V, _ S) { v.Applied += custody.Fresh + 1 }, custody.Over},
		"not applied yet":          {func(v V, _ S) { v.Applied-- }, custody.Over},
		"given before":             {func(v V, _ S) { v.Given = 1 }, custody.GivenBefore},
		"a later one given":        {func(v V, _ S) { v.Given = 2 }, custody.GivenBefore},
	} {
		v, s := view(), start("node-a", 1, 9)
		tt.change(&v, &s)
		if got := v.Judge(s); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// TestLeaseAskedTwice: the log grants it once, and of two starts with one number the first; a
// cosigner gives its share once, and for the next lease again.
func TestLeaseAskedTwice(t *testing.T) {
	l, v := custody.Leases{}, view()
	first := l.Grant(7, start("node-a", 1, 9))
	for at, again := range []custody.Signed{start("node-a", 1, 9), start("node-a", 1, 8), start("node-a", 3, 9)} {
		if got := l.Grant(uint64(8+at), again); got != first || l.Newest("node-a") != first {
			t.Errorf("start %d was granted beside the first: %+v", again.Number, got)
		}
	}
	if got := v.Judge(first.Signed); got != custody.None {
		t.Fatal(got)
	}
	v.Given = v.Record().Number
	if got := v.Judge(first.Signed); got != custody.GivenBefore {
		t.Errorf("the share was given twice: %v", got)
	}
	next := start("node-a", 2, 8)
	v.Newest, v.Applied = l.Grant(20, next), 20
	if got := v.Judge(next); got != custody.None {
		t.Errorf("a node that starts again: %v", got)
	}
	if got := v.Judge(first.Signed); got != custody.NotGranted {
		t.Errorf("its start before: %v", got)
	}
	if l.Newest("node-b") != (custody.Lease{}) {
		t.Error("another node has a lease")
	}
}

// TestLeaderGrantsToItsOwn: a leader writes into the log what it likes. What its own agent signs
// is good for its own node alone, which the file must mark.
func TestLeaderGrantsToItsOwn(t *testing.T) {
	swapped := start("node-a", 1, 9)
	swapped.Recipient = [32]byte{66}
	renamed := start("node-b", 1, 66)
	renamed.Node = "node-a"
	for name, s := range map[string]custody.Signed{
		"its own node": start("node-b", 1, 66), "its own recipient in another's start": swapped,
		"its own agent's word for another node": renamed,
		"nobody's word":                         {Start: custody.Start{Node: "node-a", Number: 1, Recipient: [32]byte{66}}},
	} {
		l := &custody.Leases{}
		v := custody.View{Cluster: file(), Newest: l.Grant(7, s), Applied: 7, Whole: true}
		if v.Newest.Start != s.Start {
			t.Fatalf("%s: the log does not hold it", name)
		}
		if got := v.Judge(s); got == custody.None {
			t.Errorf("%s: a share of the key is given", name)
		}
	}
}

// TestRecord: what is told names the node, its start, the entry and the recipient, and no key.
func TestRecord(t *testing.T) {
	want := `gave this cosigner's share of the validator's key to node "node-a", for its start 1, granted by entry 7, ` +
		`sealed to 0900000000000000`
	if got := view().Record().String(); got != want {
		t.Errorf("told is %q, want %q", got, want)
	}
	for r := custody.None; r <= custody.GivenBefore; r++ {
		if strings.Contains(r.String(), "unknown") {
			t.Errorf("refusal %d has no words", r)
		}
	}
	if (custody.GivenBefore + 1).String() != "unknown refusal" {
		t.Error("a refusal without a test")
	}
}

// TestContext: what is sealed for one start, cluster or cosigner is nothing for another.
func TestContext(t *testing.T) {
	s := start("node-a", 1, 9).Start
	other := file()
	other.ID[0]++
	seen := map[string]bool{string(file().Context(s, "c1")): true}
	for name, text := range map[string][]byte{
		"another start":     file().Context(start("node-a", 2, 9).Start, "c1"),
		"another recipient": file().Context(start("node-a", 1, 8).Start, "c1"),
		"another node":      file().Context(start("node-b", 1, 9).Start, "c1"),
		"another cosigner":  file().Context(s, "c2"),
		"another cluster":   other.Context(s, "c1"),
	} {
		if seen[string(text)] {
			t.Errorf("%s: it is sealed as the same", name)
		}
		seen[string(text)] = true
	}
}
