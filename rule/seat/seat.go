package seat

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// Steady is for how long another cosigner must have been the better one.
	Steady = time.Minute
	// Rest is the least time between two times that the lead is handed over.
	Rest = 10 * time.Minute
	// worthwhile is what a signature must gain at the least: less than that is noise, and nothing to a
	// node that waits a quarter of a second.
	worthwhile = 5 * time.Millisecond
	// behind is how many entries a cosigner may lag behind: what is claimed between two of its
	// answers, and is sent to it while it takes over. Nothing can be claimed meanwhile.
	behind = 1000
	// told is for how many ping intervals the others are told before the lead is handed over: each
	// of them asks once in an interval.
	told = 2
)

// Settings are what a Seat goes by.
type Settings struct {
	Self         string
	Members      []string // all cosigners
	Majority     int      // cosigners that a claim needs
	Threshold    int      // cosigners that a signature needs
	PingInterval time.Duration
	Steady, Rest time.Duration
}

// Word is what a cosigner says of itself to the others.
type Word struct {
	Reach  map[string]time.Duration // median round trips to other cosigners
	Fit    bool                     // it would lead, and could have signatures made
	Up     time.Time                // since when it has run without a break
	Handed time.Time                // when any cosigner last decided to hand over, as far as it knows; zero: never
}

// Standing is how this cosigner sees another one.
type Standing struct {
	Good   bool   // its commitments are in hand, and it never gave a wrong share
	Behind uint64 // entries that it has not applied
}

// Look is what a cosigner knows at one instant. Its times are on its own monotonic clock.
type Look struct {
	Now     time.Time
	Leads   bool                     // it leads, and is fit to
	Settled bool                     // nobody is in trouble, and no change of roles is coming
	Active  string                   // node
	Agent   map[string]time.Duration // round trips of the active node's agent to the cosigners that it reaches
	Reach   map[string]time.Duration // its own to the other cosigners
	Words   map[string]Word          // of the others that have answered just now
	Others  map[string]Standing      // as it sees them
}

// Decision is what comes of a look.
type Decision struct {
	To  string // who is to lead in place of this cosigner, now; empty: nobody
	Why string
}

// Seat decides whether to hand the lead over, and to whom. Whoever gives every cosigner's Seat a
// look each ping interval, and does at once what it decides, has the promises kept. It is not safe
// for concurrent use.
type Seat struct {
	settings Settings
	active   string               // node that the next ones are about
	better   map[string]time.Time // since when a cosigner would have been the better leader, by name
	telling  bool                 // the others are being told that it will be handed over
	gave     time.Time            // when this cosigner last gave the lead away for a reason of its own
	handed   time.Time            // when any cosigner last decided so, as far as is known
}

// New returns a Seat that has seen nothing yet.
func New(s Settings) *Seat { return &Seat{settings: s} }

// Word returns what this cosigner says of itself: how it reaches the others, and that it would lead
// if it is able to have signatures made and did not give the lead away lately. Who was started
// anew hears of its own last hand-over from the others. Since when it runs is not in it.
func (s *Seat) Word(reach map[string]time.Duration, able bool, now time.Time) Word {
	willing := s.gave.IsZero() || now.Sub(s.gave) >= s.settings.Rest
	return Word{Reach: reach, Fit: able && willing, Handed: s.handed}
}

// Gave notes that this cosigner gives the lead away for a reason of its own, which must not be
// undone at once.
func (s *Seat) Gave(now time.Time) { s.gave = now }

// Judge takes a look.
func (s *Seat) Judge(l Look) Decision {
	s.hear(l.Words)
	here, known := s.takes(l, s.settings.Self)
	why := s.against(l, known)
	s.active = l.Active
	if why != "" {
		s.better, s.telling = nil, false
		return Decision{Why: why}
	}
	s.compare(l, here)
	to, there := s.best(l)
	if to == "" {
		s.telling = false
		return Decision{Why: fmt.Sprintf("a signature takes about %v, and no other cosigner has been much nearer for %v",
			round(here), s.settings.Steady)}
	}
	return s.hand(l.Now, to, fmt.Sprintf("a signature for %s takes about %v, and %v if %s leads",
		l.Active, round(here), round(there), to))
}

// hear takes in what the others know. An age grows a little younger each time that it is told, so
// what is told of the same time again counts for nothing: else it would never grow old.
func (s *Seat) hear(words map[string]Word) {
	var newest time.Time
	for _, w := range words {
		if w.Handed.After(newest) {
			newest = w.Handed
		}
	}
	if newest.Sub(s.handed) > s.settings.Rest/2 {
		s.handed = newest
	}
}

// against returns what keeps the lead where it is, whatever the distances, if they are known.
func (s *Seat) against(l Look, known bool) string {
	switch {
	case !l.Leads:
		return "this cosigner does not lead"
	case !l.Settled:
		return "the roles are not settled"
	case l.Active != s.active:
		return "another node has become active"
	case !known:
		return "how far the active node and the cosigners are from this one is not known"
	}
	return ""
}

// compare notes since when each other cosigner would have been the better leader.
func (s *Seat) compare(l Look, here time.Duration) {
	better := map[string]time.Time{}
	for _, name := range s.settings.Members {
		there, known := s.takes(l, name)
		if name == s.settings.Self || !known || !s.may(l, name) || !gains(here, there) {
			continue
		}
		since, was := s.better[name]
		if !was {
			since = l.Now
		}
		better[name] = since
	}
	s.better = better
}

// may reports whether the cosigner could be made to lead.
func (s *Seat) may(l Look, name string) bool {
	w, answers := l.Words[name]
	o := l.Others[name]
	return answers && w.Fit && o.Good && o.Behind <= behind
}

// best returns who would be the best of those that have been better for long enough, in one life of
// theirs, and how long a signature would then take. It is empty if there is none.
func (s *Seat) best(l Look) (best string, takes time.Duration) {
	for _, name := range slices.Sorted(maps.Keys(s.better)) {
		if l.Now.Sub(s.better[name]) < s.settings.Steady || l.Now.Sub(l.Words[name].Up) < s.settings.Steady {
			continue
		}
		if there, _ := s.takes(l, name); best == "" || there < takes {
			best, takes = name, there
		}
	}
	return best, takes
}

// hand hands over to the cosigner, if nobody did so lately: after the others have been told.
func (s *Seat) hand(now time.Time, to, why string) Decision {
	if !s.telling {
		if !s.handed.IsZero() && now.Before(s.handed.Add(s.settings.Rest)) {
			return Decision{Why: fmt.Sprintf("%s; but the lead was handed over %v ago, and stays for %v",
				why, round(now.Sub(s.handed)), s.settings.Rest)}
		}
		s.telling, s.handed = true, now
	}
	if now.Before(s.handed.Add(told * s.settings.PingInterval)) {
		return Decision{Why: why + "; the others are told before it is"}
	}
	s.better, s.telling, s.handed = nil, false, now
	return Decision{To: to, Why: why}
}

// takes returns about how long a signature takes while the cosigner leads, and false if that is not
// known: the request to it, the claim to the last that a majority needs, and the shares of the last
// that the threshold needs, each there and back.
func (s *Seat) takes(l Look, leader string) (time.Duration, bool) {
	agent, known := l.Agent[leader]
	if !known {
		return 0, false
	}
	ways := make([]time.Duration, 1, len(s.settings.Members)) // to itself, first
	for _, name := range s.settings.Members {
		if way, known := s.between(l, leader, name); known {
			ways = append(ways, way)
		}
	}
	if len(ways) < max(s.settings.Majority, s.settings.Threshold) {
		return 0, false
	}
	slices.Sort(ways)
	return agent + ways[s.settings.Majority-1] + ways[s.settings.Threshold-1], true
}

// between returns the round trip between two cosigners that answer. Of those from this one it
// believes itself; of any other the longer of the two measurements, so that nobody can draw the
// lead to itself, nor to another, by its word alone.
func (s *Seat) between(l Look, a, b string) (time.Duration, bool) {
	if a == s.settings.Self {
		a, b = b, a
	}
	there, answers := l.Words[a]
	if !answers || a == b {
		return 0, false
	}
	if b == s.settings.Self {
		way, known := l.Reach[a]
		return way, known
	}
	one, known := there.Reach[b]
	other, knownToo := l.Words[b].Reach[a]
	return max(one, other), known && knownToo
}

// gains reports whether the difference is worth a hand-over.
func gains(here, there time.Duration) bool {
	return here-there >= worthwhile && here-there > there/3
}

// round is for people.
func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
