package world

import (
	"math"
	"slices"
	"time"

	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
)

// monitor is what a cosigner knows of the nodes.
type monitor struct {
	judge   *failover.Judge
	pings   [ours]ping
	began   time.Time // since when it has listened without a break
	awake   time.Time // when it was last known to run
	paused  time.Time // when it went on after a pause
	signing time.Time // since when signatures could be made
	bound   failover.Place
	boundAt time.Time
	said    string
	round   int // of gathering
	told    [cosigners]*report
}

// ping is the last one of a node's agent.
type ping struct {
	at   time.Time
	told *health
}

// report is what one cosigner tells another: ages in milliseconds, -1 for never.
type report struct {
	at        time.Time // when it came, by the clock of whoever asked
	listening int64
	heard     [ours]int64
	told      [ours]*health // nil: it has told nothing
}

func newMonitor(s failover.Settings) monitor { return monitor{judge: failover.NewJudge(s)} }

// pingSettle is how long pings are not noted after a pause.
const pingSettle = 100 * time.Millisecond

func (c *cosigner) pinged(node int, told *health) {
	if c.listen(); c.watch.paused.IsZero() || c.w.now.Sub(c.watch.paused) >= pingSettle {
		c.watch.pings[node] = ping{at: c.w.now, told: told}
	}
}

// listen notes that the process runs. If it did not for long, it begins to listen anew.
func (c *cosigner) listen() {
	if c.w.now.Sub(c.watch.awake) > c.w.plan.After/2 {
		c.watch.began, c.watch.paused = c.w.now, c.w.now
	}
	c.watch.awake = c.w.now
}

func (c *cosigner) report() report {
	c.listen()
	r := report{listening: c.w.now.Sub(c.watch.began).Milliseconds()}
	for i, p := range c.watch.pings {
		r.heard[i] = -1
		if !p.at.IsZero() {
			r.heard[i], r.told[i] = c.w.now.Sub(p.at).Milliseconds(), p.told
		}
	}
	return r
}

// look gathers each ping interval.
func (c *cosigner) look() {
	c.after(c.w.plan.Ping, c.look)
	c.gather()
}

// gather asks all cosigners what they heard, and judges by it.
func (c *cosigner) gather() {
	c.listen()
	c.watch.round++
	round := c.watch.round
	c.watch.told = [cosigners]*report{}
	for _, o := range c.w.cosigners {
		if o == c {
			continue
		}
		c.w.post(&c.process, &o.process, func() {
			told := o.report()
			c.w.post(&o.process, &c.process, func() {
				c.heard[o.id] = c.w.now
				if c.watch.round == round {
					told.at = c.w.now
					c.watch.told[o.id] = &told
				}
			}, nil)
		}, nil)
	}
	c.after(gatherFor, func() {
		if c.watch.round == round {
			c.judge()
		}
	})
}

// gatherFor is how long the others' reports are waited for.
const gatherFor = 60 * time.Millisecond

// judge has the rule look at what was gathered and, on the leader, does what it wants.
func (c *cosigner) judge() {
	if !c.state.Started() {
		return
	}
	now := c.w.now
	own := c.report()
	own.at = now
	c.watch.told[c.id] = &own
	roles := c.state.Roles()
	j := c.w.rules.Judge(c.watch.judge, roles, c.observe(), now)
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
	if !c.leads || !c.ready || j.Confirm || j.Due.After(now) {
		return
	}
	at := c.wall().UnixMilli()
	switch j.Act {
	case failover.Activate:
		c.w.note("%s proposes %s for %s: %s", c.name, j.Node, j.Code, j.Why)
		c.w.referee.proposed(j.Node, j.Code)
		if c.w.slip(c, SlipHold); !c.leads {
			return
		}
		c.propose(machine.Activate{Node: j.Node, Epoch: roles.Epoch, Cause: j.Code, Reason: j.Why, At: at}, nil)
	case failover.Hold:
		c.propose(machine.Hold{Until: math.MaxInt64, Epoch: roles.Epoch, Cause: j.Code, Reason: j.Why, At: at}, nil)
	}
}

// observe puts together what the cosigners know.
func (c *cosigner) observe() failover.Observation {
	now := c.w.now
	o := failover.Observation{Wall: c.wall(), Signing: c.signs(), Nodes: map[string]failover.Node{}}
	bound, was := c.bound(), c.watch.bound
	if bound.Era != was.Era || bound.Round != was.Round || c.watch.boundAt.IsZero() {
		c.watch.boundAt = now
	}
	c.watch.bound = bound
	o.Bound, o.BoundAt = c.watch.bound, c.watch.boundAt
	var starts []time.Time
	var heard [ours]ping
	for _, t := range c.watch.told {
		if t != nil {
			o.Reporting++
			starts = append(starts, t.at.Add(-milliseconds(t.listening)))
		}
	}
	for i := range heard {
		heard[i] = c.hear(i)
	}
	o.Listening = listening(starts)
	for i, p := range heard {
		n := failover.Node{}
		if !p.at.IsZero() {
			n = p.node()
		}
		for other, q := range heard {
			if other == i || q.at.IsZero() {
				continue
			}
			if at := q.ago(q.told.reached[i]); at.After(n.HeardByAgent) {
				n.HeardByAgent = at
			}
		}
		if n != (failover.Node{}) { // one that only another agent reaches is known by that
			o.Nodes[names[i]] = n
		}
	}
	return o
}

// freshPings is for how many ping intervals what a cosigner heard itself counts alone.
const freshPings = 3

// hear returns what counts of what the cosigners heard from a node's agent: what this one did, while the node pings it, and
// else what the threshold of the others did.
func (c *cosigner) hear(node int) ping {
	own := c.watch.told[c.id].of(node)
	if !own.at.IsZero() && c.w.now.Sub(own.at) <= freshPings*c.w.plan.Ping {
		return own
	}
	var others []ping
	for id, t := range c.watch.told {
		if p := t.of(node); id != c.id && !p.at.IsZero() {
			others = append(others, p)
		}
	}
	slices.SortStableFunc(others, func(a, b ping) int { return b.at.Compare(a.at) })
	if threshold <= len(others) && others[threshold-1].at.After(own.at) {
		return others[threshold-1]
	}
	return own
}

// of returns what a cosigner heard of a node, zero if nothing or if it has not reported.
func (r *report) of(node int) ping {
	if r == nil || r.heard[node] < 0 {
		return ping{}
	}
	return ping{at: r.at.Add(-milliseconds(r.heard[node])), told: r.told[node]}
}

// listening returns since when the threshold of those that have listened longest all do.
func listening(starts []time.Time) time.Time {
	for i := range starts { // three at most
		for k := i; k > 0 && starts[k].Before(starts[k-1]); k-- {
			starts[k], starts[k-1] = starts[k-1], starts[k]
		}
	}
	return starts[min(threshold, len(starts))-1]
}

// node returns the node as its agent told of it.
func (p ping) node() failover.Node {
	h := p.told
	n := failover.Node{Heard: p.at, Blocked: p.ago(h.blocked), Fault: p.ago(h.fault), FaultEra: h.faultEra,
		Asks: failover.Asks{Place: h.place,
			Rounds:  failover.Progress{Asked: p.ago(h.rounds), Advanced: p.ago(h.roundsAdvanced)},
			Heights: failover.Progress{Asked: p.ago(h.heights), Advanced: p.ago(h.heightsAdvanced)}},
		Status: failover.Status{At: p.ago(h.status), Reactor: string(h.reactor), Height: h.height, Round: h.roundLength}}
	return n
}

func (p ping) ago(age int64) time.Time {
	if age < 0 {
		return time.Time{}
	}
	return p.at.Add(-milliseconds(age))
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// signs returns since when signatures can be made, as far as this cosigner knows.
func (c *cosigner) signs() time.Time {
	known := c.leads && c.ready || !c.leads && c.leader >= 0 && c.w.now.Sub(c.leaderAt) <= leaseFor
	switch {
	case !known || !c.quorate():
		c.watch.signing = time.Time{}
	case c.watch.signing.IsZero():
		c.watch.signing = c.w.now
	}
	return c.watch.signing
}
