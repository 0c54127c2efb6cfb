package machine

import (
	"errors"
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/custody"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/wire"
)

// withLeases is the version from which there is Start.
const withLeases = 4

// Start gives a stock node a lease of the key, for one start. That its agent signed it, and that
// the cosigners keep its key at all, each cosigner verifies before it gives anything: the log has
// no keys.
type Start struct {
	custody.Signed
	At int64
}

func (s Start) fill(c *cosignerv1.Command) error {
	c.At = s.At
	c.Change = &cosignerv1.Command_Start{Start: wire.NodeStart(s.Signed)}
	return knowsLeases(c.Version)
}

func knowsLeases(version uint32) error {
	if version < withLeases {
		return fmt.Errorf("version %d: %w", version, ErrVersion)
	}
	return nil
}

func decodeStart(m *cosignerv1.NodeStart, version uint32, at int64) (Start, error) {
	s, err := wire.Start(m)
	return Start{Signed: s, At: at}, errors.Join(err, knowsLeases(version))
}

// Lease returns the node's newest lease of the key, the zero one if it has none.
func (s *State) Lease(node string) custody.Lease { return s.leases.Newest(node) }

// LastStart returns the number that the node's next start must follow.
func (s *State) LastStart(node string) uint64 { return s.leases.Last(node) }

// CheckStart returns what applying the start now would, and changes nothing.
func (s *State) CheckStart(c Start) Result {
	switch {
	case !s.Started():
		return refused(refusal.NotStarted)
	case s.roles.IsSuspended(c.Node):
		return refused(refusal.Suspended)
	case !s.leases.Next(c.Start):
		return refused(refusal.StartMoved)
	}
	return Result{Outcome: Done}
}

// start grants a lease. It names the entry, so a cosigner knows how old it is.
func (s *State) start(p Place, c Start) Result {
	if s.version < withLeases { // Decode reads none
		return refused(refusal.UnknownCommand)
	}
	r := s.CheckStart(c)
	if r.Outcome == Done {
		s.leases.Grant(p.Index, c.Signed)
	}
	return r
}

func (s *State) leasesToProto() (all []*cosignerv1.SnapshotLease) {
	for l := range s.leases.All() {
		all = append(all, &cosignerv1.SnapshotLease{Start: wire.NodeStart(l.Signed), Granted: l.Granted})
	}
	return all
}

func (s *State) restoreLeases(h *cosignerv1.SnapshotHeader) error {
	if len(h.Leases) > 0 && h.Version < withLeases {
		return fmt.Errorf("leases in a snapshot of version %d", h.Version)
	}
	for _, l := range h.Leases {
		start, err := wire.Start(l.Start)
		if err != nil {
			return err
		}
		if !s.leases.Restore(custody.Lease{Signed: start, Granted: l.Granted}) {
			return fmt.Errorf("start %d of node %q", start.Number, start.Node)
		}
	}
	return nil
}
