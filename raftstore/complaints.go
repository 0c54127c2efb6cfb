package raftstore

import (
	"sync"

	"github.com/rs/zerolog"
)

// complaints logs why a peer was not let in: each reason once until that peer is let in.
type complaints struct {
	log zerolog.Logger

	mu   sync.Mutex
	made map[complaint]struct{}
}

type complaint struct {
	peer   string // a name of the cluster file, or "" for a stranger
	reason string // one of a fixed set
}

func newComplaints(l zerolog.Logger) *complaints {
	return &complaints{log: l, made: map[complaint]struct{}{}}
}

func (c *complaints) about(peer, reason string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := complaint{peer: peer, reason: reason}
	if _, again := c.made[made]; again {
		return
	}
	c.made[made] = struct{}{}
	c.log.Warn().Str("cosigner", peer).Str("reason", reason).Err(err).Msg("Raft connection refused")
}

func (c *complaints) forget(peer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for made := range c.made {
		if made.peer == peer {
			delete(c.made, made)
		}
	}
}
