package statedir

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"casper-cosigner/rule/presence"
)

// persistEvery bounds how often a peer's rising applied index is written.
const persistEvery = time.Second

// peers is what was seen of the other cosigners.
type peers struct {
	path string
	own  presence.Own

	// writing is held while the file is replaced. It is taken before mu, and mu
	// is not held across a write, so a slow disk delays only new boots.
	writing sync.Mutex

	mu    sync.Mutex
	seen  presence.Seen // what Admit accepted; who is in it, with what boot and session, is on disk
	stale bool          // something of it is newer than on disk
}

func newPeers(path string, own identity, seen peersRecord) *peers {
	p := &peers{path: path, own: presence.Own{Cluster: own.Cluster, Name: own.Name, Directory: own.Directory},
		seen: presence.Seen{}}
	for name, r := range seen {
		p.seen[name] = r.sighting()
	}
	return p
}

// Admit accepts or refuses what a peer shows. At first contact it pins the
// peer to its directory; afterwards it refuses, with a *PeerError, another
// cluster or directory, a lower boot count than was seen, the same boot with
// another session, and on a higher boot a log that ends below what the peer had
// applied, or a ledger of fewer records than it had. That directory is refused from
// then on, also over our own restarts: both may grow past what was seen, by others. It
// never accepts a peer of our own name. What it accepts of directory, boot and session
// is durable before it returns nil. Any other error means that this could not be written.
//
// If p is part of an answer, asked must be what Seen returned before the peer was
// asked: it answered later, so it shows at least as much, and a process that
// shows less was put back together with its memory. It is refused from then on,
// also over our own restarts, until its directory is started anew. Asked is zero
// if nothing was asked: what a peer sends by itself may be overtaken on the way.
// Then p is refused, this once, only if it shows less than was seen long ago.
//
// The caller must know by other means (its TLS key) that peer is speaking.
func (d *Dir) Admit(peer string, p Presence, asked Sighting) error {
	return d.peers.admit(peer, p, asked)
}

// Strange reports whether Admit refuses a peer's process for what was seen of earlier ones.
func (d *Dir) Strange(peer string, p Presence) bool {
	d.peers.mu.Lock()
	defer d.peers.mu.Unlock()
	return d.peers.seen.Judge(d.peers.own, peer, p) != nil
}

// Seen returns what was seen of the peer, if Admit ever accepted it.
func (d *Dir) Seen(peer string) (Sighting, bool) {
	d.peers.mu.Lock()
	defer d.peers.mu.Unlock()
	p, ok := d.peers.seen[peer]
	return p, ok
}

// Run writes the peers' applied indexes and counts of records as they rise, at most
// once a second and once more when ctx ends. A crash loses at most the last second of
// them, which makes the check of a shorter log or ledger weaker by that much.
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

func (s *peers) admit(peer string, p Presence, asked Sighting) error {
	known, err := s.touch(peer, p, asked)
	if !known {
		err = s.meet(peer, p)
	}
	s.record(err)
	return err
}

// meet judges another process than the one that was accepted before, and makes it
// durable if it is accepted.
func (s *peers) meet(peer string, p Presence) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	seen, refused := s.seen.Meet(s.own, peer, p, time.Now())
	if refused != nil {
		s.note(peer, seen)
		s.mu.Unlock()
		return refused
	}
	next := maps.Clone(s.seen)
	next[peer] = seen
	s.mu.Unlock()
	if err := writeRecord(s.path, recordOf(next)); err != nil {
		return fmt.Errorf("recording the presence of cosigner %s: %w", peer, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if latest := s.seen[peer]; latest.Highest > seen.Highest || latest.Wrote > seen.Wrote {
		// The old process went on during the write.
		seen.Highest, seen.Wrote, s.stale = max(latest.Highest, seen.Highest), max(latest.Wrote, seen.Wrote), true
	}
	s.seen[peer] = seen
	return nil
}

// touch is the fast path: it judges the process that was accepted before, and
// returns false for another.
func (s *peers) touch(peer string, p Presence, asked Sighting) (known bool, err error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	next, known, refused := s.seen[peer].Continue(peer, p, asked, now)
	if !known {
		return false, nil
	}
	s.note(peer, next)
	if refused != nil {
		return true, refused
	}
	return true, nil
}

// note takes in what is to be kept of a peer that was met before. mu is held.
func (s *peers) note(peer string, next Sighting) {
	have, known := s.seen[peer]
	if !known {
		return
	}
	s.stale = s.stale || next.Highest > have.Highest || next.Wrote > have.Wrote || next.Cut != have.Cut ||
		next.Fell != have.Fell
	s.seen[peer] = next
}

// record makes a fall or a cut durable that was just seen. It is in force already;
// if the write fails now, Run writes it.
func (s *peers) record(err error) {
	refused := (*PeerError)(nil)
	if errors.As(err, &refused) && refused.Reason.Lasts() {
		_ = s.persist()
	}
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
	err := writeRecord(s.path, recordOf(next))
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
	return fmt.Errorf("recording what was seen of the peers: %w", err)
}
