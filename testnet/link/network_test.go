package link

import "testing"

// A cut link between two members holds up the calls of one of them only; those of the other have a
// link of their own.
func TestOneWay(t *testing.T) {
	there, back := &Link{From: "c1", To: "c2"}, &Link{From: "c2", To: "c1"}
	other := &Link{From: "node-a", To: "c1"}
	n := &Network{Links: []*Link{there, back, other}}
	for _, test := range []struct {
		members []string
		oneWay  bool
		want    []*Link
	}{
		{[]string{"c1", "c2"}, true, []*Link{there}},
		{[]string{"c1", "c2"}, false, []*Link{there, back}},
		{[]string{"c1"}, false, []*Link{there, back, other}},
		{[]string{"node-b"}, false, nil},
	} {
		got := n.Of(test.members, test.oneWay)
		if len(got) != len(test.want) {
			t.Fatalf("%v, one way %v: %d links, want %d", test.members, test.oneWay, len(got), len(test.want))
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%v, one way %v: link %d is from %s to %s", test.members, test.oneWay, i, got[i].From, got[i].To)
			}
		}
	}
}
