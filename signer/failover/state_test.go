package failover_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"casper-cosigner/signer/failover"
)

// TestChangesAreCompareAndSet: of two changes against one epoch the second does nothing, and says so.
func TestChangesAreCompareAndSet(t *testing.T) {
	start := failover.State{Mode: failover.Hot, Active: "a", Epoch: 7, Since: 1, Reason: "before", Suspended: []string{"m"}}
	tests := []struct {
		name   string
		change func(*failover.State, failover.Change) bool
		want   failover.State
	}{
		{"activate", func(s *failover.State, c failover.Change) bool { return s.Activate("b", c) },
			failover.State{Mode: failover.Hot, Active: "b", Epoch: 8, Since: 2, Reason: "now", Suspended: []string{"m"}}},
		{"the active one again", func(s *failover.State, c failover.Change) bool { return s.Activate("a", c) },
			failover.State{Mode: failover.Hot, Active: "a", Epoch: 8, Since: 2, Reason: "now", Suspended: []string{"m"}}},
		{"mode", func(s *failover.State, c failover.Change) bool { return s.SetMode(failover.Fenced, c) },
			failover.State{Mode: failover.Fenced, Active: "a", Epoch: 8, Since: 2, Reason: "now", Suspended: []string{"m"}}},
		{"suspend", func(s *failover.State, c failover.Change) bool { return s.Suspend("a", true, c) },
			failover.State{Mode: failover.Hot, Active: "a", Epoch: 8, Since: 2, Reason: "now", Suspended: []string{"a", "m"}}},
		{"suspend twice", func(s *failover.State, c failover.Change) bool { return s.Suspend("m", true, c) },
			failover.State{Mode: failover.Hot, Active: "a", Epoch: 8, Since: 2, Reason: "now", Suspended: []string{"m"}}},
		{"resume", func(s *failover.State, c failover.Change) bool { return s.Suspend("m", false, c) },
			failover.State{Mode: failover.Hot, Active: "a", Epoch: 8, Since: 2, Reason: "now", Suspended: []string{}}},
		{"resume one that is not suspended", func(s *failover.State, c failover.Change) bool { return s.Suspend("z", false, c) },
			failover.State{Mode: failover.Hot, Active: "a", Epoch: 8, Since: 2, Reason: "now", Suspended: []string{"m"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start
			for _, epoch := range []uint64{0, 6, 8, 1 << 63} {
				if tt.change(&s, failover.Change{Epoch: epoch, Reason: "now", At: 2}) || !reflect.DeepEqual(s, start) {
					t.Fatalf("epoch %d taken for 7: %+v", epoch, s)
				}
			}
			if !tt.change(&s, failover.Change{Epoch: 7, Reason: "now", At: 2}) || !reflect.DeepEqual(s, tt.want) {
				t.Errorf("%+v, want %+v", s, tt.want)
			}
			if !slices.Equal(start.Suspended, []string{"m"}) {
				t.Errorf("a copy made before lists %v", start.Suspended)
			}
		})
	}
}

// TestSuspended holds the sorted list against a set, and copies made on the way against what they were.
func TestSuspended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s, copied failover.State
		var was []string
		set, nodes := map[string]bool{}, []string{"", "a", "b", "c", "d"}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			node, suspended := rapid.SampledFrom(nodes).Draw(t, "node"), rapid.Bool().Draw(t, "suspended")
			s.Suspend(node, suspended, failover.Change{Epoch: s.Epoch})
			set[node] = suspended
			if rapid.Bool().Draw(t, "copy") {
				copied, was = s, slices.Clone(s.Suspended)
			}
		}
		for _, node := range nodes {
			if s.IsSuspended(node) != set[node] {
				t.Fatalf("%q: suspended %v, want %v", node, s.IsSuspended(node), set[node])
			}
		}
		if !slices.IsSorted(s.Suspended) || len(slices.Compact(slices.Clone(s.Suspended))) != len(s.Suspended) {
			t.Fatalf("not a sorted set: %v", s.Suspended)
		}
		if !slices.Equal(copied.Suspended, was) {
			t.Fatalf("a copy of %v became %v", was, copied.Suspended)
		}
	})
}

func TestModeString(t *testing.T) {
	for m, want := range map[failover.Mode]string{0: "unknown", failover.Hot: "hot", failover.Fenced: "fenced", 3: "unknown"} {
		if m.String() != want {
			t.Errorf("mode %d is called %q, want %q", m, m, want)
		}
	}
}
