package stage

import (
	"context"
	"fmt"
	"strconv"

	"casper-cosigner/testnet/localnet"
)

// JudgesAndRewards is what Judges says, and what each validator has earned.
func (s *Stage) JudgesAndRewards(ctx context.Context) error {
	record, ours := s.Pair.Record(), s.Pair.Ours
	type validator struct{ name, key string }
	all := []validator{{"ours", ours.String()}}
	for _, n := range s.Pair.Foreign {
		all = append(all, validator{n.Name, n.Validator.String()})
	}
	if err := s.Judges(ctx); err != nil {
		return err
	}
	earned, ends, err := earnings(record)
	if err != nil {
		return err
	}
	if ends == 0 {
		s.Sayf("no era ended, so there are no rewards yet")
		return nil
	}
	const mote = 1e-9 // of a CSPR
	for _, v := range all {
		e := earned[v.key]
		s.Sayf("%-12s %3d blocks proposed, %6.3f CSPR of rewards in %d eras", v.name, e.proposed, e.motes*mote, ends)
		s.Count("milli_cspr_"+v.name, int(1000*e.motes*mote))
		s.Count("blocks_proposed_"+v.name, e.proposed)
	}
	s.Claimf(earned[ours.String()].eras == ends, "we are rewarded at the end of each of %d eras; ours beside the "+
		"others' above", ends)
	return nil
}

// earned is what one validator got.
type earned struct {
	motes    float64
	eras     int // with a reward
	proposed int // blocks
}

// earnings sums up by validator what the ends of eras hand out; ends is how many there were.
func earnings(record *localnet.Record) (all map[string]earned, ends int, err error) {
	all = map[string]earned{}
	for _, b := range record.Blocks() {
		of := all[b.Block.Proposer.String()]
		of.proposed++
		all[b.Block.Proposer.String()] = of
		if b.Block.End == nil || len(b.Block.End.Rewards) == 0 { // genesis hands out nothing
			continue
		}
		ends++
		for validator, amounts := range b.Block.End.Rewards {
			e := all[validator.String()]
			e.eras++
			for _, amount := range amounts {
				motes, err := strconv.ParseFloat(amount, 64)
				if err != nil {
					return nil, 0, fmt.Errorf("reading a reward of %s: %w", validator, err)
				}
				e.motes += motes
			}
			all[validator.String()] = e
		}
	}
	return all, ends, nil
}
