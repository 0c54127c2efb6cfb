package raftstore

import "casper-cosigner/rule/machine"

// ViewAt is View, with the index of the last command that the state holds, of one moment.
func (s *Store) ViewAt(f func(index uint64, m *machine.State)) {
	s.fsm.mu.RLock()
	defer s.fsm.mu.RUnlock()
	f(s.fsm.index, s.fsm.state)
}
