package presence

import (
	"time"

	"casper-cosigner/rule/witness"
)

// Own is who judges, on which state.
type Own struct {
	Cluster   ID
	Name      string
	Directory ID
}

// Seen is what was seen of each other cosigner, by name.
type Seen map[string]Sighting

// Judge returns why another process than the one that was let in last is refused, nil if it is not.
func (s Seen) Judge(own Own, peer string, p Presence) *PeerError {
	have, known := s[peer]
	refuse := func(why Reason) *PeerError { return have.refuse(peer, why, p) }
	switch {
	case p.Cluster != own.Cluster:
		have.Cluster = own.Cluster
		return refuse(ReasonCluster)
	case peer == own.Name:
		return refuse(ReasonSelf)
	case known && p.Directory != have.Directory:
		return refuse(ReasonDirectory)
	case !known && s.taken(own, p.Directory):
		return refuse(ReasonShared)
	case have.Cut != nil:
		return refuse(have.Cut.reason())
	case known && p.Boot < have.Boot:
		return refuse(ReasonBoot)
	case known && p.Boot == have.Boot && p.Session != have.Session:
		return refuse(ReasonSession)
	case known && p.Boot > have.Boot && p.LastIndex < have.Highest:
		return refuse(ReasonIndex)
	case known && p.Boot > have.Boot && p.Written > 0 && p.Written < have.Wrote:
		return refuse(ReasonLedger)
	}
	return nil
}

// taken reports whether directory is ours or pinned to some peer.
func (s Seen) taken(own Own, directory ID) bool {
	if directory == own.Directory {
		return true
	}
	for _, q := range s {
		if q.Directory == directory {
			return true
		}
	}
	return false
}

// Meet judges another process than the one that was let in last, and returns what is to be kept of
// the peer from then on, also where it is refused: a directory that was started anew with a shorter
// log or ledger stays so.
func (s Seen) Meet(own Own, peer string, p Presence, now time.Time) (Sighting, *PeerError) {
	have := s[peer]
	if err := s.Judge(own, peer, p); err != nil {
		if have.Cut == nil {
			have.Cut = have.cut(err.Reason, p)
		}
		return have, err
	}
	// What is highest never falls, whatever a new boot shows.
	have.Highest, have.Wrote = max(p.AppliedIndex, have.Highest), max(p.Written, have.Wrote)
	return Sighting{Presence: p, Highest: have.Highest, Wrote: have.Wrote, At: now}, nil
}

// Continue judges what the very process shows that was let in last, and returns what is to be kept
// of it from then on, also where it is refused. Known is false for another process. Asked is what
// was kept of it before it was asked, zero for what it sends by itself.
func (s Sighting) Continue(peer string, p Presence, asked Sighting, now time.Time) (
	next Sighting, known bool, err *PeerError) {
	if !s.sameProcess(p) {
		return s, false, nil
	}
	why := s.compare(p, asked, now)
	if why == "" {
		return s.follow(p, now), true, nil
	}
	if why == ReasonFell && s.Fell == nil {
		s.Fell = fell(asked, p)
	}
	return s, true, s.refuse(peer, why, p)
}

// Against returns why the state that the named cosigner shows is refused by what that one signed
// itself, as is known here: it may not have heard so, or run a build that does not listen.
func (p Presence) Against(name string, m witness.Members, known []witness.Signed) *PeerError {
	shown := witness.Holding{Statement: witness.Statement{Name: name, Directory: witness.ID(p.Directory), Boot: p.Boot,
		Session: witness.ID(p.Session), Pruned: p.First, Written: p.Written}}
	v := witness.Against(shown, p.LastIndex, m, known)
	if v.Finding != witness.Lost {
		return nil
	}
	return &PeerError{Peer: name, Reason: ReasonStated, Got: p, Stated: v.What + " (" + v.By.String() + ")"}
}
