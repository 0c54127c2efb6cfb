package report

import (
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
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

// TestAgreed: fewer than the threshold cannot have a height or an index taken for agreed on.
func TestAgreed(t *testing.T) {
	nine := Heights{Newest: 9}
	reset := stating("c3", "c1", 9, 50)
	reset.Status.Resets = 1
	for name, tt := range map[string]struct {
		answers []Answer
		want    Heights
		index   uint64
		ok      bool
	}{
		"alike":           {[]Answer{at("c1", 9, 50), at("c2", 9, 52), at("c3", 9, 51)}, nine, 51, true},
		"an index ahead":  {[]Answer{at("c1", 9, 50), at("c2", 9, 1<<60), {}}, nine, 50, true},
		"one is higher":   {[]Answer{at("c1", 9, 50), at("c2", 9, 52), at("c3", 99, 51)}, nine, 50, true},
		"all differ":      {[]Answer{at("c1", 9, 50), at("c2", 8, 52), at("c3", 7, 51)}, Heights{}, 0, false},
		"of other resets": {[]Answer{at("c1", 9, 50), reset, {}}, Heights{}, 0, false},
		"one is up":       {[]Answer{at("c1", 9, 50), {}, {}}, Heights{}, 0, false},
	} {
		if h, index, ok := Agreed(tt.answers, 2); h != tt.want || index != tt.index || ok != tt.ok {
			t.Errorf("%s: %+v at %d, %v", name, h, index, ok)
		}
	}
	two := []Answer{at("c1", 9, 50), at("c2", 9, 50), at("c3", 8, 50), at("c4", 8, 50)}
	if h, _, _ := Agreed(two, 2); h.Newest != 9 {
		t.Errorf("of two that enough state: %d", h.Newest)
	}
}
