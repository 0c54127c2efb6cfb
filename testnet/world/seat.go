package world

import (
	"slices"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/ear"
	"casper-cosigner/rule/seat"
	"casper-cosigner/rule/timing"
	"casper-cosigner/rule/wire"
)

// ways is how far away each cosigner is.
type ways [cosigners]timing.Distance

func (w *World) seatSettings(self int) seat.Settings {
	s := seat.Settings{Self: cosignerNames[self], Majority: threshold, Threshold: threshold,
		PingInterval: w.plan.Ping, Steady: seat.Steady, Rest: w.rest()}
	if w.plan.Steady > 0 {
		s.Steady = w.plan.Steady
	}
	if w.rules.Restless {
		s.Rest = 0
	}
	for i := range cosigners {
		s.Members = append(s.Members, cosignerNames[i])
	}
	return s
}

// rest is how long the lead stays after it was handed over.
func (w *World) rest() time.Duration {
	if w.plan.Rest > 0 {
		return w.plan.Rest
	}
	return seat.Rest
}

// reach returns the cosigner's round trips to the others.
func (c *cosigner) reach() map[string]time.Duration {
	all := map[string]time.Duration{}
	for i, name := range cosignerNames {
		if d, known := c.watch.ways[i].RoundTrip(); known {
			all[name] = d
		}
	}
	return all
}

// sit has the product say where the lead had best be, and hands it over.
func (c *cosigner) sit(settled bool, all []ear.Told, reports map[string]*cosignerv1.NodeReport) {
	l := seat.Look{Now: c.w.now, Leads: c.leads && c.ready, Settled: settled, Active: c.state.Roles().Active,
		Agent: wire.Reached(reports[c.state.Roles().Active]), Reach: c.reach(), Words: map[string]seat.Word{},
		Others: map[string]seat.Standing{}}
	for _, t := range all[1:] {
		l.Words[t.From] = wire.Word(t.Report, t.At)
		o := c.w.cosigners[slices.Index(cosignerNames[:], t.From)]
		l.Others[t.From] = seat.Standing{Good: true, Behind: uint64(max(0, c.applied-o.applied))}
	}
	d := c.w.rules.Sit(c.watch.seat, l)
	if d.To == "" {
		return
	}
	to := c.w.cosigners[slices.Index(cosignerNames[:], d.To)]
	c.w.note("%s hands the lead over to %s: %s", c.name, to.name, d.Why)
	c.w.referee.moves(c)
	c.w.stats[Moves]++
	c.w.post(&c.process, &to.process, func() { c.w.win(to) }, nil)
}

// usher is the referee's account of where the lead goes.
type usher struct {
	w      *World
	handed time.Time // when it was handed over last
}

// moves sees a leader hand the lead over for nearness: not while the roles are held or a failover
// is due, and at most once in Rest, unless those who know of the last time may all have been
// killed.
func (u *usher) moves(c *cosigner, due bool) {
	w := u.w
	switch roles := c.state.Roles(); {
	case roles.HoldUntil > c.wall().UnixMilli():
		w.fail("%s hands the lead over while the roles are held", c.name)
	case due:
		w.fail("%s hands the lead over while a failover is due", c.name)
	case !u.handed.IsZero() && w.now.Sub(u.handed) < w.rest()-w.plan.Ping &&
		!w.plan.has(KillCosigner, KillLeader, Trap, HungDisk, DiskError):
		w.fail("%s hands the lead over %v after the last time", c.name, w.now.Sub(u.handed))
	}
	u.handed = w.now
}
