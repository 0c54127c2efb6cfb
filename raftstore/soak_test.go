package raftstore

import (
	"context"
	"errors"
	"math/rand"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// soak is a trio of sound members that something happens to all the time, with a log that is
// compacted after a few entries.
type soak struct {
	*trio
	*rand.Rand
	logged syncBuffer
	height uint64 // claimed last
	cut    int    // members that ended with errEndsEarly
}

// revive starts again whoever ended because of a cut log. Nothing else ends a sound member.
func (s *soak) revive() {
	for _, m := range s.members {
		switch err := m.fatalError(); {
		case err == nil:
		case errors.Is(err, errEndsEarly):
			s.cut++
			s.kill(m.name)
			m.fatal = nil
			s.start(m.name)
		default:
			s.t.Fatalf("%s ended: %v", m.name, err)
		}
	}
}

// claims has heights claimed by whoever leads of those that are not cut off. What becomes of each
// is for the log to say.
func (s *soak) claims(n int, value byte, off string) {
	s.t.Helper()
	for range n {
		s.height++
		s.until("somebody leads, with "+off+" off", func() bool {
			s.revive()
			for _, m := range s.members {
				if m.Store == nil || m.name == off || !m.Leader().Self {
					continue
				}
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				_, err := m.Apply(ctx, claim(s.height, value))
				return err == nil
			}
			return false
		})
	}
}

// alone cuts the leader off with claims that nobody commits, and lets the others go on.
func (s *soak) alone() {
	leader := s.leader()
	s.wire.isolate(leader.name, true)
	for range s.Intn(12) {
		s.height++
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		_, _ = leader.Apply(ctx, claim(s.height, 9))
		cancel()
	}
	if s.Intn(2) == 0 {
		s.claims(s.Intn(20), 8, leader.name)
	}
	if s.Intn(3) == 0 {
		s.kill(leader.name)
		s.start(leader.name)
	}
	s.wire.isolate(leader.name, false)
}

func (s *soak) step() {
	name := trioNames[s.Intn(len(trioNames))]
	switch s.Intn(5) {
	case 0:
		s.alone()
	case 1:
		s.kill(name)
		s.claims(s.Intn(20), 7, name)
		s.start(name)
	case 2:
		s.wire.isolate(name, true)
		s.claims(s.Intn(25), 6, name)
		s.wire.isolate(name, false)
	default:
		s.claims(s.Intn(10), 7, "none")
	}
	s.revive()
}

// TestSoundMembersGoOn: whatever way sound members are cut off, killed and compacted, they find a
// leader again, none calls another one hostile, and all come to hold the same.
func TestSoundMembersGoOn(t *testing.T) {
	for _, seed := range []int64{1, 2} { // these meet the most
		synctest.Test(t, func(t *testing.T) {
			s := &soak{Rand: rand.New(rand.NewSource(seed))}
			s.trio = newTrio(t, func(_ string, c *Config) {
				c.compaction = compaction{threshold: 8, trailing: 3, interval: 200 * time.Millisecond}
				c.Log = zerolog.New(&s.logged)
			})
			defer s.stopAll()
			s.claims(1, 7, "none") // founded, for which all must meet
			for range 60 {
				s.step()
			}
			s.claims(1, 7, "none")
			a := s.members["a"]
			for _, m := range s.members {
				s.catchUp(m)
			}
			for h := range s.height {
				for _, m := range s.members {
					if m.held(h) != a.held(h) {
						t.Errorf("seed %d: %s holds %d at height %d, a %d", seed, m.name, m.held(h), h, a.held(h))
					}
				}
			}
			if n := strings.Count(s.logged.String(), "ALARM"); n > 0 {
				t.Errorf("seed %d: %d alarms", seed, n)
			}
			t.Logf("seed %d: %d snapshots were sent, %d members ended for a cut log", seed,
				strings.Count(s.logged.String(), "Installed remote snapshot"), s.cut)
		})
	}
}
