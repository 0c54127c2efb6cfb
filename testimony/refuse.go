package testimony

import (
	"fmt"
	"sync"

	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
)

// looked are the processes of other cosigners that were held against their own statements. The zero
// value is ready for use.
type looked struct {
	mu sync.Mutex
	at map[string]look // by name
}

// look is one process, and how many statements were known as it was found sound.
type look struct {
	directory, session statedir.ID
	boot, known        uint64
}

// sound reports whether the process was found sound and nothing was stated since.
func (l *looked) sound(name string, at look) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at[name] == at
}

func (l *looked) note(name string, at look) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = map[string]look{}
	}
	l.at[name] = at
}

// Refuses returns a *statedir.PeerError if the named cosigner shows a state that has lost what it
// signed itself, as is known here: it may not have heard so, or run a build that does not listen.
func (s *Stand) Refuses(name string, p statedir.Presence) error {
	at := look{p.Directory, p.Session, p.Boot, s.known.Load()}
	if s.others.sound(name, at) {
		return nil
	}
	s.mu.Lock()
	all := s.told.Current()
	s.mu.Unlock()
	shown := witness.Holding{Statement: witness.Statement{Name: name, Directory: witness.ID(p.Directory), Boot: p.Boot,
		Session: witness.ID(p.Session), Pruned: p.First, Written: p.Written}}
	if v := witness.Against(shown, p.LastIndex, s.Members, all); v.Finding == witness.Lost {
		return &statedir.PeerError{Peer: name, Reason: statedir.ReasonStated, Got: p,
			Stated: fmt.Sprintf("%s (%v)", v.What, v.By.Statement)}
	}
	s.others.note(name, at)
	return nil
}
