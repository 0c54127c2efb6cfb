package statedir

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// persistEvery bounds how often a peer's rising applied index is written.
const persistEvery = time.Second

// Reason says why a peer was refused.
type Reason string

// The reasons.
const (
	ReasonCluster   Reason = "another cluster"
	ReasonSelf      Reason = "the name of this cosigner itself"
	ReasonDirectory Reason = "another state directory"
	ReasonShared    Reason = "a state directory of another cosigner"
	ReasonBoot      Reason = "an older start"
	ReasonSession   Reason = "two processes of one start"
	ReasonIndex     Reason = "a shorter log"
)

// PeerError is returned by Admit for a peer whose state is not the state that
// was seen of it before. Have is what is known, Got what it shows now.
type PeerError struct {
	Peer      string
	Reason    Reason
	Have, Got Presence
}

// Error says what happened, what is at stake and what to do.
func (e *PeerError) Error() string {
	return fmt.Sprintf("refusing cosigner %s: it shows %s: %s", e.Peer, e.Reason, e.explain())
}

func (e *PeerError) explain() string {
	const stop = "Stop it and leave it stopped: what it signed may be unknown to it, so its answers could make the " +
		"validator " +
		"sign twice. Do not restore, copy or initialise a directory for it and do not edit peers.json here; " +
		"keep its share file, it has to be replaced by a cosigner with a new identity"
	switch e.Reason {
	case ReasonCluster:
		return fmt.Sprintf("cluster id %v, ours is %v. It was set up for another cluster: "+
			"check which folder its host was given, and do not change ids by hand", e.Got.Cluster, e.Have.Cluster)
	case ReasonSelf:
		return "it never calls itself, so its certificate is in use on a second host. Stop that one and do not start it again"
	case ReasonDirectory:
		return fmt.Sprintf("directory id %v, but it was first seen with %v. Its disk was lost, or its share runs on a "+
			"second host. "+
			"If the first directory still exists, run it on that one only. Otherwise: %s", e.Got.Directory, e.Have.Directory,
			stop)
	case ReasonShared:
		return fmt.Sprintf("directory id %v, which is already another cosigner's. A state directory was copied. %s",
			e.Got.Directory, stop)
	case ReasonBoot:
		return fmt.Sprintf("start number %d, but number %d was seen. Its directory was restored or copied from an older "+
			"state. %s",
			e.Got.Boot, e.Have.Boot, stop)
	case ReasonSession:
		return fmt.Sprintf("start number %d as process %v, but that start was seen as process %v. "+
			"Its directory was restored, or two copies of it are running. %s", e.Got.Boot, e.Got.Session, e.Have.Session, stop)
	case ReasonIndex:
		return fmt.Sprintf("a log that ends at index %d, but it had applied index %d. Its log was lost, cut or restored. %s",
			e.Got.LastIndex, e.Have.AppliedIndex, stop)
	}
	return stop
}

// peers is what was seen of the other cosigners.
type peers struct {
	path string
	own  identity

	// writing is held while the file is replaced. It is taken before mu, and mu
	// is not held across a write, so a slow disk delays only new boots.
	writing sync.Mutex

	mu    sync.Mutex
	seen  map[string]Presence // what Admit accepted; who is in it, with what boot and session, is on disk
	stale bool                // some applied index is newer than on disk
}

func newPeers(path string, own identity, seen peersRecord) *peers {
	p := &peers{path: path, own: own, seen: map[string]Presence{}}
	maps.Copy(p.seen, seen)
	return p
}

// Admit accepts or refuses what a peer shows. At first contact it pins the
// peer to its directory; afterwards it refuses, with a *PeerError, another
// cluster or directory, a lower boot count than was seen, the same boot with
// another session, and on a higher boot a log that ends below what the peer had
// applied. It never accepts a peer of our own name. What it accepts of directory,
// boot and session is durable before it returns nil. Any other error means that
// this could not be written.
//
// The caller must know by other means (its TLS key) that peer is speaking.
func (d *Dir) Admit(peer string, p Presence) error { return d.peers.admit(peer, p) }

// Seen returns the newest presence that Admit accepted of peer, with the
// highest indexes seen.
func (d *Dir) Seen(peer string) (Presence, bool) {
	d.peers.mu.Lock()
	defer d.peers.mu.Unlock()
	p, ok := d.peers.seen[peer]
	return p, ok
}

// Run writes the peers' applied indexes as they rise, at most once a second and
// once more when ctx ends. A crash loses at most the last second of them, which
// makes the check of a shorter log weaker by that much.
func (d *Dir) Run(ctx context.Context) error {
	tick := time.NewTicker(persistEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return d.peers.persist()
		case <-tick.C:
			if err := d.peers.persist(); err != nil {
				return err
			}
		}
	}
}

func (s *peers) admit(peer string, p Presence) error {
	if s.touch(peer, p) {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	have, known := s.seen[peer]
	if err := s.judge(peer, have, p); err != nil {
		s.mu.Unlock()
		return err
	}
	if known { // applied indexes never fall, whatever a new boot shows
		p = raise(p, have)
	}
	next := maps.Clone(s.seen)
	next[peer] = p
	s.mu.Unlock()
	if err := writeRecord(s.path, peersRecord(next)); err != nil {
		return fmt.Errorf("recording the presence of cosigner %s: %w", peer, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if latest := s.seen[peer]; latest.AppliedIndex > p.AppliedIndex { // the old process went on during the write
		p, s.stale = raise(p, latest), true
	}
	s.seen[peer] = p
	return nil
}

// touch is the fast path: it accepts the process that was accepted before.
func (s *peers) touch(peer string, p Presence) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	have, known := s.seen[peer]
	if !known || !have.sameProcess(p) {
		return false
	}
	next := raise(have, p)
	next.Pinned = max(have.Pinned, p.Pinned) // connections may overtake each other
	next.Version = p.Version                 // of one process always the same, if it was seen since we started
	s.stale = s.stale || next.AppliedIndex > have.AppliedIndex
	s.seen[peer] = next
	return true
}

// judge decides whether p may follow have, which is zero at first contact. Only
// admit calls it, with both locks held.
func (s *peers) judge(peer string, have, p Presence) error {
	known := have != (Presence{})
	refuse := func(why Reason) error { return &PeerError{Peer: peer, Reason: why, Have: have, Got: p} }
	switch {
	case p.Cluster != s.own.Cluster:
		have.Cluster = s.own.Cluster
		return refuse(ReasonCluster)
	case peer == s.own.Name:
		return refuse(ReasonSelf)
	case known && p.Directory != have.Directory:
		return refuse(ReasonDirectory)
	case !known && s.taken(p.Directory):
		return refuse(ReasonShared)
	case known && p.Boot < have.Boot:
		return refuse(ReasonBoot)
	case known && p.Boot == have.Boot && p.Session != have.Session:
		return refuse(ReasonSession)
	case known && p.Boot > have.Boot && p.LastIndex < have.AppliedIndex:
		return refuse(ReasonIndex)
	}
	return nil
}

// taken reports whether directory is ours or pinned to some peer.
func (s *peers) taken(directory ID) bool {
	if directory == s.own.Directory {
		return true
	}
	for _, q := range s.seen {
		if q.Directory == directory {
			return true
		}
	}
	return false
}

// pinned returns how many peers are pinned on disk.
func (s *peers) pinned() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint32(len(s.seen))
}

// persist writes what was seen, if it is newer than the file.
func (s *peers) persist() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	if !s.stale {
		s.mu.Unlock()
		return nil
	}
	next := maps.Clone(s.seen)
	s.stale = false
	s.mu.Unlock()
	err := writeRecord(s.path, peersRecord(next))
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
	return fmt.Errorf("recording what was seen of the peers: %w", err)
}

// raise returns p with the higher indexes of both.
func raise(p, q Presence) Presence {
	p.LastIndex = max(p.LastIndex, q.LastIndex)
	p.AppliedIndex = max(p.AppliedIndex, q.AppliedIndex)
	return p
}
