package main

import (
	"context"
	"time"

	"casper-cosigner/report"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
)

// rehearsal is what `failover drill -o json` says, as far as it is needed here.
type rehearsal struct {
	Standby     string   `json:"standby"`
	KeptSeconds float64  `json:"kept_seconds"`
	Ended       string   `json:"ended"`
	Active      string   `json:"active"`
	Epoch       uint64   `json:"epoch"`
	First       place    `json:"first"`
	Last        place    `json:"last"`
	Rounds      int      `json:"rounds"`
	Heights     int      `json:"heights"`
	LostRounds  []place  `json:"lost_rounds"`
	LostHeights []uint64 `json:"lost_heights"`
	Nodes       []struct {
		Name  string `json:"name"`
		Votes int    `json:"votes"`
	} `json:"nodes"`
}

type place struct {
	Era   uint64 `json:"era"`
	Round uint32 `json:"round"`
}

func (p place) isBefore(q place) bool { return p.Era < q.Era || p.Era == q.Era && p.Round < q.Round }

// handOver rehearses a planned handover between two nodes that are ready, and holds what the
// rehearsal says against what the other validators have seen.
func (s *demo) handOver(mode string) func(context.Context) error {
	return func(ctx context.Context) error {
		s.Begin("drill, "+mode, "In %s mode: failover drill hands over to %s and back, both ready", mode, testnet.Standby)
		return s.rehearse(ctx, mode)
	}
}

func (s *demo) rehearse(ctx context.Context, mode string) error {
	if _, err := s.awaitInstant(ctx, mode, false); err != nil {
		return err
	}
	if _, err := s.AllReady(ctx); err != nil {
		return err
	}
	began := time.Now()
	var r rehearsal
	if err := s.Net.Cluster.Ask(ctx, &r, "failover", "drill", "--yes", "--reason", s.Reason); err != nil {
		return err
	}
	votes := 0
	for _, n := range r.Nodes {
		if n.Name == r.Standby {
			votes = n.Votes
		}
	}
	s.Claimf(r.Ended == "" && r.Active == testnet.Main && votes > 0,
		"%s was active for %.1f s and bound %d votes, %s is active again, epoch %d",
		r.Standby, r.KeptSeconds, votes, r.Active, r.Epoch)
	s.Claimf(r.Rounds > 0 && r.Heights > 0 && len(r.LostRounds)+len(r.LostHeights) == 0,
		"it says: of %d rounds and %d heights, %d and %d are lost", r.Rounds, r.Heights, len(r.LostRounds),
		len(r.LostHeights))
	if err := s.SomeRounds(ctx, 2); err != nil {
		return err
	}
	seen, err := s.Net.Report(ctx)
	if err != nil {
		return err
	}
	rounds, unvoted := r.against(seen)
	s.Claimf(rounds == r.Rounds && unvoted == len(r.LostRounds),
		"the other validators saw the same: of these %d rounds, %d are without our vote", rounds, unvoted)
	l, err := s.Net.Losses(ctx, began)
	if err != nil {
		return err
	}
	l = l.Unexcused()
	s.claimLosses(l, hot, began, 0)
	s.rows = append(s.rows, row{"planned handover", mode, "operator", "at once", "-", "-", l})
	return nil
}

// against counts the rehearsal's rounds in what the other validators have seen, and those that are
// lost as the cosigners see it: they know of votes only, and neither of leaders nor of blocks.
func (r rehearsal) against(seen hub.Report) (rounds, unvoted int) {
	for _, o := range seen.Rounds {
		p := place{o.Era, o.Round}
		if p.isBefore(r.First) || !p.isBefore(r.Last) {
			continue
		}
		rounds++
		if (report.Round{Vote: report.Seen(o.Vote != 0)}).Fate().Lost() {
			unvoted++
		}
	}
	return rounds, unvoted
}
