package world

import (
	"testing"
	"time"
)

// TestSites plays the worlds of other tests while the cosigners are at sites apart. From 80 ms on a
// node is often too late and has to ask again; what is due must come all the same.
func TestSites(t *testing.T) {
	const ms = time.Millisecond
	seeds := 25 // make hostile plays more
	if *seedsFlag > 0 {
		seeds = *seedsFlag
	}
	late := 0
	for _, c := range []struct {
		name  string
		sites *Sites
		later bool // more are late than nearer by
	}{
		{"5ms", Evenly(5 * ms), false},
		{"30ms", Evenly(30 * ms), false},
		{"30-80-80ms", Apart(30*ms, 80*ms, 80*ms), true},
		{"80ms", Evenly(80 * ms), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if *seedFlag >= 0 {
				playOne(t, Options{Sites: c.sites})
				return
			}
			sum := playAll(t, seeds, Options{Sites: c.sites})
			t.Logf("%d seeds: %v", seeds, sum)
			if c.later && sum[Late] <= late {
				t.Errorf("%d requests are late, and %d nearer by", sum[Late], late)
			}
			if !c.later {
				late = sum[Late]
			}
		})
	}
}

// TestApart: a message takes half the round trip between the sites of its two ends, a little more
// or less, and one in many takes the longer for being lost.
func TestApart(t *testing.T) {
	const near, far, draws = 30 * time.Millisecond, 80 * time.Millisecond, 20_000
	w := newWorld(1, Options{Sites: Apart(near, far, far), Plan: calm()})
	for _, c := range []struct {
		from, to int
		trip     time.Duration
	}{
		{nodeCount, nodeCount + 1, near}, {nodeCount + 2, nodeCount, far}, {nodeCount + 1, nodeCount + 2, far},
		{mainHost, nodeCount, 0}, {mainHost, nodeCount + 1, near}, {nodeCount + 2, mainHost, far},
		{standbyHost, nodeCount + 1, 0}, {standbyHost, nodeCount, near},
		{mainHost, standbyHost, 0}, {mainHost, firstForeign, 0}, {firstForeign, nodeCount, 0},
	} {
		least, most, lost := time.Hour, time.Duration(0), 0
		for range draws {
			way := w.apart(c.from, c.to)
			if way >= resend {
				lost++
				way -= resend
			}
			least, most = min(least, way), max(most, way)
		}
		way, shift := c.trip/2, c.trip/2/sway
		if least < way-shift || most > way+shift || c.trip > 0 && (least > way-shift/2 || most < way+shift/2) {
			t.Errorf("from host %d to %d: %v to %v, want about %v", c.from, c.to, least, most, way)
		}
		if want := draws / resendRare; c.trip > 0 && (lost < want/2 || lost > 2*want) || c.trip == 0 && lost > 0 {
			t.Errorf("from host %d to %d: %d of %d were lost", c.from, c.to, lost, draws)
		}
	}
}
