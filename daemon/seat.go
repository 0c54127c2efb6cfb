package daemon

import (
	"context"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/monitor"
	"casper-cosigner/rule/seat"
)

// standBackFor is how long a leader that could not sign hands over again whenever it is elected.
const standBackFor = 10 * time.Second

// seatSettings returns what is held to of where the lead is.
func seatSettings(c *cluster.File, self string) seat.Settings {
	s := seat.Settings{Self: self, Majority: len(c.Cosigners)/2 + 1, Threshold: c.Threshold,
		PingInterval: failoverSettings(c).PingInterval, Steady: seat.Steady, Rest: seat.Rest}
	for _, m := range cosigners(c) {
		s.Members = append(s.Members, m.name)
	}
	return s
}

// lead is how the lead is moved.
func (v *validator) lead() monitor.Lead {
	return monitor.Lead{
		Settings: seatSettings(v.self.Cluster, v.self.Name),
		Distance: v.admission.Distance,
		Standing: v.standing,
		HandOver: func(name string) {
			go func() {
				if err := v.store.HandOverTo(name); err != nil {
					v.options.Logger.Warn().Err(err).Msg("leading on")
				}
			}()
		},
	}
}

// standing is how this cosigner sees another one.
func (v *validator) standing(name string) (s seat.Standing) {
	for _, p := range v.quorum.Status() {
		if p.Name == name {
			s.Good = p.Ready && p.BadShares == 0 && p.Split == nil
		}
	}
	seen, _ := v.dir.Seen(name)
	if _, applied := v.store.Indexes(); applied > seen.AppliedIndex {
		s.Behind = applied - seen.AppliedIndex
	}
	return s
}

// giveUp hands over because this cosigner could not sign. What kept it from that is likely to go
// on, so it keeps from leading again for a while, and is not given the lead back for nearness.
func (v *validator) giveUp() {
	v.options.Logger.Warn().Msg("could not sign for a second while asked: handing over")
	v.standBack()
}

// splitEvery is how often is looked whether the others hold shares of another split. They tell each
// second.
const splitEvery = time.Second

// watchSplit hands over until ctx ends while the others could sign and this cosigner, which leads,
// could not, because its share is of another split. Nobody has to ask first: what is asked until
// then is late.
func (v *validator) watchSplit(ctx context.Context) {
	tick := time.NewTicker(splitEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if v.store.Leader().Self && v.quorum.Outvoted() {
			v.options.Logger.Error().Msg("the others hold shares of another split of the key, and make signatures without " +
				"this cosigner: handing over; replace its share file, `casper-cosigner status` names the splits")
			v.standBack()
		}
	}
}

// standBack hands over, if this cosigner leads, and keeps from leading for a while.
func (v *validator) standBack() {
	v.monitor.Gave()
	v.store.StandBack(standBackFor)
	go func() {
		if err := v.store.HandOver(); err != nil {
			v.options.Logger.Warn().Err(err).Msg("handing over")
		}
	}()
}
