package wire

import (
	"maps"
	"slices"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/seat"
)

const (
	// lately is how long ago an agent must have reached a cosigner for its round trip to count.
	lately = 10 * time.Second
	// furthest bounds the round trips that others tell, so that no sum overflows.
	furthest = time.Hour
)

// Seat tells at the time now what a cosigner says of itself. Since when it has run is left out: the
// message that it goes into says so.
func Seat(w seat.Word, now time.Time) *cosignerv1.Seat {
	s := &cosignerv1.Seat{Fit: w.Fit, HandedAgoMs: Ago(w.Handed, now)}
	for _, name := range slices.Sorted(maps.Keys(w.Reach)) {
		s.Reach = append(s.Reach, &cosignerv1.Reach{Name: name, RttUs: uint64(w.Reach[name].Microseconds())})
	}
	return s
}

// Word is the inverse of Seat: what a cosigner says of itself, on the clock of whoever was told
// this at the time now.
func Word(r *cosignerv1.GatherResponse, now time.Time) seat.Word {
	var handed *uint64
	if s := r.GetSeat(); s != nil {
		handed = s.HandedAgoMs
	}
	w := seat.Word{Fit: r.GetSeat().GetFit(), Up: now.Add(-age(r.GetListeningMs())),
		Handed: Then(handed, now), Reach: map[string]time.Duration{}}
	for _, reach := range r.GetSeat().GetReach() {
		w.Reach[reach.GetName()] = roundTrip(reach)
	}
	return w
}

// Reached returns an agent's round trips to the members that it has reached lately.
func Reached(n *cosignerv1.NodeReport) map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, reach := range n.GetReach() {
		if reach.AnsweredAgoMs != nil && age(reach.GetAnsweredAgoMs()) <= lately {
			all[reach.GetName()] = roundTrip(reach)
		}
	}
	return all
}

func roundTrip(r *cosignerv1.Reach) time.Duration {
	return time.Duration(min(r.GetRttUs(), uint64(furthest.Microseconds()))) * time.Microsecond
}
