package raftstore

import "fmt"

// errTakeBack says that this member would have to take back what it has applied. Where every leader
// was honest none asks for that: what is applied was committed, so every later leader has it.
type errTakeBack struct {
	leader  string // empty if it is not known
	term    uint64
	first   uint64 // entry from which on the leader's log differs
	last    uint64 // entry at which the own log ends
	applied uint64
}

// Error says what was asked, that nothing was done, what it means and what to do.
func (e *errTakeBack) Error() string {
	from := "a cosigner"
	if e.leader != "" {
		from = "cosigner " + e.leader
	}
	return fmt.Sprintf("%s, which leads in the term %d, has another log from entry %d on, and would have this cosigner "+
		"delete its entries %d to %d. Up to entry %d they are applied here, so they were committed and may have been "+
		"signed for. Nothing was deleted. Among sound cosigners with their memory that cannot be: either one that led "+
		"is compromised, that one or an earlier one, which had this cosigner alone apply what nobody else stored; or so "+
		"many were put back to older states that they are a majority without this one. Stop all cosigners and leave "+
		"their state directories as they are. What to do: docs/recovery.md, \"Refused by a witness\"",
		from, e.term, e.first, e.first, e.last, e.applied)
}

// mayDelete returns an error if entries are to go that were applied, by this process or one before,
// and that no snapshot took the place of; else whether one did.
func (s *logStore) mayDelete(first, last uint64) (bySnapshot bool, err error) {
	end, err := s.LastIndex()
	if err != nil {
		return false, err
	}
	applied := s.mark.highest()
	if last < end { // old ones, below an own snapshot
		return false, nil
	}
	s.end = place{}
	if s.replaced.Swap(false) {
		return true, nil
	}
	if end == 0 || first > applied { // the library deletes an empty log, too
		return false, nil
	}
	term, _, err := s.terms()
	if err != nil {
		return false, err
	}
	return false, &errTakeBack{leader: s.fsm.sender(), term: term, first: first, last: end, applied: applied}
}

// sender returns whom the library has noted as the leader.
func (f *fsm) sender() string {
	if f == nil {
		return ""
	}
	return f.own.sender()
}

// applies notes that entries up to index are about to be applied.
func (s *logStore) applies(index uint64) error {
	defer s.watchdog.Start("noting what is applied")()
	if err := s.mark.apply(index); err != nil {
		return fmt.Errorf("noting what is applied: %w", err)
	}
	return nil
}
