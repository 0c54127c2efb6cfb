package world

import (
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/ear"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/seat"
	"casper-cosigner/rule/wire"
)

// monitor is what a cosigner knows of the nodes.
type monitor struct {
	judge  *failover.Judge
	ear    *ear.Ear
	said   string
	round  int                  // of gathering
	told   [cosigners]*ear.Told // in it, by the others
	seat   *seat.Seat
	ways   ways
	orders map[string]failover.Order // of restarts, as it tells them
}

func newMonitor(s failover.Settings, lead seat.Settings) monitor {
	return monitor{judge: failover.NewJudge(s), ear: ear.New(s), seat: seat.New(lead)}
}

// report is what the cosigner tells the others.
func (c *cosigner) report() *cosignerv1.GatherResponse {
	r := c.watch.ear.Report(c.w.now)
	r.Seat = wire.Seat(c.watch.seat.Word(c.reach(), c.quorate(), c.w.now), c.w.now)
	return r
}

func (c *cosigner) pinged(node int, told *cosignerv1.PingRequest) {
	if err := c.watch.ear.Heard(names[node], told, c.w.now); err != nil {
		c.w.fail("%s does not take a ping: %v", c.name, err)
	}
}

// look gathers each ping interval.
func (c *cosigner) look() {
	c.after(c.w.plan.Ping, c.look)
	c.found()
	c.gather()
}

// gather asks all cosigners what they heard, and judges by it.
func (c *cosigner) gather() {
	c.watch.ear.Awake(c.w.now)
	c.watch.round++
	round := c.watch.round
	c.watch.told = [cosigners]*ear.Told{}
	for _, o := range c.w.cosigners {
		if o == c {
			continue
		}
		asked, seen := c.w.now, c.record.seen[o.name]
		c.w.post(&c.process, &o.process, func() {
			report := o.report()
			c.w.send(&o.process, &c.process, c.w.admitted(&o.process, &c.process, seen), func() {
				c.heard[o.id] = c.w.now
				c.watch.ways[o.id].Answered(c.w.now.Sub(asked))
				if c.watch.round == round {
					c.watch.told[o.id] = &ear.Told{From: o.name, At: c.w.now, Report: report}
				}
			}, nil)
		}, nil)
	}
	c.after(gatherFor+c.w.plan.Sites.farthest(), func() {
		if c.watch.round == round {
			c.judge()
		}
	})
}

// gatherFor is how long the others' reports are waited for, beyond their way.
const gatherFor = 60 * time.Millisecond

// judge has the rule look at what was gathered and, on the leader, does what it wants.
func (c *cosigner) judge() {
	if !c.state.Started() {
		return
	}
	now, all := c.w.now, []ear.Told{{From: c.name, At: c.w.now, Report: c.report()}}
	for _, t := range c.watch.told {
		if t != nil {
			all = append(all, *t)
		}
	}
	roles := c.state.Roles()
	seen, reports := c.watch.ear.Observe(all, ear.Here{Now: now, Wall: c.wall(), Bound: c.state.Bound(), Signs: c.signs()})
	seen.Examine(validatorKey(), c.state.Table())
	j := c.w.rules.Judge(c.watch.judge, roles, seen, now)
	if j.Code != c.watch.said {
		c.watch.said = j.Code
		c.w.note("%s judges %s: %s", c.name, j.Code, j.Why)
	}
	if round := c.watch.round; j.Due.After(now) && j.Due.Before(now.Add(c.w.plan.Ping)) {
		c.after(j.Due.Sub(now), func() {
			if c.watch.round == round {
				c.gather()
			}
		})
	}
	c.sit(j.Settled(), all, reports)
	c.watch.orders = j.Orders
	if eras := c.w.referee.eras; eras != nil && c.w.plan.Pair.Liar != c.id+1 {
		if j.Rearm.Code == failover.RearmSpent { // called for, and not again
			eras.called(roles.Active)
		} else {
			eras.called(j.Rearm.Node)
		}
	}
	switch lies := c.w.plan.Pair.Liar == c.id+1; {
	case !c.leads || !c.ready:
	case j.Rearm.Order:
		c.order(j.Rearm, roles.Epoch)
	case lies && c.w.rng.IntN(10) == 0:
		c.w.lied = true
		c.order(failover.Rearm{Why: madeUp, Node: roles.Active, Era: c.state.Bound().Era}, roles.Epoch)
	}
	if !c.leads || !c.ready || j.Confirm || j.Due.After(now) {
		return
	}
	change := failover.Change{Epoch: roles.Epoch, Cause: j.Code, Reason: j.Why, At: c.wall().UnixMilli()}
	switch j.Act {
	case failover.Activate:
		c.w.note("%s proposes %s for %s: %s", c.name, j.Node, j.Code, j.Why)
		c.w.referee.proposed(j.Node, j.Code)
		if c.w.slip(c, SlipHold); !c.leads {
			return
		}
		c.propose(machine.Activate{Node: j.Node, Change: change}, nil)
	case failover.Hold:
		c.propose(machine.Hold{Until: j.Until, Change: change}, nil)
	}
}

// signs reports whether signatures can be made, as far as this cosigner knows.
func (c *cosigner) signs() bool {
	known := c.leads && c.ready || !c.leads && c.leader >= 0 && c.w.now.Sub(c.leaderAt) <= leaseFor
	return known && c.quorate()
}
