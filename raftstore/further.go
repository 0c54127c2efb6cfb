package raftstore

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// goesOn returns an error for the state of a snapshot, of all up to an entry, that takes back what
// is applied here. That of a sound leader never does: what is applied was committed. Nothing is
// applied meanwhile, so what came while the snapshot was on its way is held against it, too.
func (f *fsm) goesOn(index uint64, later *machine.State) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if index < f.index {
		return errOlder
	}
	own, err := f.everApplied()
	if err != nil {
		return err
	}
	if err := later.Lacks(own, func(r watermark.Reset) error { return f.mayReset(own, r) }); err != nil {
		return fmt.Errorf("it takes back what is applied here, so was committed and may have been signed for: %w. "+
			"Either that cosigner is hostile, or one that led before it had this one alone apply what nobody else stored, "+
			"or so many were put back to older states that they are a majority without this one", err)
	}
	return nil
}

// everApplied returns the state with all that a process of this directory has applied. One that
// was just started knows what its log holds, and not yet what of that is committed. Below the first
// entry of the log all is in the snapshot that it began with.
func (f *fsm) everApplied() (*machine.State, error) {
	disk := f.own.disk
	if disk == nil || disk.mark.highest() <= f.index {
		return f.state, nil
	}
	first, err := disk.FirstIndex()
	if err != nil {
		return nil, err
	}
	s := f.state.Clone()
	for i := max(f.index+1, first); i <= disk.mark.highest(); i++ {
		var l raft.Log
		switch err := disk.GetLog(i, &l); {
		case errors.Is(err, raft.ErrLogNotFound):
			return s, nil
		case err != nil:
			return nil, err
		case l.Type != raft.LogCommand:
			continue
		}
		c, version, err := machine.Decode(l.Data)
		if err != nil { // the store ends when it comes to be applied
			return s, nil
		}
		s.ApplyAt(machine.Place{Index: i, Version: version}, c)
	}
	return s, nil
}

// mayReset returns an error for a reset of the heights that no operator signed for this founding.
func (f *fsm) mayReset(own *machine.State, r watermark.Reset) error {
	if f.signed == nil {
		return nil
	}
	return errors.Join(f.signed(r), own.MayReset(r, f.first))
}
