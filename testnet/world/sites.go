package world

import "time"

// Sites are the round trips between the sites of the cosigners, each of which is at one of its own.
// Main is at the first one's, the standby at the second one's. The zero Sites are one site.
type Sites [cosigners][cosigners]time.Duration

// Evenly returns sites that are all so far from each other.
func Evenly(d time.Duration) *Sites { return Apart(d, d, d) }

// Apart returns sites of which the first two, the first and the last, and the last two are so far
// from each other.
func Apart(near, far, other time.Duration) *Sites {
	return &Sites{{0, near, far}, {near, 0, other}, {far, other, 0}}
}

// What a way between sites is like.
const (
	sway       = 20                     // a delay is shorter or longer by up to one part in so many
	resend     = 200 * time.Millisecond // what is lost on the way comes so much later
	resendRare = 1000                   // one message in so many
)

// farthest is the longest way there and back.
func (s *Sites) farthest() (most time.Duration) {
	for _, row := range s {
		for _, d := range row {
			most = max(most, d)
		}
	}
	return most
}

// siteOf is the site of a host, of those that have one.
func siteOf(host int) (site int, has bool) {
	switch {
	case host >= nodeCount:
		return host - nodeCount, true
	case host < ours:
		return host, true
	}
	return 0, false
}

// apart draws what the distance adds to a message's way. Worlds of one site draw nothing, so that
// their histories are what they were without it.
func (w *World) apart(from, to int) time.Duration {
	a, known := siteOf(from)
	b, alsoKnown := siteOf(to)
	if !known || !alsoKnown || from < nodeCount && to < nodeCount {
		return 0
	}
	way := w.plan.Sites[a][b] / 2
	if way == 0 {
		return 0
	}
	shift := int64(way / sway)
	way += time.Duration(w.rng.Int64N(2*shift+1) - shift)
	if w.rng.IntN(resendRare) == 0 {
		way += resend
	}
	return way
}
