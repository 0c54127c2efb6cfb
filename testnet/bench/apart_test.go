package main

import (
	"slices"
	"testing"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/link"
)

// TestPlace: agents come to the sites that a row is about, and only what leaves a site takes time.
func TestPlace(t *testing.T) {
	const near, far, lost = 30 * time.Millisecond, 80 * time.Millisecond, 0.25
	long := func(rtt time.Duration) link.Distance {
		return link.Distance{Delay: rtt / 2, Jitter: jitter, Stall: stall, Lost: lost}
	}
	for _, c := range []struct {
		unled, leader string
		beside        bool
		main, standby string
		toC1, toC3    link.Distance // from main's agent
	}{
		{leader: "c3", beside: true, main: "c3", standby: "c1", toC1: long(far)},
		{leader: "c1", main: "c2", standby: "c1", toC1: long(near), toC3: long(far)},
		{leader: "c2", unled: "c3", beside: true, main: "c2", standby: "c1", toC1: long(near), toC3: long(far)},
		{leader: "c2", unled: "c1", main: "c3", standby: "c2", toC1: long(far)},
	} {
		a := &apart{bench: &bench{cluster: &testnet.Cluster{}}, network: &link.Network{}, sites: map[string]string{},
			scene: scene{rtt: remote("c3", near, far), unled: c.unled}}
		for _, name := range []string{"c1", "c2", "c3"} {
			a.cluster.Cosigners = append(a.cluster.Cosigners, &testnet.Process{Name: name})
		}
		a.place(row{beside: c.beside}, c.leader)
		if a.sites[testnet.Main] != c.main || a.sites[testnet.Standby] != c.standby {
			t.Errorf("%+v: the agents are at %v", c, a.sites)
		}
		if got := a.between(testnet.Main, "c1", lost); got != c.toC1 {
			t.Errorf("%+v: from main to c1 %+v", c, got)
		}
		if got := a.between(testnet.Main, "c3", lost); got != c.toC3 {
			t.Errorf("%+v: from main to c3 %+v", c, got)
		}
	}
	if d := evenly(far); d("c1", "c1") != 0 || d("c1", "c2") != far {
		t.Error("sites that are evenly apart are not")
	}
}

// TestLateAnswers: whatever is not signed in time is late, and counted with what it was answered.
func TestLateAnswers(t *testing.T) {
	s := &answers{instead: map[string]int{}}
	s.add(testnet.Answer{Kind: testnet.Signed, Took: time.Millisecond}, 0)
	s.add(testnet.Answer{Kind: testnet.Signed, Took: 251 * time.Millisecond}, 251*time.Millisecond)
	s.add(testnet.Answer{Kind: testnet.Unknown, Reason: "Unavailable", Took: 2 * time.Millisecond}, time.Second)
	if len(s.took) != 3 || !slices.Equal(s.again, testnet.Latencies{251 * time.Millisecond, time.Second}) ||
		s.instead["signed"] != 1 || s.instead["unknown Unavailable"] != 1 {
		t.Errorf("%+v", s)
	}
}

// TestScenes: the counts that the goals are set for.
func TestScenes(t *testing.T) {
	var counts []int
	for _, scenes := range (&bench{options: options{apart: 1000}}).scenes() {
		for _, s := range scenes {
			for _, r := range s.rows {
				counts = append(counts, r.count)
			}
		}
	}
	if want := []int{1000, 300, 200, 200, 200, 200, 200, 200}; !slices.Equal(counts, want) {
		t.Errorf("the rows have %v requests, want %v", counts, want)
	}
}
