package report

import (
	"fmt"
	"time"
)

// How far apart cosigners may be for each timing, with some play for what is measured; see
// raftstore.Profile.
const (
	lanWithin    = 60 * time.Millisecond
	regionWithin = 110 * time.Millisecond // measured too
	wanWithin    = 220 * time.Millisecond
	wanFrom      = 80 * time.Millisecond // nearer, wan costs seconds of each failover for nothing

	// A change of leader must be over before it counts against a node: all are unanswered meanwhile.
	afterWan   = 10 * time.Second
	afterApart = 5 * time.Second
)

// apart are the two cosigners that are furthest from each other.
type apart struct {
	one, other string
	by         time.Duration // zero: nothing was measured
}

// furthest returns them, as each of them measured it.
func furthest(all []Cosigner) (most apart) {
	for _, c := range all {
		for _, p := range c.Peers {
			if by := time.Duration(p.RTTSeconds * float64(time.Second)); by > most.by {
				most = apart{c.Name, p.Name, by}
			}
		}
	}
	return most
}

// advise says what of the cluster file does not fit how far apart the cosigners are: one line for
// each setting, which says what to set. Nothing is wrong then, so it is no problem: the cluster
// signs, if more slowly than it could after a failure, or with changes of leader for nothing.
func advise(c Cluster, a apart) (lines []string) {
	if a.by == 0 {
		return nil
	}
	advice := func(setting, have, want string) {
		lines = append(lines, fmt.Sprintf("%s and %s are %s apart, for which %s = %q is not made: set %s in the cluster file",
			a.one, a.other, roundTrip(a.by), setting, have, want))
	}
	switch {
	case a.by > wanWithin:
		lines = append(lines, fmt.Sprintf("%s and %s are %s apart, further than any timing is made for: move one of them",
			a.one, a.other, roundTrip(a.by)))
	case c.Timing != "wan" && a.by > regionWithin:
		advice("timing", c.Timing, `timing = "wan"`)
	case c.Timing == "lan" && a.by > lanWithin, c.Timing == "wan" && a.by < wanFrom:
		advice("timing", c.Timing, `timing = "measured"`)
	}
	after := time.Duration(0)
	switch {
	case c.Timing == "wan", a.by > regionWithin:
		after = afterWan
	case a.by > lanWithin:
		after = afterApart
	}
	if c.Failover.After < after {
		advice("failover_after", c.Failover.After.String(), fmt.Sprintf(`failover_after = "%v" or more`, after))
	}
	// The cosigners gather what they heard within it as well.
	if least := 2 * a.by; c.Failover.PingTimeout < least {
		advice("ping_timeout", c.Failover.PingTimeout.String(), fmt.Sprintf(`ping_timeout = "%v" or more`,
			(least+49*time.Millisecond).Truncate(50*time.Millisecond)))
	}
	return lines
}

// roundTrip writes a round trip.
func roundTrip(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}
