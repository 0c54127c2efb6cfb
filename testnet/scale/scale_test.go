package main

import (
	"testing"
	"time"
)

// One validator alone waits for nobody: its signature takes the sum of its steps.
func TestOneAlone(t *testing.T) {
	c := Costs{Cores: 2, Sync: time.Millisecond, Lanes: 1, CPU: 10 * time.Millisecond, Hop: 4 * time.Millisecond}
	for _, s := range shapes() {
		// Admit 2, two entries 0.5 each, a share 2.5 and the sum 1.5; three syncs; two round trips.
		want := 7*time.Millisecond + 3*time.Millisecond + 8*time.Millisecond
		r := Reckon(c, s, 1, 1)
		if r.P50 != want || r.P99 != want || r.Late != 0 {
			t.Errorf("%s: %+v, want %v each", s.Name, r, want)
		}
	}
}

// A disk with one lane syncs files of n processes one after the other, and one file once for all.
func TestMergedSyncs(t *testing.T) {
	c := Costs{Cores: 1000, Sync: time.Millisecond, Lanes: 1}
	apart, merged := Reckon(c, Shape{}, 300, 1), Reckon(c, Shape{Shared: true, Merged: true}, 300, 1)
	// Each host stores 100 entries as their leader and 200 as a follower, and writes 200 shares into
	// ledgers: the last is answered after some 500 syncs.
	if apart.P99 < 400*time.Millisecond || apart.Late == 0 {
		t.Errorf("apart: %+v", apart)
	}
	if merged.P99 > 6*time.Millisecond || merged.Late != 0 {
		t.Errorf("merged: %+v", merged)
	}
}

// Waiting slows down what is asked for, until it takes all.
func TestIdle(t *testing.T) {
	c := Costs{Cores: 2, CPU: 10 * time.Millisecond, Idle: 0.1, Timers: 0.5, Spread: time.Second, Lanes: 1}
	tests := []struct {
		shape   Shape
		n       int
		idle    float64
		drowned bool
	}{
		{Shape{}, 1, 0.1, false},
		{Shape{}, 20, 2, true},
		{Shape{Shared: true}, 20, 1.05, false},
	}
	for _, tt := range tests {
		r := Reckon(c, tt.shape, tt.n, 1)
		if diff := r.Idle - tt.idle; diff < -1e-9 || diff > 1e-9 || r.Drowned != tt.drowned {
			t.Errorf("%+v, %d validators: %+v", tt.shape, tt.n, r)
		}
	}
	quick, slow := Reckon(Costs{Cores: 2, CPU: c.CPU, Lanes: 1}, Shape{}, 1, 1), Reckon(c, Shape{}, 10, 1)
	if slow.P50 < 2*quick.P50 {
		t.Errorf("half the processor is left, and a signature takes %v in place of %v", slow.P50, quick.P50)
	}
}

// Most is the edge: there nobody is late, and a little further somebody is.
func TestMost(t *testing.T) {
	c := measured()
	for _, s := range shapes() {
		most := Most(c, s, 1)
		if most == 0 || Reckon(c, s, most, 1).Late != 0 {
			t.Errorf("%s: %d", s.Name, most)
		}
		if r := Reckon(c, s, most+1+most/50, 1); !r.Drowned && r.Late == 0 {
			t.Errorf("%s: more than %d fit", s.Name, most)
		}
	}
	c.CPU = time.Second
	if most := Most(c, Shape{}, 1); most != 0 {
		t.Errorf("a signature that takes a second: %d fit", most)
	}
}
