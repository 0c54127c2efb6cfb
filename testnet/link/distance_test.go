package link

import (
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const (
	pieces = 2000
	apace  = 10 * time.Millisecond // between two pieces
)

// arrivals are how long each of a number of pieces was on its way, in the order of their sending.
// Each says its number, so that one that overtakes another is noticed.
func arrivals(t *testing.T, d Distance) (all []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		caller, atCaller := net.Pipe()
		callee, atCallee := net.Pipe()
		var l Link
		l.Part(d)
		carried := make(chan struct{})
		go func() {
			defer close(carried)
			l.carry(t.Context(), &pair{atCaller, atCallee})
		}()
		start := time.Now()
		go func() {
			for i := range pieces {
				time.Sleep(time.Until(start.Add(time.Duration(i) * apace)))
				fmt.Fprintf(caller, "%05d", i)
			}
		}()
		for i := range pieces {
			piece := make([]byte, 5)
			if _, err := io.ReadFull(callee, piece); err != nil || string(piece) != fmt.Sprintf("%05d", i) {
				t.Fatalf("piece %d reads %q, %v", i, piece, err)
			}
			all = append(all, time.Since(start)-time.Duration(i)*apace)
		}
		caller.Close()
		callee.Close()
		<-carried
	})
	return all
}

// TestJitter: pieces take their delay, a part of it less or more, and with the same seed the same.
func TestJitter(t *testing.T) {
	const delay = 40 * time.Millisecond
	d := Distance{Delay: delay, Jitter: 0.05, Seed: 7}
	got := arrivals(t, d)
	least, most, sum := slices.Min(got), slices.Max(got), time.Duration(0)
	for _, took := range got {
		sum += took
	}
	if mean := sum / pieces; mean < 39*delay/40 || mean > 41*delay/40 {
		t.Errorf("%v on average", mean)
	}
	const shift = delay / 20
	if least < delay-shift || least > delay-shift/2 || most > delay+shift || most < delay+shift/2 {
		t.Errorf("from %v to %v, want %v and up to %v less or more", least, most, delay, shift)
	}
	if again := arrivals(t, d); !slices.Equal(got, again) {
		t.Error("the same seed gives other delays")
	}
	d.Seed++
	if other := arrivals(t, d); slices.Equal(got, other) {
		t.Error("another seed gives the same delays")
	}
}

// TestStall: what is lost comes late, what was sent behind it waits for it, and then all is as it
// was before.
func TestStall(t *testing.T) {
	const delay, stall, often = 40 * time.Millisecond, 200 * time.Millisecond, 0.01
	stalls := 0
	var ends time.Duration // when the last stall is over, from the first piece on
	for i, took := range arrivals(t, Distance{Delay: delay, Stall: stall, Lost: often, Seed: 7}) {
		sent := time.Duration(i) * apace
		switch {
		case took == delay+stall && sent+took > ends:
			stalls++
			ends = sent + took
		case sent+delay < ends: // behind one
			if sent+took != ends {
				t.Errorf("piece %d comes at %v; the one that was lost before it at %v", i, sent+took, ends)
			}
		case took != delay:
			t.Errorf("piece %d took %v, and none before it was lost", i, took)
		}
	}
	if want := int(pieces * often); stalls < want/3 || stalls > 2*want {
		t.Errorf("%d stalls in %d pieces, want about %d", stalls, pieces, want)
	}
}

// TestHandshake: what a caller says at once takes the two ways of the handshake longer.
func TestHandshake(t *testing.T) {
	const delay = 100 * time.Millisecond
	r := newRig(t)
	r.Part(Distance{Delay: delay})
	called := time.Now()
	again := r.dial()
	r.send(again, "x")
	r.wantReceived(r.accept(), "x")
	if took := time.Since(called); took < 3*delay {
		t.Errorf("it came after %v, want three times %v", took, delay)
	}
}
