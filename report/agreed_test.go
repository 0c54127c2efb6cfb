package report

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
)

// stating is the answer of a cosigner.
func stating(name, leader string, newest, applied uint64) Answer {
	return Answer{Name: name, Status: &cosignerv1.StatusResponse{Leader: leader, Term: 1, AppliedIndex: applied,
		Newest: &cosignerv1.Mark{Height: newest}}}
}

// TestNamed: the leader is whom more than half of all name, whatever term one makes up.
func TestNamed(t *testing.T) {
	liar := stating("c3", "c3", 9, 9)
	liar.Status.Term = 1000
	silent := Answer{Name: "c4"}
	for name, tt := range map[string]struct {
		answers       []Answer
		named, leader int
	}{
		"all agree":        {[]Answer{stating("c1", "c2", 9, 9), stating("c2", "c2", 9, 9), stating("c3", "c2", 9, 9)}, 1, 1},
		"one makes it up":  {[]Answer{stating("c1", "c2", 9, 9), stating("c2", "c2", 9, 9), liar}, 1, 1},
		"half of them":     {[]Answer{stating("c1", "c2", 9, 9), stating("c2", "c2", 9, 9), liar, silent}, -1, 2},
		"it denies it":     {[]Answer{stating("c1", "c2", 9, 9), at("c2", 9, 9), stating("c3", "c2", 9, 9)}, -1, -1},
		"nobody is there":  {[]Answer{silent}, -1, -1},
		"two of three up":  {[]Answer{stating("c1", "c1", 9, 9), stating("c2", "c1", 9, 9), {Name: "c3"}}, 0, 0},
		"one of three up":  {[]Answer{stating("c1", "c1", 9, 9), {Name: "c2"}, {Name: "c3"}}, -1, 0},
		"nobody is leader": {[]Answer{at("c1", 9, 9), at("c2", 9, 9), {Name: ""}}, -1, -1},
	} {
		if named, leader := Named(tt.answers), Leader(tt.answers); named != tt.named || leader != tt.leader {
			t.Errorf("%s: %d and %d, want %d and %d", name, named, leader, tt.named, tt.leader)
		}
	}
}

// at is stating of one that does not say who leads.
func at(name string, newest, applied uint64) Answer { return stating(name, "", newest, applied) }

// holding is the answer of a cosigner whose ledger holds these heights, none below from.
func holding(name string, applied, from uint64, heights ...uint64) Answer {
	a := stating(name, "c1", 9, applied)
	seen := watermark.NewSeen(from, slices.Values(heights))
	a.Status.Floor, a.Status.First = &cosignerv1.Mark{Height: 3}, &cosignerv1.Mark{Era: 1, Height: 2}
	a.Status.Seen = &cosignerv1.HeightsSeen{From: seen.From, Bits: []byte(seen.Bits)}
	return a
}

// TestAgreed: a height counts as bound if as many ledgers hold it as sign, whatever logs say. Fewer
// than the threshold cannot have how the log stands taken for agreed on.
func TestAgreed(t *testing.T) {
	a, b, c := holding("c1", 50, 5, 5, 6, 9), holding("c2", 52, 5, 5, 6, 9), holding("c3", 51, 5, 5, 6, 9)
	ahead, above, pruned := holding("c2", 1<<60, 5, 5, 6, 9), holding("c2", 50, 5, 11), holding("c2", 52, 7, 9)
	edit := func(a Answer, edit func(*cosignerv1.StatusResponse)) Answer {
		a.Status = proto.Clone(a.Status).(*cosignerv1.StatusResponse)
		edit(a.Status)
		return a
	}
	named := func(name string, a Answer) Answer {
		a.Name = name
		return a
	}
	noLedger := edit(b, func(s *cosignerv1.StatusResponse) { s.Seen = nil })
	madeUp := edit(b, func(s *cosignerv1.StatusResponse) { s.Newest.Height = 99 }) // in the log alone
	reset := edit(c, func(s *cosignerv1.StatusResponse) { s.Resets, s.LedgerResets = 1, 1 })
	behind := edit(b, func(s *cosignerv1.StatusResponse) { s.LedgerResets = 7 })
	wild := edit(c, func(s *cosignerv1.StatusResponse) { s.Seen.From, s.Seen.Bits = 0, bytes.Repeat([]byte{255}, 1<<16) })
	high := edit(c, func(s *cosignerv1.StatusResponse) { s.Seen.From = ^uint64(0) })
	floor := edit(c, func(s *cosignerv1.StatusResponse) { s.Floor.Height++ })
	for name, tt := range map[string]struct {
		answers []Answer
		from    uint64
		heights []uint64
		fewer   int
		index   uint64
		ok      bool
	}{
		"alike":               {[]Answer{a, b, c}, 5, []uint64{5, 6, 9}, 0, 51, true},
		"an index ahead":      {[]Answer{a, ahead, {}}, 5, []uint64{5, 6, 9}, 0, 50, true},
		"one holds less":      {[]Answer{a, b, holding("c3", 51, 5, 6)}, 5, []uint64{5, 6, 9}, 0, 51, true},
		"one holds more":      {[]Answer{a, b, holding("c3", 51, 5, 7, 9)}, 5, []uint64{5, 6, 9}, 1, 51, true},
		"bound in one":        {[]Answer{a, holding("c2", 52, 5), holding("c3", 51, 5)}, 5, nil, 3, 51, true},
		"bound in one of two": {[]Answer{a, holding("c2", 52, 5, 6), {}}, 5, []uint64{6}, 2, 50, true},
		"only logs show it": {[]Answer{named("c1", madeUp), madeUp, holding("c3", 51, 5)}, 5, []uint64{5, 6, 9}, 0, 52,
			true},
		"above the last":               {[]Answer{above, named("c1", above), {}}, 5, nil, 0, 50, true},
		"one has pruned":               {[]Answer{a, b, holding("c3", 51, 8, 9)}, 5, []uint64{5, 6, 9}, 0, 51, true},
		"two have pruned":              {[]Answer{a, pruned, holding("c3", 51, 8, 9)}, 7, []uint64{9}, 0, 51, true},
		"one says all heights":         {[]Answer{a, b, wild}, 5, []uint64{5, 6, 9}, 3, 51, true},
		"one says that all are pruned": {[]Answer{a, b, high}, 5, []uint64{5, 6, 9}, 0, 51, true},
		"one is up":                    {[]Answer{a, {}, {}}, 0, nil, 0, 0, false},
		"one tells of no ledger":       {[]Answer{a, noLedger, {}}, 0, nil, 0, 0, false},
		"one has not followed":         {[]Answer{a, behind, {}}, 0, nil, 0, 0, false},
		"of other resets":              {[]Answer{a, reset, {}}, 0, nil, 0, 0, false},
		"of another floor":             {[]Answer{a, floor, {}}, 0, nil, 0, 0, false},
	} {
		h, index, ok := Agreed(tt.answers, 2, Range{From: 5, To: 10})
		if ok != tt.ok || ok && (index != tt.index || h.Seen != watermark.NewSeen(tt.from, slices.Values(tt.heights)) ||
			h.Fewer != tt.fewer || h.Floor != 3 || h.First != watermark.Mark{Era: 1, Height: 2}) {
			t.Errorf("%s: %+v, %v, at %d, %v", name, h, slices.Collect(h.Seen.All()), index, ok)
		}
	}
	two := []Answer{a, b, reset, named("c4", reset), named("c5", reset)}
	if h, _, ok := Agreed(two, 3, Range{From: 5, To: 10}); !ok || h.Resets != 1 {
		t.Errorf("of five, three after a reset: %+v, %v", h, ok)
	}
	// Of five, four sign. Were two ledgers enough, one that lies and one that holds a height alone
	// would do, and the three others could sign another value.
	five := []Answer{a, b, holding("c3", 50, 5, 5), holding("c4", 50, 5, 5), {}}
	h, _, ok := Agreed(five, 4, Range{From: 5, To: 10})
	if !ok || !slices.Equal(slices.Collect(h.Seen.All()), []uint64{5}) || h.Fewer != 2 {
		t.Errorf("four of five: %+v, %v", h, ok)
	}
	if _, _, ok := Agreed(five[1:], 4, Range{From: 5, To: 10}); ok {
		t.Error("three ledgers of four that sign")
	}
	each := map[string]watermark.Seen{}
	for name, s := range h.Ledgers.All() {
		each[name] = s
	}
	if len(each) != 4 || each["c3"] != SeenBy(five[2]) || each["c1"] != SeenBy(a) {
		t.Errorf("of the ledgers: %+v", each)
	}
	if h, _, _ := Agreed(five, 3, Range{From: 5, To: 10}); h.Seen.Len() != 1 || h.Fewer != 2 {
		t.Errorf("three of five sign, and two ledgers hold two of three: %+v", h)
	}
}
