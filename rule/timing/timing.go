// Package timing decides how long to wait for another cosigner, given how far away the cosigners
// are and how long they take as a rule.
//
// It promises that what comes out is bounded whatever was measured: who answers late makes the
// others wait as long as at sites far apart, never longer. It is a function of its arguments; to
// measure and to wait is its callers', and nothing here bears on what may be signed.
package timing

import "time"

const (
	// Least is how long a follower bears with a leader that is not heard of, at least: what suits
	// one site, where a hung disk or a collection of garbage is over by then.
	Least = 300 * time.Millisecond
	// Most is the same at most, which suits sites a hundred milliseconds apart.
	Most = 600 * time.Millisecond

	step = 50 * time.Millisecond
	// stall is what a leader may miss without being taken for dead: TCP sends a lost segment again
	// no sooner than that.
	stall = 200 * time.Millisecond
)

// Heartbeat returns Raft's timeout for a leader that is not heard of, and for an election, given
// the present one and the round trip to the furthest other cosigner.
//
// The shorter it is the sooner the next leader comes, at every distance: an election lost to a
// collision costs less than all elections being slow (TestHeartbeatAgainstElections). So it is as
// short as it can be without a stall making an election: a leader sends again at most a fifth of
// it after the last answer came in, so at most a round trip and a fifth lie between two signs of
// life, and the stall on top.
//
// A longer one holds at once; a shorter one only if it would do for a somewhat greater distance
// too, so that what is measured moves it seldom.
func Heartbeat(now, furthest time.Duration) time.Duration {
	if want := heartbeat(furthest); want >= now {
		return want
	}
	return min(now, heartbeat(furthest+furthest/4))
}

func heartbeat(furthest time.Duration) time.Duration {
	if furthest > Most {
		return Most
	}
	want := (furthest + stall) * 5 / 4
	return min(max((want+step-1)/step*step, Least), Most)
}
