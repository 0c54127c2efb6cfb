package failover_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// signer is a validator that signs what it likes.
type signer struct{ key ed25519.PrivateKey }

func newSigner(seed byte) signer {
	return signer{ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))}
}

func (s signer) public() casper.PublicKey {
	return casper.PublicKey(s.key.Public().(ed25519.PublicKey))
}

func (s signer) final(height uint64, block byte) (f failover.Final) {
	f.Finality = casper.Finality{Block: casper.Hash{block}, Height: height, Era: 7, ChainName: casper.Hash{3}}
	f.Signature = casper.Signature(ed25519.Sign(s.key, f.SignBytes()))
	return f
}

// nobody is who asked for a block that no log holds.
func nobody(casper.Finality) string { return "" }

// TestSees: the newest heights are told, both blocks of one, each once.
func TestSees(t *testing.T) {
	ours := newSigner(1)
	var n failover.Node
	for _, f := range []failover.Final{ours.final(3, 1), ours.final(9, 1), ours.final(7, 1), ours.final(9, 1),
		ours.final(2, 1), ours.final(9, 2), ours.final(8, 1), ours.final(1, 1)} {
		n.Sees(f)
	}
	want := [failover.Finals]failover.Final{ours.final(9, 1), ours.final(9, 2), ours.final(8, 1), ours.final(7, 1)}
	if n.Finals != want {
		t.Errorf("%+v", n.Finals)
	}
}

// TestFork: two blocks of one height are found, whichever agents tell of them and when, if our key
// signed both, for one chain.
func TestFork(t *testing.T) {
	ours := newSigner(1)
	forged, elsewhere := newSigner(2).final(9, 2), ours.final(9, 2)
	elsewhere.ChainName = casper.Hash{4}
	elsewhere.Signature = casper.Signature(ed25519.Sign(ours.key, elsewhere.SignBytes()))
	type told = map[string][]failover.Final
	for name, c := range map[string]struct {
		told  []told
		found bool
	}{
		"one block":              {[]told{{"a": {ours.final(9, 1)}, "b": {ours.final(9, 1)}}}, false},
		"two heights":            {[]told{{"a": {ours.final(9, 1)}, "b": {ours.final(8, 2)}}}, false},
		"two blocks":             {[]told{{"a": {ours.final(9, 1)}, "b": {ours.final(9, 2)}}}, true},
		"two blocks of one node": {[]told{{"a": {ours.final(9, 1), ours.final(9, 2)}}}, true},
		"two blocks, later": {[]told{{"a": {ours.final(9, 1)}}, {"a": {ours.final(10, 1)}},
			{"b": {ours.final(9, 2)}}}, true},
		"another's signature":   {[]told{{"a": {ours.final(9, 1)}, "b": {forged}}}, false},
		"another's comes first": {[]told{{"a": {forged}}, {"a": {ours.final(9, 1)}, "b": {ours.final(9, 2)}}}, true},
		"another chain":         {[]told{{"a": {ours.final(9, 1)}, "b": {elsewhere}}}, false},
	} {
		b := failover.NewBlocks(ours.public().String())
		var o failover.Observation
		for i, step := range c.told {
			o = failover.Observation{Nodes: map[string]failover.Node{}}
			for node, all := range step {
				var n failover.Node
				for _, f := range all {
					n.Sees(f)
				}
				o.Nodes[node] = n
			}
			b.Take(&o, nobody, begin.Add(time.Duration(i)*time.Second))
		}
		if found := !o.Fork.At.IsZero(); found != c.found {
			t.Errorf("%s: %+v", name, o.Fork)
		}
		at := o.Fork.At
		if b.Take(&o, nobody, begin.Add(time.Hour)); !o.Fork.At.Equal(at) {
			t.Errorf("%s: what is told again is news", name)
		}
	}
}

// TestForkForgets: only so many are remembered, the greatest heights.
func TestForkForgets(t *testing.T) {
	ours := newSigner(1)
	b := failover.NewBlocks(ours.public().String())
	take := func(f failover.Final) failover.Fork {
		o := failover.Observation{Nodes: map[string]failover.Node{"a": {Finals: [failover.Finals]failover.Final{f}}}}
		b.Take(&o, nobody, begin)
		return o.Fork
	}
	for height := range uint64(300) {
		take(ours.final(1000+height, 1))
	}
	if f := take(ours.final(1043, 2)); !f.At.IsZero() {
		t.Errorf("it remembers %v", f)
	}
	if f := take(ours.final(1045, 2)); f.At.IsZero() {
		t.Error("it forgot one of the last 256")
	}
}

// TestForkReset: what the network took back, and an operator freed, is no fork with what is signed
// there instead, also while agents tell of it; below it, and after it, two blocks are one.
func TestForkReset(t *testing.T) {
	ours := newSigner(1)
	b := failover.NewBlocks(ours.public().String())
	take := func(all ...failover.Final) failover.Fork {
		var n failover.Node
		for _, f := range all {
			n.Sees(f)
		}
		o := failover.Observation{Nodes: map[string]failover.Node{"a": n}}
		b.Take(&o, nobody, begin)
		return o.Fork
	}
	take(ours.final(8, 1), ours.final(9, 1), ours.final(10, 1), ours.final(11, 1))
	b.Reset(1, 9, 10)
	b.Reset(1, 9, 10)
	if f := take(ours.final(9, 1), ours.final(10, 1), ours.final(9, 2), ours.final(10, 2)); !f.At.IsZero() {
		t.Errorf("heights that were freed: %v", f)
	}
	if f := take(ours.final(8, 2)); f.At.IsZero() {
		t.Error("it forgot a height below the first that was freed")
	}
	if f := take(ours.final(11, 2)); f.At.IsZero() || f.Blocks[1].Height != 11 {
		t.Error("it forgot a height above the last of the old chain")
	}
	b.Reset(1, 9, 10)
	if f := take(ours.final(10, 3)); f.At.IsZero() || f.Blocks[1].Height != 10 {
		t.Errorf("two blocks since the reset: %v", f)
	}
}

// TestForkAsked: two blocks of which the cosigners signed one for a node without the key hold roles
// once, and not again for that node, which could go on for ever. Others still do.
func TestForkAsked(t *testing.T) {
	ours, asker := newSigner(1), "standby"
	asked := func(f casper.Finality) string {
		if f.Block == (casper.Hash{2}) {
			return asker
		}
		return ""
	}
	s := outScene()
	s.settings.Stock = []string{"main"}
	b, j := failover.NewBlocks(ours.public().String()), failover.NewJudge(s.settings)
	judge := func(second int, finals ...failover.Final) failover.Judgement {
		s.now = begin.Add(time.Duration(second) * time.Second)
		main := s.seen.Nodes["main"]
		for _, f := range finals {
			main.Sees(f)
		}
		s.seen.Nodes["main"] = main
		b.Take(&s.seen, asked, s.now)
		d := j.Judge(s.state, s.seen, s.now)
		if d.Act == failover.Hold {
			s.state.Hold(d.Until, failover.Change{Epoch: s.state.Epoch, Cause: d.Code, Reason: d.Why})
			j.Judge(s.state, s.seen, s.now)
			s.state.Hold(0, failover.Change{Epoch: s.state.Epoch, Cause: failover.Operator})
			j.Judge(s.state, s.seen, s.now)
		}
		return d
	}
	d := judge(0, ours.final(9, 1), ours.final(9, 2))
	if d.Code != failover.Fault || !strings.Contains(d.Why, "for standby; ") {
		t.Errorf("the first one: %s: %s", d.Code, d.Why)
	}
	if d = judge(60, ours.final(20, 1), ours.final(20, 2)); d.Code == failover.Fault {
		t.Errorf("another one of the same node: %s", d.Why)
	}
	d = judge(120, ours.final(30, 1), ours.final(30, 3), ours.final(29, 1), ours.final(29, 2))
	if d.Code != failover.Fault || !strings.Contains(d.Why, "height 30") {
		t.Errorf("one that nobody asked for: %s: %s", d.Code, d.Why)
	}
	asker = "main"
	if d = judge(180, ours.final(40, 1), ours.final(40, 2)); d.Code != failover.Fault {
		t.Errorf("one that another node asked for: %s: %s", d.Code, d.Why)
	}
}

// TestForkHolds: a fork of a stock node holds the roles, once; an operator who resumes knows of it,
// and of another one later does not.
func TestForkHolds(t *testing.T) {
	ours := newSigner(1)
	s := outScene()
	fork := func(height uint64, seconds float64) {
		s.seen.Fork = failover.Fork{Blocks: [2]failover.Final{ours.final(height, 1), ours.final(height, 2)},
			Nodes: [2]string{"main", "standby"}, At: s.ago(seconds)}
	}
	j := failover.NewJudge(s.settings)
	judge := func(seconds int) failover.Judgement {
		s.now = begin.Add(time.Duration(seconds) * time.Second)
		d := j.Judge(s.state, s.seen, s.now)
		if d.Act == failover.Hold {
			s.state.Hold(d.Until, failover.Change{Epoch: s.state.Epoch, Cause: d.Code, Reason: d.Why})
		}
		return d
	}
	fork(9, 1)
	if d := judge(0); d.Code != failover.Fault || d.Act != failover.Hold || d.Until != failover.ForGood ||
		!strings.Contains(d.Why, "two blocks at height 9") || !strings.Contains(d.Why, "told by standby") {
		t.Errorf("got %s: %s", d.Code, d.Why)
	}
	fork(10, 0)
	if d := judge(1); d.Code != failover.Held || !strings.Contains(d.Why, "height 9") {
		t.Errorf("held, and one more: %s: %s", d.Code, d.Why)
	}
	s.state.Hold(0, failover.Change{Epoch: s.state.Epoch, Cause: failover.Operator})
	if d := judge(2); d.Code == failover.Fault || d.Code == failover.Held {
		t.Errorf("an operator resumed: %s: %s", d.Code, d.Why)
	}
	s.now = begin.Add(60 * time.Second)
	fork(20, 0)
	if d := judge(60); d.Code != failover.Fault || !strings.Contains(d.Why, "height 20") {
		t.Errorf("another one: %s: %s", d.Code, d.Why)
	}
	s = outScene()
	s.settings.Stock = nil
	fork(9, 1)
	if d := failover.NewJudge(s.settings).Judge(s.state, s.seen, s.now); d.Code == failover.Fault {
		t.Errorf("no node holds the key: %s", d.Why)
	}
}
