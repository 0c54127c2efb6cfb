// Package clock is when a cosigner's process must end because its host's clock jumped.
//
// A virtual machine that was put back to a snapshot with its memory does not know it: it runs on
// with a log that lacks what it signed since. But sooner or later its wall clock is set, by seconds
// to years, while the monotonic clock of the process goes on. So whoever sees its wall clock jump
// ends, and starts anew: then the others compare what its directory holds with the highest that
// they ever saw of it. Until then it gives no shares.
//
// A time server that steps the clocks of all hosts looks the same on each. So those that jumped
// tell each other, and end one after the other, in the order of their shares, each once the one
// before is back; and as long as the others are too few to sign without them, they sign on.
//
// It promises that a jump ends the process in bounded time, whatever the others say or leave
// unsaid; that a member which jumped alone gives no shares from then on; and that of members which
// hear each other no two end at once. What slews a clock, a leap second, and a pause of the process
// are no jumps.
//
// It leaves to others: reading the clocks so that both are of one instant, carrying words
// (statedir, peer), to keep shares back (cosigner), to end the process and start it again (daemon,
// the unit). A machine whose clock is never set is found out by its peers alone (statedir).
package clock

import (
	"fmt"
	"time"
)

const (
	// Jump is by how much the wall clock may move against the monotonic one between two looks. A leap
	// second is one; time servers that slew move both clocks alike, or by some hundred parts in a
	// million.
	Jump = 5 * time.Second
	// slew is the part of the time between two looks that the two clocks may drift apart besides.
	slew = 1000
	// patience is how long a member waits for each of those whose shares come before its own, and for
	// itself: a start, and what a cosigner waits for before it gives shares.
	patience = 40 * time.Second
)

// Reading is both clocks of a host at one instant.
type Reading struct {
	Wall time.Time
	Mono time.Duration // since any instant; it never jumps, and stands still while the machine sleeps
}

// Settings are what holds for one cosigner.
type Settings struct {
	Share        int           // its number
	Threshold    int           // shares that a signature takes
	PingInterval time.Duration // within which each hears of each other one
}

// away is how long a member has not been heard of that is not there.
func (s Settings) away() time.Duration { return 2*s.PingInterval + time.Second }

// settle is how long a member that jumped hears the others before it ends: who ended just before
// the jump, and is not back, is known to be away by then.
func (s Settings) settle() time.Duration { return s.away() + 2*time.Second }

// Other is what another cosigner showed last.
type Other struct {
	Share  int
	Jumped bool          // its clock jumped, and its process goes on
	Ready  bool          // it gives shares
	Age    time.Duration // since it was heard
}

// Judgement is what a look came to. All of it is false before a jump.
type Judgement struct {
	Jumped bool          // to be told to the others
	By     time.Duration // by how much the wall clock moved on its own, at the first jump
	// KeepBack says that no shares are to be given: this one may run on a state that is not its last,
	// and nobody's signature depends on it.
	KeepBack bool
	End      bool // now
}

// Why says what happened.
func (j Judgement) Why() string {
	return fmt.Sprintf("the wall clock of this host jumped by %v: it was asleep, its clock was set, or the machine was "+
		"put back to a snapshot and does not know what it signed since", j.By.Round(time.Millisecond))
}

// Watch looks at a host's clocks. New makes one. It is not for concurrent use.
type Watch struct {
	Settings
	last   Reading
	jumped bool
	by     time.Duration
	at     time.Duration         // of the jump, monotonic
	others map[int]time.Duration // by share: jumped, and not back and ready yet; when that was first heard
}

// New returns a Watch that has seen nothing yet.
func New(s Settings) *Watch { return &Watch{Settings: s, others: map[int]time.Duration{}} }

// Look takes in the clocks, and what the other cosigners showed last.
func (w *Watch) Look(now Reading, others []Other) Judgement {
	if w.last != (Reading{}) && !w.jumped {
		by := now.Wall.Sub(w.last.Wall) - (now.Mono - w.last.Mono)
		if by.Abs() > Jump+(now.Mono-w.last.Mono)/slew {
			w.jumped, w.by, w.at = true, by, now.Mono
		}
	}
	w.last = now
	w.hear(now.Mono, others)
	if !w.jumped {
		return Judgement{}
	}
	alone := true
	for _, o := range others {
		alone = alone && !w.company(o, now.Mono, others)
	}
	j := Judgement{Jumped: true, By: w.by, End: w.end(now.Mono, others)}
	j.KeepBack = alone || w.free(others) >= w.Threshold
	return j
}

// hear notes who jumped, and who is back.
func (w *Watch) hear(now time.Duration, others []Other) {
	for _, o := range others {
		if _, known := w.others[o.Share]; o.Jumped && !known {
			w.others[o.Share] = now
		} else if !o.Jumped && o.Ready {
			delete(w.others, o.Share)
		}
	}
}

// company reports whether another one jumped and is not back yet. One that stays away for longer
// than it takes all is none.
func (w *Watch) company(o Other, now time.Duration, others []Other) bool {
	since, jumped := w.others[o.Share]
	return jumped && now-since <= time.Duration(1+len(others))*patience
}

// free returns how many of the others did not jump, or are back, and give shares.
func (w *Watch) free(others []Other) (n int) {
	for _, o := range others {
		if _, jumped := w.others[o.Share]; !jumped && o.Ready && o.Age <= w.away() {
			n++
		}
	}
	return n
}

// end reports whether it is this member's turn to end, or has been long enough. How long that is
// differs, so that those who wait for the same silent one do not end together.
func (w *Watch) end(now time.Duration, others []Other) bool {
	waited := now - w.at
	if waited < w.settle() {
		return false
	}
	if waited >= time.Duration(w.Share)*patience {
		return true
	}
	for _, o := range others {
		if w.company(o, now, others) && (o.Share < w.Share || o.Age > w.away()) {
			return false
		}
	}
	return true
}
