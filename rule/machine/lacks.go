package machine

import (
	"errors"
	"fmt"

	"casper-cosigner/rule/watermark"
)

// Lacks returns an error unless the state may follow from the earlier one, by any log: nothing is
// taken back that an entry of that one did for good. signed must return an error for a reset of the
// heights that no operator signed: such a one frees nothing here, whatever the log says.
//
// A log that is further never lacks anything, so one that does is another log. The floor may fall,
// and who leads may change roles, so neither is compared but by how often they were changed.
func (s *State) Lacks(earlier *State, signed func(watermark.Reset) error) error {
	switch {
	case !earlier.Started():
		return nil
	case !s.Started():
		return errors.New("it is of a cluster that was never founded, and this one was")
	case s.version < earlier.version:
		return fmt.Errorf("it is of version %d, and here version %d is in force", s.version, earlier.version)
	case s.roles.Epoch < earlier.roles.Epoch:
		return fmt.Errorf("it has %d changes of roles, and here there were %d", s.roles.Epoch, earlier.roles.Epoch)
	}
	freed, err := s.resetSince(earlier, signed)
	if err != nil {
		return err
	}
	if err := s.table.Lacks(earlier.table, freed); err != nil {
		if s.reset.Count > earlier.reset.Count {
			if why := signed(s.reset); why != nil {
				err = fmt.Errorf("%w (its reset %d of the heights, by operator %q, frees nothing here: %v; if that operator did "+
					"sign it, carry the cluster file that has him to this host)", err, s.reset.Count, s.reset.Operator, why)
			}
		}
		return err
	}
	return s.lacksLease(earlier)
}

// resetSince returns which heights a reset may have freed since the earlier state. Of several only
// the last is known, and one before it may have freed any.
func (s *State) resetSince(earlier *State, signed func(watermark.Reset) error) (watermark.Freed, error) {
	is, was := s.reset, earlier.reset
	switch {
	case is.Count < was.Count:
		return watermark.Freed{}, fmt.Errorf("it has %d resets of the heights, and here there were %d", is.Count, was.Count)
	case is.Count == was.Count && is != was:
		return watermark.Freed{}, fmt.Errorf("it has another reset of the heights as the one of number %d", is.Count)
	case is.Count == was.Count || signed(is) != nil:
		return watermark.Freed{}, nil
	case is.Count > was.Count+1:
		return watermark.Freed{Any: true}, nil
	}
	return watermark.Freed{By: is}, nil
}

// lacksLease returns an error for a start of a node that was counted and is not.
func (s *State) lacksLease(earlier *State) error {
	for was := range earlier.leases.All() {
		is := s.leases.Newest(was.Node)
		if s.leases.Last(was.Node) < was.Number || is.Number == was.Number && is != was {
			return fmt.Errorf("it lacks start %d of node %s, which was given a lease of the key", was.Number, was.Node)
		}
	}
	return nil
}
