package failover_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"casper-cosigner/rule/failover"
)

// TestChangesAreCompareAndSet: of two changes against one epoch the second does nothing,
// and says so.
func TestChangesAreCompareAndSet(t *testing.T) {
	before := failover.Event{Epoch: 7, At: 1, What: "activate", Subject: "a", Cause: "silent", Reason: "before"}
	start := failover.State{Mode: failover.Hot, Active: "a", Epoch: 7, Since: 1, Cause: "silent", Reason: "before",
		Suspended: []string{"m"}, HoldUntil: 5, History: []failover.Event{before}}
	tests := []struct {
		name          string
		change        func(*failover.State, failover.Change) bool
		want          func(*failover.State)
		what, subject string
	}{
		{"activate", func(s *failover.State, c failover.Change) bool { return s.Activate("b", c) },
			func(s *failover.State) { s.Active = "b" }, "activate", "b"},
		{"the active one again", func(s *failover.State, c failover.Change) bool { return s.Activate("a", c) },
			func(*failover.State) {}, "activate", "a"},
		{"mode", func(s *failover.State, c failover.Change) bool { return s.SetMode(failover.Fenced, c) },
			func(s *failover.State) { s.Mode = failover.Fenced }, "mode", "fenced"},
		{"suspend", func(s *failover.State, c failover.Change) bool { return s.Suspend("a", true, c) },
			func(s *failover.State) { s.Suspended = []string{"a", "m"} }, "suspend", "a"},
		{"suspend twice", func(s *failover.State, c failover.Change) bool { return s.Suspend("m", true, c) },
			func(*failover.State) {}, "suspend", "m"},
		{"unsuspend", func(s *failover.State, c failover.Change) bool { return s.Suspend("m", false, c) },
			func(s *failover.State) { s.Suspended = []string{} }, "unsuspend", "m"},
		{"unsuspend one that is not", func(s *failover.State, c failover.Change) bool { return s.Suspend("z", false, c) },
			func(*failover.State) {}, "unsuspend", "z"},
		{"hold", func(s *failover.State, c failover.Change) bool { return s.Hold(failover.ForGood, c) },
			func(s *failover.State) { s.HoldUntil = 1<<63 - 1 }, "hold", ""},
		{"resume", func(s *failover.State, c failover.Change) bool { return s.Hold(0, c) },
			func(s *failover.State) { s.HoldUntil = 0 }, "resume", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start
			for _, epoch := range []uint64{0, 6, 8, 1 << 63} {
				if tt.change(&s, failover.Change{Epoch: epoch, Cause: "operator", Reason: "now", At: 2}) ||
					!reflect.DeepEqual(s, start) {
					t.Fatalf("epoch %d taken for 7: %+v", epoch, s)
				}
			}
			want := start
			tt.want(&want)
			want.Epoch, want.Since, want.Cause, want.Reason = 8, 2, "operator", "now"
			want.History = []failover.Event{before, {Epoch: 8, At: 2, What: tt.what, Subject: tt.subject, Cause: "operator",
				Reason: "now"}}
			if !tt.change(&s, failover.Change{Epoch: 7, Cause: "operator", Reason: "now", At: 2}) ||
				!reflect.DeepEqual(s, want) {
				t.Errorf("%+v, want %+v", s, want)
			}
			if !slices.Equal(start.Suspended, []string{"m"}) || !slices.Equal(start.History, []failover.Event{before}) {
				t.Errorf("a copy made before became %+v", start)
			}
		})
	}
}

// TestLastEpoch: a state of the last epoch there is, which a made-up snapshot may have, stays as it
// is: after the next it could not be read back.
func TestLastEpoch(t *testing.T) {
	s := failover.State{Mode: failover.Hot, Active: "a", Epoch: ^uint64(0)}
	if s.Activate("b", failover.Change{Epoch: s.Epoch}) || s.Active != "a" || s.Epoch != ^uint64(0) {
		t.Errorf("%+v", s)
	}
}

// TestHistory holds the history against a plain list of all changes, and copies made on the way
// against what they were.
func TestHistory(t *testing.T) {
	var s failover.State
	var all []failover.Event
	copies := map[int]failover.State{}
	for i := range 3 * failover.KeptEvents {
		copies[i] = s
		e := failover.Event{Epoch: uint64(i + 1), At: int64(i), What: "hold", Cause: "c", Reason: string(rune('a' + i%26))}
		s.Hold(1, failover.Change{Epoch: uint64(i), At: e.At, Cause: e.Cause, Reason: e.Reason})
		all = append(all, e)
		if want := all[max(0, len(all)-64):]; !slices.Equal(s.History, want) {
			t.Fatalf("after %d changes: %v, want %v", i+1, s.History, want)
		}
	}
	// Two ways on from one copy must not meet in one array.
	for i, c := range copies {
		one, two := c, c
		one.Hold(1, failover.Change{Epoch: uint64(i), Reason: "one"})
		two.Hold(1, failover.Change{Epoch: uint64(i), Reason: "two"})
		if want := all[max(0, i-64):i]; !slices.Equal(c.History, want) ||
			one.Reason != one.History[len(one.History)-1].Reason {
			t.Fatalf("the copy after %d changes has %v, want %v", i, c.History, want)
		}
	}
}

// TestSuspended holds the sorted list against a set, and copies made on the way against
// what they were.
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
	for m, want := range map[failover.Mode]string{0: "unknown", failover.Hot: "hot", failover.Fenced: "fenced",
		3: "unknown"} {
		if m.String() != want {
			t.Errorf("mode %d is called %q, want %q", m, m, want)
		}
	}
}
