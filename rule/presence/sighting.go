package presence

import "time"

// LateAfter is how old a peer's presence must be to bind what it sends by itself:
// each call between cosigners has a deadline of a few seconds at most, and a
// connection that is silent for twelve is given up (cluster.keepaliveEvery).
const LateAfter = 10 * time.Second

// Sighting is what was seen of a peer: the newest presence of the process that
// was let in last, with the highest indexes that it showed since we started.
type Sighting struct {
	Presence
	Highest uint64    // applied index that the peer ever showed, as whatever process
	Wrote   uint64    // records of the ledger that the peer ever showed, as whatever process
	Fell    *Fall     // set once that process was seen to go back
	Cut     *Fall     // set once its directory was started anew with a shorter log or ledger, for good
	At      time.Time // when it was heard last; zero if it was not since we started

	// earlier is an applied index that it had shown by long ago; later one that it
	// showed at since, and which becomes the earlier in time.
	earlier, later uint64
	since          time.Time
}

// Fall is how far a state went back.
type Fall struct {
	From uint64 `json:"from"` // applied index that it had shown: when it was asked, or ever
	To   uint64 `json:"to"`   // applied index that it answered with, or where its log ended at a start
	// Ledger says that these are records of its ledger.
	Ledger bool `json:"ledger,omitempty"`
}

// reason is why a start that was cut is refused.
func (f Fall) reason() Reason {
	if f.Ledger {
		return ReasonLedger
	}
	return ReasonIndex
}

// Void reports whether nothing that the peer's start of that number sends is taken,
// also on a connection that it made before this was seen.
func (s Sighting) Void(boot uint64) bool { return s.Cut != nil || s.Fell != nil && s.Boot == boot }

// compare returns why a presence of the same process is refused, "" if it is not.
func (s Sighting) compare(p Presence, asked Sighting, now time.Time) Reason {
	switch {
	case s.Cut != nil:
		return s.Cut.reason()
	case s.Fell != nil:
		return ReasonFell
	case asked.sameProcess(p) && p.AppliedIndex < asked.AppliedIndex:
		return ReasonFell
	case asked.sameProcess(p) && p.Written < asked.Written:
		return ReasonFell
	case p.AppliedIndex < s.long(now):
		return ReasonLate
	}
	return ""
}

// long returns the highest applied index that the process is known to have shown
// over LateAfter ago.
func (s Sighting) long(now time.Time) uint64 {
	switch {
	case s.At.IsZero():
		return 0
	case now.Sub(s.At) > LateAfter:
		return s.AppliedIndex
	case now.Sub(s.since) > LateAfter:
		return s.later
	}
	return s.earlier
}

// follow returns s after the same process showed p. How many it has pinned is what it showed last:
// it shows 0 again once it may found no cluster any more, and one that was overtaken on another
// connection is shown anew in a moment.
func (s Sighting) follow(p Presence, now time.Time) Sighting {
	p.LastIndex = max(p.LastIndex, s.LastIndex)
	p.AppliedIndex = max(p.AppliedIndex, s.AppliedIndex)
	p.Written = max(p.Written, s.Written)
	p.Jumped = p.Jumped || s.Jumped // for as long as the process lasts
	if s.since.IsZero() || now.Sub(s.since) > LateAfter {
		s.earlier, s.later, s.since = s.later, p.AppliedIndex, now
	}
	s.Presence, s.Highest, s.Wrote, s.At = p, max(s.Highest, p.AppliedIndex), max(s.Wrote, p.Written), now
	return s
}

// refuse returns the error for what the peer shows. What is told to be known is
// what p falls short of.
func (s Sighting) refuse(peer string, why Reason, p Presence) *PeerError {
	have := s.Presence
	switch {
	case why == ReasonIndex && s.Cut != nil:
		have.AppliedIndex, p.LastIndex = s.Cut.From, s.Cut.To
	case why == ReasonIndex:
		have.AppliedIndex = s.Highest
	case why == ReasonLedger && s.Cut != nil:
		have.Written, p.Written = s.Cut.From, s.Cut.To
	case why == ReasonLedger:
		have.Written = s.Wrote
	case why == ReasonFell && s.Fell != nil && s.Fell.Ledger:
		have.Written, p.Written, p.AppliedIndex = s.Fell.From, s.Fell.To, have.AppliedIndex
	case why == ReasonFell && s.Fell != nil:
		have.AppliedIndex, p.AppliedIndex = s.Fell.From, s.Fell.To
	}
	return &PeerError{Peer: peer, Reason: why, Have: have, Got: p}
}

// cut returns how far its directory went back, if a start that shows p is refused for that.
func (s Sighting) cut(why Reason, p Presence) *Fall {
	switch why {
	case ReasonIndex:
		return &Fall{From: s.Highest, To: p.LastIndex}
	case ReasonLedger:
		return &Fall{From: s.Wrote, To: p.Written, Ledger: true}
	}
	return nil
}

// fell returns how far its process went back that was asked, as p shows.
func fell(asked Sighting, p Presence) *Fall {
	if p.AppliedIndex < asked.AppliedIndex {
		return &Fall{From: asked.AppliedIndex, To: p.AppliedIndex}
	}
	return &Fall{From: asked.Written, To: p.Written, Ledger: true}
}
