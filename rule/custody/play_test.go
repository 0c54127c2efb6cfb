package custody_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"casper-cosigner/rule/custody"
)

// cosigner is one of a play, with its own cluster file and log, and what it recorded.
type cosigner struct {
	file    custody.Cluster
	leases  custody.Leases
	applied uint64
	given   map[string]uint64 // newest number by node, durable
	told    []custody.Record
}

// play is cosigners under a leader that shows each of them the log that it likes, has an agent of
// its own, and keeps every start that it ever saw.
type play struct {
	*rand.Rand
	t      *testing.T
	all    []*cosigner
	seen   []custody.Signed
	wanted map[custody.Start]bool // that node-a's honest agent signed
}

func newPlay(t *testing.T, seed uint64) *play {
	p := &play{Rand: rand.New(rand.NewPCG(seed, 1)), t: t, wanted: map[custody.Start]bool{}}
	for range 3 {
		p.all = append(p.all, &cosigner{file: file(), given: map[string]uint64{}})
	}
	p.all[2].file.Nodes["node-a"] = agent("node-a", false) // its operator forgot
	return p
}

// some returns a start: one that node-a's agent signs, as the next after what it is told that the
// log holds; one that was seen; or what the leader makes of it.
func (p *play) some(c *cosigner) custody.Signed {
	if len(p.seen) == 0 || p.IntN(3) == 0 {
		s := start("node-a", c.leases.Newest("node-a").Number+1, byte(p.IntN(256)))
		p.wanted[s.Start] = true
		p.seen = append(p.seen, s)
		return s
	}
	s := p.seen[len(p.seen)-1-p.IntN(min(8, len(p.seen)))]
	switch p.IntN(6) {
	case 0:
		s.Recipient[31] = 66
	case 1:
		s.Number += uint64(p.IntN(3))
	case 2:
		s = start("node-b", s.Number, 66)
	case 3:
		s = file().Sign(agentKey("node-b"), s.Start) // the leader's own agent, for node-a
	}
	return s
}

// step has the leader write an entry into some logs, or ask somebody for its share.
func (p *play) step() {
	c := p.all[p.IntN(len(p.all))]
	s := p.some(c)
	if p.IntN(2) == 0 {
		c.applied += 1 + uint64(p.IntN(2))*custody.Fresh/3
		c.leases.Grant(c.applied, s)
		return
	}
	if newest := c.leases.Newest("node-a"); newest.Number > 0 && p.IntN(2) == 0 {
		s = newest.Signed
	}
	v := custody.View{Cluster: c.file, Newest: c.leases.Newest(s.Node), Applied: c.applied, Whole: p.IntN(8) > 0,
		Suspended: p.IntN(8) == 0, Given: c.given[s.Node]}
	if p.IntN(8) == 0 {
		v.Applied += custody.Fresh * 2
	}
	if v.Judge(s) != custody.None {
		return
	}
	p.check(c, v, s)
	r := v.Record()
	c.given[r.Node] = r.Number // durable; whatever is not recorded is lost with the process
	c.told = append(c.told, r)
}

// check is the promises, said in another way than the rule says them.
func (p *play) check(c *cosigner, v custody.View, s custody.Signed) {
	p.t.Helper()
	wrong := func(what string) { p.t.Errorf("a share of the key is given %s: %+v", what, s.Start) }
	if c == p.all[2] || s.Node != "node-a" {
		wrong("for a node that the cosigner's file does not mark")
	}
	if !p.wanted[s.Start] {
		wrong("to what no agent of that node asked for")
	}
	if !v.Whole || v.Suspended {
		wrong("by a sealed cosigner, or for a suspended node")
	}
	for _, r := range c.told {
		if r.Node == s.Node && r.Number >= s.Number {
			wrong("twice, or after that of a later start")
		}
	}
	if v.Applied > v.Newest.Granted+custody.Fresh {
		wrong("long after the lease")
	}
}

// plays is how many there are, each of some milliseconds.
const plays = 60

// TestPlay: whatever a leader writes, swaps, replays and asks for.
func TestPlay(t *testing.T) {
	given := 0
	for seed := range uint64(plays) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := newPlay(t, seed)
			for range 200 {
				p.step()
			}
			for _, c := range p.all {
				given += len(c.told)
			}
		})
	}
	if given < plays {
		t.Errorf("in %d plays %d shares were given: nothing was tried", plays, given)
	}
}
