package raftstore

import (
	"context"
	"errors"
	"time"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

const (
	genesisRetry = 100 * time.Millisecond // while waiting for the others
	genesisSay   = 10 * time.Second       // for whom
	// heardWithin is how new a member's word must be: it is given anew several times a second, and
	// takes three round trips.
	heardWithin = 3 * time.Second
)

// genesis returns the log's first command. It waits until every voter has been met, since none may
// sign below the highest of their first eras and heights, and until each shows that it has met all
// others too, now: what one showed before it was stopped, restated or made anew is no word of it. A
// member that has not heard what the agents remember, or against what it was shown, shows that it
// has met nobody. And it waits while they state different ones: the highest is as likely to be the
// mistake. Nothing is claimed before Genesis, so whoever loses what it claimed comes back to voters
// that have all pinned its directory: one that had not would take an emptied disk for new.
func (s *Store) genesis(ctx context.Context) (machine.Genesis, error) {
	tick, said := time.NewTicker(genesisRetry), time.Time{}
	defer tick.Stop()
	own := s.cfg.Network.Presences.Presence(s.Indexes()).First
	for {
		first, missing := s.cfg.met(own, time.Now())
		against := errors.Join(s.cfg.stated(own), s.cfg.mayFound())
		if len(missing) == 0 && against == nil {
			return machine.Genesis{First: first, Active: s.cfg.Active, At: s.cfg.Now().UnixMilli()}, nil
		}
		if now := time.Now(); now.Sub(said) > genesisSay {
			said = now
			s.log.Warn().Strs("missing", missing).AnErr("against", against).
				Msg("nothing is signed before all cosigners have met once; waiting")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return machine.Genesis{}, ctx.Err()
		}
	}
}

// mayFound returns what stands against Genesis, as this member knows.
func (c Config) mayFound() error {
	if c.MayFound == nil {
		return nil
	}
	return c.MayFound()
}

// met returns the highest first era and height of all voters, and which of the others this one has
// not met, or have not shown lately that they met all others.
func (c Config) met(own watermark.Mark, now time.Time) (first watermark.Mark, missing []string) {
	first = own
	others := c.Voters.but(c.Name)
	for _, name := range others {
		p, ok := c.Network.Presences.Seen(name)
		if ok && now.Sub(p.At) <= heardWithin && int(p.Pinned) >= len(others) {
			first = first.Max(p.First)
		} else {
			missing = append(missing, name)
		}
	}
	return first, missing
}
