package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"casper-cosigner/rule/lead"
)

// guide is what an agent believes of the cosigners, and who waits for which of them.
type guide struct {
	mu     sync.Mutex // guards what follows
	belief lead.Belief
	pinged map[int]bool // cosigners of which a first ping was answered, or lost
	waits  map[*wait]bool
}

// wait is a request that waits for a cosigner's answer.
type wait struct {
	cosigner int
	leave    context.CancelCauseFunc
}

var errSilent = errors.New("the cosigner has fallen silent")

func newGuide(cosigners []Cosigner) guide {
	var names []string
	for _, c := range cosigners {
		names = append(names, c.Name)
	}
	return guide{belief: lead.New(names), pinged: map[int]bool{}, waits: map[*wait]bool{}}
}

func (g *guide) next(tried []bool, left time.Duration) (int, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.belief.Next(tried, left, time.Now())
}

func (g *guide) note(what func(*lead.Belief)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	what(&g.belief)
}

// leads reports whether the cosigners name cosigner i as the leader.
func (g *guide) leads(i int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.belief.Leads(i)
}

// heard reports whether each of so many cosigners has been pinged.
func (g *guide) heard(all int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.pinged) == all
}

// enter notes that a request waits for cosigner i until it exits. leave is called, with errSilent,
// if it waits in vain.
func (g *guide) enter(i int, leave context.CancelCauseFunc) (exit func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := &wait{cosigner: i, leave: leave}
	g.waits[w] = true
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.waits, w)
	}
}

// Pinged notes what came of a ping of the named cosigner.
func (a *Agent) Pinged(cosigner string, p lead.Ping, now time.Time) {
	g := &a.guide
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.belief.Number(cosigner)
	if i < 0 {
		return
	}
	g.pinged[i] = true
	g.belief.Pinged(i, p, now)
	for w := range g.waits {
		if g.belief.Left(w.cosigner, now) {
			w.leave(errSilent)
		}
	}
}

// Doubts reports whether the cosigners are to be pinged briskly: requests failed, and it is not
// known who leads instead.
func (a *Agent) Doubts() bool {
	a.guide.mu.Lock()
	defer a.guide.mu.Unlock()
	return a.guide.belief.Doubts(time.Now())
}

// Leader returns the name of the cosigner that a request begins with.
func (a *Agent) Leader() string {
	a.guide.mu.Lock()
	defer a.guide.mu.Unlock()
	return a.Cosigners[a.guide.belief.First()].Name
}
