package statedir

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
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
	ReasonLedger    Reason = "a ledger of fewer records"
	ReasonFell      Reason = "a state that went back while it ran"
	ReasonLate      Reason = "what it was long ago"
	ReasonStated    Reason = "less than it had, by its own signature"
)

// PeerError is returned by Admit for a peer whose state is not the state that
// was seen of it before. Have is what is known, Got what it shows now.
type PeerError struct {
	Peer      string
	Reason    Reason
	Have, Got Presence
	Stated    string // with ReasonStated: what it signed, and what that shows
}

// Error says what happened, what is at stake and what to do.
func (e *PeerError) Error() string {
	return fmt.Sprintf("refusing cosigner %s: it shows %s: %s", e.Peer, e.Reason, e.explain())
}

func (e *PeerError) explain() string {
	const stop = "Stop it: what it signed may be unknown to it, so its answers could make the validator sign twice. " +
		"Do not restore, copy or initialise a directory for it and do not edit peers.json here; keep its share file. " +
		"If the newer directory still exists, run that one, on one host only; else leave it stopped. What to do: " +
		"docs/recovery.md, \"One cosigner is lost\""
	switch e.Reason {
	case ReasonCluster:
		return fmt.Sprintf("cluster id %v, ours is %v. It was set up for another cluster: "+
			"check which folder its host was given, and do not change ids by hand", e.Got.Cluster, e.Have.Cluster)
	case ReasonSelf:
		return "it never calls itself, so its certificate is in use on a second host. Stop that one and do not start it again"
	case ReasonDirectory:
		return fmt.Sprintf("directory id %v, but it was first seen with %v. Its disk was lost, or its share runs on a "+
			"second host. %s", e.Got.Directory, e.Have.Directory,
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
		return fmt.Sprintf("a log that ended at index %d when it was started anew, but it had applied index %d. Its log was "+
			"lost, cut or restored. It stays refused, however far its log grows. If that was a copy, and the directory that "+
			"it was made of is there and was never put back: docs/recovery.md, \"A copy was started\". %s",
			e.Got.LastIndex, e.Have.AppliedIndex, stop)
	case ReasonLedger:
		return fmt.Sprintf("a ledger that was given %d records when it was started anew, but it had shown %d. Its directory "+
			"was restored. It stays refused, however far its ledger grows. If that was a copy, and the directory that "+
			"it was made of is there and was never put back: docs/recovery.md, \"A copy was started\". %s",
			e.Got.Written, e.Have.Written, stop)
	case ReasonFell:
		what, got, had := "applied index", e.Got.AppliedIndex, e.Have.AppliedIndex
		if got >= had {
			what, got, had = "records in its ledger:", e.Got.Written, e.Have.Written
		}
		return fmt.Sprintf("%s %d, but as the same process it had shown %d when it was asked. Its machine was "+
			"put back to a snapshot with its memory. It stays refused as long as that process runs, whatever it shows. "+
			"Restart it once: if it is let in then, nothing was lost. If it is refused again: %s", what, got, had, stop)
	case ReasonStated:
		return fmt.Sprintf("%s. %s", e.Stated, stop)
	case ReasonLate:
		return fmt.Sprintf("applied index %d, less than it showed over %v ago as the same process. This one request is not "+
			"served: it was under way for too long, or that machine was put back to a snapshot with its memory, which "+
			"its next answer shows. Once, do not mind it; if it goes on, restart that cosigner",
			e.Got.AppliedIndex, lateAfter)
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
	seen  map[string]Sighting // what Admit accepted; who is in it, with what boot and session, is on disk
	stale bool                // something of it is newer than on disk
}

func newPeers(path string, own identity, seen peersRecord, counts countsRecord) *peers {
	p := &peers{path: path, own: own, seen: map[string]Sighting{}}
	for name, r := range seen {
		p.seen[name] = r.sighting(counts[name])
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
	return d.peers.judge(peer, d.peers.seen[peer], p) != nil
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
	have, known := s.seen[peer]
	if err := s.judge(peer, have, p); err != nil {
		if cut := have.cut(err.Reason, p); cut != nil && have.Cut == nil {
			have.Cut, s.stale = cut, true
			s.seen[peer] = have
		}
		s.mu.Unlock()
		return err
	}
	seen := Sighting{Presence: p, Highest: p.AppliedIndex, Wrote: p.Written, At: time.Now()}
	if known { // the highest never falls, whatever a new boot shows
		seen.Highest, seen.Wrote = max(seen.Highest, have.Highest), max(seen.Wrote, have.Wrote)
	}
	next := maps.Clone(s.seen)
	next[peer] = seen
	s.mu.Unlock()
	if err := writeRecord(s.path, recordOf(next)); err != nil {
		return fmt.Errorf("recording the presence of cosigner %s: %w", peer, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	latest := s.seen[peer] // the old process went on during the write
	seen.Highest, seen.Wrote = max(seen.Highest, latest.Highest), max(seen.Wrote, latest.Wrote)
	s.seen[peer], s.stale = seen, true
	return nil
}

// touch is the fast path: it judges the process that was accepted before, and
// returns false for another.
func (s *peers) touch(peer string, p Presence, asked Sighting) (known bool, err error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	have, known := s.seen[peer]
	if !known || !have.sameProcess(p) {
		return false, nil
	}
	if why := have.compare(p, asked, now); why != "" {
		if why == ReasonFell && have.Fell == nil {
			have.Fell, s.stale = &Fall{From: asked.AppliedIndex, To: p.AppliedIndex}, true
			if p.AppliedIndex >= asked.AppliedIndex {
				have.Fell = &Fall{From: asked.Written, To: p.Written, Ledger: true}
			}
			s.seen[peer] = have
		}
		return true, have.refuse(peer, why, p)
	}
	next := have.follow(p, now)
	s.stale = s.stale || next.Highest > have.Highest || next.Wrote > have.Wrote
	s.seen[peer] = next
	return true, nil
}

// record makes a fall or a cut durable that was just seen. It is in force already;
// if the write fails now, Run writes it.
func (s *peers) record(err error) {
	refused := (*PeerError)(nil)
	if errors.As(err, &refused) && slices.Contains([]Reason{ReasonFell, ReasonIndex, ReasonLedger}, refused.Reason) {
		_ = s.persist()
	}
}

// judge decides whether p may follow have, which is zero at first contact. mu is
// held.
func (s *peers) judge(peer string, have Sighting, p Presence) *PeerError {
	known := have.Presence != (Presence{})
	refuse := func(why Reason) *PeerError { return have.refuse(peer, why, p) }
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
	err := writeRecord(s.path, recordOf(next))
	if err == nil {
		err = writeRecord(filepath.Join(filepath.Dir(s.path), countsFile), countsOf(next))
	}
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
	return fmt.Errorf("recording what was seen of the peers: %w", err)
}
