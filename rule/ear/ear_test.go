package ear

import (
	"strings"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

// TestHeard: what is noted, what is refused, and what the others are told of it.
func TestHeard(t *testing.T) {
	now := noon
	e := New(failover.Settings{Nodes: []string{"a", "b"}, After: 10 * time.Second})
	if err := e.Heard("c", &cosignerv1.PingRequest{}, now); err == nil {
		t.Error("a node that is not in the cluster file pinged")
	}
	flood := &cosignerv1.PingRequest{Health: &cosignerv1.NodeHealth{StatusError: strings.Repeat("x", MaxPing)}}
	if err := e.Heard("a", flood, now); err == nil {
		t.Error("a flood was taken")
	}
	if got := e.Report(now); len(got.GetNodes()) != 0 {
		t.Errorf("got %v", got)
	}
	told := &cosignerv1.PingRequest{Health: &cosignerv1.NodeHealth{Peers: 3}, Reach: []*cosignerv1.Reach{{Name: "b"}}}
	if err := e.Heard("a", told, now); err != nil {
		t.Fatal(err)
	}
	now = now.Add(1500 * time.Millisecond)
	got := e.Report(now)
	if len(got.GetNodes()) != 1 || got.GetListeningMs() != 1500 {
		t.Fatalf("got %v", got)
	}
	n := got.GetNodes()[0]
	if n.GetName() != "a" || n.GetHeardAgoMs() != 1500 || n.GetHealth().GetPeers() != 3 || len(n.GetReach()) != 1 {
		t.Errorf("got %v", n)
	}
	now = now.Add(10 * time.Second)
	if err := e.Heard("b", &cosignerv1.PingRequest{}, now); err != nil {
		t.Fatal(err)
	}
	if got := e.Report(now); got.GetListeningMs() != 0 || len(got.GetNodes()) != 1 {
		t.Errorf("after a pause it has listened for %d ms, and heard %v", got.GetListeningMs(), got.GetNodes())
	}
	now = now.Add(Settle)
	if err := e.Heard("b", &cosignerv1.PingRequest{}, now); err != nil || len(e.Report(now).GetNodes()) != 2 {
		t.Errorf("%v, and of b nothing was noted", err)
	}
}

// TestSigning: since when signatures can be made counts anew after each time in which
// they could not.
func TestSigning(t *testing.T) {
	e := New(twoOfThree)
	for second, c := range []struct {
		signs bool
		since int // seconds after noon; -1: not now
	}{{true, 0}, {true, 0}, {false, -1}, {true, 3}, {true, 3}} {
		now := noon.Add(time.Duration(second) * time.Second)
		o, _ := e.Observe([]Told{tells(now, 0)}, Here{Now: now, Signs: c.signs})
		want := time.Time{}
		if c.since >= 0 {
			want = noon.Add(time.Duration(c.since) * time.Second)
		}
		if !o.Signing.Equal(want) {
			t.Errorf("after %d s: since %v, want %v", second, o.Signing, want)
		}
	}
}

// TestBound: a round counts from when it was first seen bound, whatever height is bound meanwhile.
func TestBound(t *testing.T) {
	e := New(twoOfThree)
	for second, c := range []struct {
		bound failover.Place
		since int
	}{
		{failover.Place{}, 0}, {failover.Place{}, 0},
		{failover.Place{Era: 1, Round: 1, Height: 9}, 2}, {failover.Place{Era: 1, Round: 1, Height: 10}, 2},
		{failover.Place{Era: 2, Round: 1, Height: 10}, 4}, {failover.Place{Era: 2, Round: 2, Height: 10}, 5},
	} {
		now := noon.Add(time.Duration(second) * time.Second)
		o, _ := e.Observe([]Told{tells(now, 0)}, Here{Now: now, Bound: c.bound})
		if want := noon.Add(time.Duration(c.since) * time.Second); o.Bound != c.bound || !o.BoundAt.Equal(want) {
			t.Errorf("after %d s: %+v since %v, want %v", second, o.Bound, o.BoundAt, want)
		}
	}
}
