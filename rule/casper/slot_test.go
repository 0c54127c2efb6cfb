package casper

import "testing"

func TestSlots(t *testing.T) {
	r := Round{Chainspec: Hash{1}, Era: 12, KeyBlock: Hash{2}, ID: 3, Validator: 4}
	with := func(edit func(*Round)) Round {
		e := r
		edit(&e)
		return e
	}
	echo := Echo{Round: r, Proposal: Hash{5}}
	yes, no := Vote{Round: r, Value: true}, Vote{Round: r, Value: false}
	final := Finality{Block: Hash{6}, Height: 266, Era: 12, ChainName: Hash{7}}
	tests := []struct {
		name        string
		a, b        Message
		slot, agree bool // same slot, same digest
	}{
		{"same echo", echo, Echo{Round: r, Proposal: Hash{5}}, true, true},
		{"other proposal", echo, Echo{Round: r, Proposal: Hash{9}}, true, false},
		{"same vote", yes, Vote{Round: r, Value: true}, true, true},
		{"vote true and false", yes, no, true, false},
		{"echo and vote true", echo, yes, false, false},
		{"echo and vote false", echo, no, false, false},
		{"other round", yes, Vote{with(func(r *Round) { r.ID++ }), true}, false, false},
		{"other validator index", yes, Vote{with(func(r *Round) { r.Validator++ }), true}, false, false},
		{"other era", yes, Vote{with(func(r *Round) { r.Era++ }), true}, false, false},
		{"other key block", yes, Vote{with(func(r *Round) { r.KeyBlock[31]++ }), true}, false, false},
		{"other chainspec", yes, Vote{with(func(r *Round) { r.Chainspec[31]++ }), true}, false, false},
		{"same finality", final, Finality{Hash{6}, 266, 12, Hash{7}}, true, true},
		{"other block", final, Finality{Hash{9}, 266, 12, Hash{7}}, true, false},
		{"other era of the block", final, Finality{Hash{6}, 266, 13, Hash{7}}, true, false},
		{"other chain", final, Finality{Hash{6}, 266, 12, Hash{9}}, true, false},
		{"other height", final, Finality{Hash{6}, 267, 12, Hash{7}}, false, false},
		{"finality and vote", final, yes, false, false},
		{"by pointer", yes, &yes, true, true},
		{"embedded", yes, struct{ Vote }{no}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, okA := SlotOf(tt.a)
			b, okB := SlotOf(tt.b)
			if !okA || !okB {
				t.Fatal("a message has no slot")
			}
			if (a == b) != tt.slot {
				t.Errorf("slots %v and %v: equal is %v, want %v", a, b, a == b, tt.slot)
			}
			if agree := Digest(tt.a) == Digest(tt.b); agree != tt.agree {
				t.Errorf("digests equal is %v, want %v", agree, tt.agree)
			}
		})
	}
}

// TestOfHeight: a finality signature's slot is a height's, all others are a round's, and a
// handshake has none.
func TestOfHeight(t *testing.T) {
	for m, want := range map[Message]bool{Echo{}: false, Vote{}: false, Finality{}: true, Handshake{}: false} {
		slot, _ := SlotOf(m)
		if slot.OfHeight() != want || m.Kind().OfHeight() != want {
			t.Errorf("%v: %v and %v, want %v", m.Kind(), slot.OfHeight(), m.Kind().OfHeight(), want)
		}
	}
}

// TestNames: only a finality signature says of which chain it is, and only a handshake has a
// TLS point of ours.
func TestNames(t *testing.T) {
	for _, m := range []Message{Echo{}, Vote{}, Handshake{}} {
		if chain, ok := ChainOf(m); ok {
			t.Errorf("%v names chain %v", m, chain)
		}
	}
	if chain, ok := ChainOf(Finality{ChainName: Hash{1}}); !ok || chain != (Hash{1}) {
		t.Errorf("got %v, %v", chain, ok)
	}
	if own, ok := OwnPoint(Handshake{Our: TLSPoint{2}, Their: TLSPoint{3}}); !ok || own != (TLSPoint{2}) {
		t.Errorf("got %v, %v", own, ok)
	}
	if _, ok := OwnPoint(Echo{}); ok {
		t.Error("an echo has a TLS point")
	}
}

// TestValidSlot: the slots of messages are valid, and those that no message has are not.
func TestValidSlot(t *testing.T) {
	for _, m := range []Message{Echo{}, Vote{Round: Round{Era: 1, ID: 2, Validator: 3}}, Finality{Height: 4}} {
		slot, _ := SlotOf(m)
		if !slot.Valid() {
			t.Errorf("%v is not valid", slot)
		}
	}
	if SlotOfHeight(4) != (Slot{Kind: KindFinality, Height: 4}) {
		t.Errorf("got %v", SlotOfHeight(4))
	}
	for _, s := range []Slot{{}, {Kind: KindHandshake}, {Kind: 5}, {Kind: KindEcho, Height: 1},
		{Kind: KindVote, Height: 1},
		{Kind: KindFinality, Era: 1}, {Kind: KindFinality, Round: 1}, {Kind: KindFinality, Validator: 1},
		{Kind: KindFinality, Instance: Hash{1}}} {
		if s.Valid() {
			t.Errorf("%+v is valid", s)
		}
	}
}

func TestSlotFields(t *testing.T) {
	r := Round{Chainspec: Hash{1}, Era: 12, KeyBlock: Hash{2}, ID: 3, Validator: 4}
	tests := []struct {
		m    Message
		want Slot
	}{
		{Echo{Round: r}, Slot{Kind: KindEcho, Era: 12, Instance: r.Instance(), Validator: 4, Round: 3}},
		{Vote{Round: r}, Slot{Kind: KindVote, Era: 12, Instance: r.Instance(), Validator: 4, Round: 3}},
		{Finality{Height: 266, Era: 12}, Slot{Kind: KindFinality, Height: 266}},
	}
	for _, tt := range tests {
		if have, ok := SlotOf(tt.m); !ok || have != tt.want {
			t.Errorf("slot of %v: have %+v, %v, want %+v", tt.m.Kind(), have, ok, tt.want)
		}
	}
	if slot, ok := SlotOf(Handshake{}); ok || slot != (Slot{}) {
		t.Errorf("slot of handshake: have %+v, %v", slot, ok)
	}
}

func TestSlotOfNil(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a nil message passed for slotless")
		}
	}()
	SlotOf(nil)
}

func TestSlotString(t *testing.T) {
	tests := map[string]Slot{
		"echo era 12 round 3 instance 7d9f81ac/2": {Kind: KindEcho, Era: 12, Round: 3, Instance: Hash{0x7d, 0x9f, 0x81, 0xac},
			Validator: 2},
		"vote era 1 round 0 instance 00000000/0": {Kind: KindVote, Era: 1},
		"finality height 266":                    {Kind: KindFinality, Height: 266},
		"no slot (handshake)":                    {Kind: KindHandshake},
		"no slot (kind(0))":                      {},
	}
	for want, slot := range tests {
		if have := slot.String(); have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}
