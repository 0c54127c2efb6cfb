package raftstore

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// errBelow says that the cluster was founded for an era or a height that the operator of this
// member ruled out. It is not for this program to say which of the two is mistaken.
type errBelow struct{ founded, first watermark.Mark }

// Error says what differs, that nothing was taken, and what to do.
func (e errBelow) Error() string {
	return fmt.Sprintf("the cluster is founded for era %d and height %d on, and this cosigner was made for era %d "+
		"and height %d on: below that a process that holds the validator's PEM may have signed, as its operator said. This "+
		"cosigner does not take part. Stop all. If the number of this one is the mistake, on its host: "+
		"casper-cosigner cosigner restate --first-era E --first-height H, and start all. If it is not, found the cluster "+
		"anew, with all cosigners made for at least that", e.founded.Era, e.founded.Height, e.first.Era, e.first.Height)
}

// mayBegin returns an error for a first era and height, of Genesis or later, below the own ones.
func mayBegin(founded, first watermark.Mark) error {
	if founded.Era < first.Era || founded.Height < first.Height {
		return errBelow{founded, first}
	}
	return nil
}

// begun returns for which era and height a state says that its cluster was founded, and else from
// which ones on it lets anything be signed. A reset lowers that height, and says itself how far it
// may.
func begun(s *machine.State) watermark.Mark {
	if m := s.Founded(); m != (watermark.Mark{}) {
		return m
	}
	m := s.Table().Pruned()
	if s.LastReset().Count > 0 {
		m.Height = ^uint64(0)
	}
	return m
}

// mayStore returns an error for entries that no honest leader sends after those that are stored.
// Most of them the library would take, and the next start would take the log for lost or could not
// read it. Nothing is compared before the store is open: then only this member writes.
func (s *logStore) mayStore(logs []*raft.Log) error {
	r := s.library()
	if r == nil {
		return nil
	}
	before, err := s.newest(r)
	if err != nil {
		return err
	}
	cut := before.index < r.LastIndex() // for these entries
	for _, l := range logs {
		if err := s.follows(before, l, r.CurrentTerm()); err != nil {
			err = s.refusals.about(s.fsm.sender(), "log entry", err)
			if cut {
				s.halt.stop(fmt.Errorf("%w: %w", errEndsEarly, err))
			}
			return err
		}
		before = place{l.Index, l.Term}
	}
	if s.fsm.founded() {
		return nil
	}
	for _, l := range logs {
		if err := s.mayFound(l); err != nil {
			if cut || !errors.As(err, new(errObjects)) {
				s.halt.stop(err)
			}
			return err
		}
	}
	return nil
}

// library returns what runs on the store, nil before it is open.
func (s *logStore) library() *raft.Raft {
	if s.fsm == nil {
		return nil
	}
	return s.fsm.own.raft.Load()
}

// place is where an entry stands.
type place struct{ index, term uint64 }

// newest returns where the newest entry stands. Only the library's main loop comes here.
func (s *logStore) newest(r *raft.Raft) (place, error) {
	if s.end != (place{}) {
		return s.end, nil
	}
	last, err := s.LastIndex()
	if err != nil || last == 0 { // a snapshot stands for all
		return s.base(), err
	}
	var l raft.Log
	err = s.GetLog(last, &l)
	return place{l.Index, l.Term}, err
}

// standsForSnapshot is the kind of what GetLog answers in the place of the entry that a snapshot
// ends with. Nobody takes an entry of it: it has nothing but a place.
const standsForSnapshot raft.LogType = 255

// base returns the place of the newest snapshot, zero if there is none, or before the library runs.
func (s *logStore) base() (p place) {
	r := s.library()
	if r == nil {
		return place{}
	}
	// Nothing else of the library's tells it; what cannot be read stays zero.
	stats := r.Stats()
	p.index, _ = strconv.ParseUint(stats["last_snapshot_index"], 10, 64)
	p.term, _ = strconv.ParseUint(stats["last_snapshot_term"], 10, 64)
	return p
}

// errEndsEarly says that the library takes the log for longer than it is, which only a start mends.
var errEndsEarly = errors.New("the log was cut, as the leader's is another one, and the Raft library still counts " +
	"what is gone: this cosigner could neither follow nor lead. Nothing that was committed is lost. It ends, to be " +
	"started again, which the unit does by itself")

// mayGoOn ends the store if the library takes its log for longer than it is, once a snapshot took
// the log's place. It then looks for entries that are gone, and refuses what every leader sends.
func (s *logStore) mayGoOn() error {
	r := s.library()
	if r == nil {
		return nil
	}
	end, err := s.newest(r)
	if err == nil && end.index < r.LastIndex() {
		s.halt.stop(errEndsEarly)
	}
	return err
}

// errObjects says that this member knows of something against the founding that another one leads.
// It waits, until that is out of the way.
type errObjects struct{ error }

// goesBeyond reports whether the log has that place, and entries after it. They follow from what a
// snapshot of there holds, so they stay (Raft, section 7): the library would delete all, and a
// leader that sends it again, late, has counted them. No leader sends one that was answered.
func (s *logStore) goesBeyond(p place) (bool, error) {
	last, err := s.LastIndex()
	if err != nil || last <= p.index {
		return false, err
	}
	var l raft.Log
	switch err := s.GetLog(p.index, &l); {
	case errors.Is(err, raft.ErrLogNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	return l.Term == p.term, nil
}

// objects returns what this member knows against a founding that another one leads. What that one
// knows is its own: a hostile one founds over what everybody else was shown.
func (s *logStore) objects() error {
	leader := s.fsm.sender()
	if s.mayFollow == nil || leader == s.name { // the own objections kept it from proposing
		return nil
	}
	if err := s.mayFollow(); err != nil {
		return errObjects{s.refusals.founding(leader, err)}
	}
	return nil
}

// mayFound returns an error for a Genesis that is below what the operator of this member typed, or
// that this member objects to.
func (s *logStore) mayFound(l *raft.Log) error {
	if l.Type != raft.LogCommand {
		return nil
	}
	c, _, err := machine.Decode(l.Data)
	if g, ok := c.(machine.Genesis); ok && err == nil {
		if err := mayBegin(g.First, s.first); err != nil {
			return err
		}
		return s.objects()
	}
	return nil // what cannot be read ends the store when it is applied
}

// follows returns an error unless the entry may stand after another one, in a log whose leader
// leads in that term.
func (s *logStore) follows(before place, l *raft.Log, term uint64) error {
	switch {
	case l.Index != before.index+1:
		return fmt.Errorf("it would be entry %d, and entry %d is the last one", l.Index, before.index)
	case l.Term < before.term:
		return fmt.Errorf("it is of the term %d, and the one before it of the term %d", l.Term, before.term)
	case l.Term > term:
		return fmt.Errorf("it is of the term %d, and it is sent in the term %d", l.Term, term)
	}
	switch l.Type {
	case raft.LogCommand, raft.LogNoop, raft.LogBarrier:
		return nil
	case raft.LogConfiguration:
		c, err := decodeConfiguration(l.Data)
		if err != nil {
			return err
		}
		return s.voters.same(c)
	}
	return fmt.Errorf("it is of the unknown kind %v", l.Type)
}

// decodeConfiguration makes an error of the library's panic.
func decodeConfiguration(data []byte) (c raft.Configuration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it has members that cannot be read: %v", p)
		}
	}()
	return raft.DecodeConfiguration(data), nil
}
