package timing

import (
	"math"
	"testing"
	"time"
)

func TestPatience(t *testing.T) {
	for _, c := range []struct {
		story       string
		usual, want time.Duration
	}{
		{"was never asked", 0, 20 * ms},
		{"same host", ms, 20 * ms},
		{"same town", 6 * ms, 24 * ms},
		{"30 ms apart", 30 * ms, 120 * ms},
		{"80 ms apart, so a share of 95 ms is none too late", 80 * ms, 120 * ms},
		{"100 ms apart, no rival could be in time", 100 * ms, 150 * ms},
		{"200 ms apart", 200 * ms, 300 * ms},
		{"overloaded, or hostile", 2 * time.Second, 300 * ms},
		{"no number that anything takes", math.MaxInt64, 300 * ms},
		{"nor this", -ms, 20 * ms},
	} {
		if got := Patience(c.usual); got != c.want {
			t.Errorf("%s: %v, want %v", c.story, got, c.want)
		}
	}
}

// TestPatienceLeavesRoom: up to 60 ms, claim, patience and a rival's share fit into a node's 250
// ms. And up to the bound nobody gets a rival for being as quick as usual.
func TestPatienceLeavesRoom(t *testing.T) {
	last := time.Duration(0)
	for usual := time.Duration(0); usual < 2*mostPatience; usual += ms / 4 {
		got := Patience(usual)
		if got < last {
			t.Fatalf("%v: %v, and %v for a little less", usual, got, last)
		}
		if took := usual + got + usual; usual <= 60*ms && took > 250*ms {
			t.Errorf("%v: the rival's share comes after %v", usual, took)
		}
		if usual <= 200*ms && got < usual+usual/3 {
			t.Errorf("%v: a rival after %v", usual, got)
		}
		last = got
	}
}

func TestUsual(t *testing.T) {
	usual := Usual(0, 80*ms)
	if usual != 80*ms {
		t.Errorf("the first: %v", usual)
	}
	if usual = Usual(usual, 160*ms); usual != 90*ms {
		t.Errorf("a slow one: %v, want 90ms", usual)
	}
	for range 60 {
		usual = Usual(usual, 8*ms)
	}
	if usual < 7*ms || usual > 10*ms {
		t.Errorf("after many quick ones: %v", usual)
	}
}
