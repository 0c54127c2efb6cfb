package casper

import "testing"

// TestBallots: what real validators signed is theirs as a ballot too, and no other ballot is.
func TestBallots(t *testing.T) {
	seen := 0
	for _, name := range []string{"node-1.jsonl", "node-2.jsonl"} {
		for _, l := range readVectors(t, name) {
			b, ok := BallotOf(l.message(t))
			if ok != (l.Kind == "zug") {
				t.Fatalf("%s: %v", l.Kind, ok)
			}
			if b.Signature = l.Signature; !ok {
				continue
			}
			seen++
			if b.Instance != l.InstanceID || !b.SignedBy(l.PublicKey) {
				t.Fatalf("%v is not signed by %v", b, l.PublicKey)
			}
			for _, change := range []func(*Ballot){
				func(b *Ballot) { b.Kind = KindEcho + KindVote - b.Kind }, func(b *Ballot) { b.Instance[0]++ },
				func(b *Ballot) { b.Validator++ }, func(b *Ballot) { b.Round++ }, func(b *Ballot) { b.Value[0] ^= 1 },
				func(b *Ballot) { b.Value[31]++ }, func(b *Ballot) { b.Signature[0]++ },
			} {
				o := b
				if change(&o); seen < 10 && o.SignedBy(l.PublicKey) {
					t.Fatalf("%v is signed as well", o)
				}
			}
		}
	}
	if seen < 600 {
		t.Errorf("only %d ballots", seen)
	}
}

func TestContradicts(t *testing.T) {
	round := Round{Era: 4, ID: 7, Validator: 2}
	other, index := round, round
	other.Era, index.Validator = 5, 3
	ballot := func(m Message) Ballot { b, _ := BallotOf(m); return b }
	yes, echo := ballot(Vote{round, true}), ballot(Echo{round, Hash{1}})
	again := yes
	again.Signature[0] = 1
	for _, c := range []struct {
		name string
		a, b Ballot
		want bool
	}{
		{"votes", yes, ballot(Vote{round, false}), true},
		{"echoes", echo, ballot(Echo{round, Hash{2}}), true},
		{"the same twice", yes, again, false},
		{"a vote and an echo", yes, echo, false},
		{"two eras", yes, ballot(Vote{other, false}), false},
		{"two validators", yes, ballot(Vote{index, false}), false},
	} {
		if c.a.Contradicts(c.b) != c.want || c.b.Contradicts(c.a) != c.want {
			t.Errorf("%s: want %v", c.name, c.want)
		}
	}
	if got := yes.String(); got != "vote true, round 7 instance "+yes.Instance.String()[:8]+"/2" {
		t.Error(got)
	}
}

// TestBallotMessage: a ballot is turned back into its message by what its instance is made of, and
// by nothing else.
func TestBallotMessage(t *testing.T) {
	round := Round{Chainspec: Hash{1}, Era: 4, KeyBlock: Hash{2}, ID: 7, Validator: 2}
	known := Round{Chainspec: Hash{1}, Era: 4, KeyBlock: Hash{2}, ID: 99, Validator: 99}
	for _, m := range []Message{Echo{round, Hash{3}}, Vote{round, true}, Vote{round, false}} {
		b, _ := BallotOf(m)
		b.Signature[0] = 1
		if got, ok := b.Message(known); !ok || got != m {
			t.Errorf("%v became %v", m, got)
		}
		for name, change := range map[string]func(*Ballot, *Round){
			"another chainspec": func(_ *Ballot, r *Round) { r.Chainspec[0]++ },
			"another era":       func(_ *Ballot, r *Round) { r.Era++ },
			"another key block": func(_ *Ballot, r *Round) { r.KeyBlock[0]++ },
			"another instance":  func(b *Ballot, _ *Round) { b.Instance[0]++ },
			"another kind":      func(b *Ballot, _ *Round) { b.Kind = KindFinality },
		} {
			b, r := b, known
			change(&b, &r)
			if got, ok := b.Message(r); ok {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	b, _ := BallotOf(Vote{round, true})
	for _, value := range []Hash{{2}, {1, 1}, {0, 1}} {
		if b.Value = value; b.Value != (Hash{1}) {
			if got, ok := b.Message(known); ok {
				t.Errorf("a vote of %v became %v", value, got)
			}
		}
	}
}
