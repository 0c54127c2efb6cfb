package hub

import (
	"context"
	"time"

	"casper-cosigner/testnet/zug"
)

// Loop runs steps, one at a time, so that zug's nodes, which have no clock, are played in real
// time. NewLoop makes one; Run runs them.
type Loop struct {
	steps chan func()
	over  chan struct{}
}

// NewLoop returns a Loop.
func NewLoop() *Loop { return &Loop{steps: make(chan func()), over: make(chan struct{})} }

// Run runs steps until ctx ends. It may be called once.
func (l *Loop) Run(ctx context.Context) {
	defer close(l.over)
	for {
		select {
		case step := <-l.steps:
			step()
		case <-ctx.Done():
			return
		}
	}
}

// Do has the step run and waits until it has. It returns false if it will not, since the loop is
// over. A step must not call it.
func (l *Loop) Do(step func()) bool {
	done := make(chan struct{})
	select {
	case l.steps <- func() { defer close(done); step() }:
		<-done
		return true
	case <-l.over:
		return false
	}
}

// After has the step run once d has passed, unless the loop is over by then. A step may call it.
func (l *Loop) After(d time.Duration, step func()) *time.Timer {
	return time.AfterFunc(d, func() { l.Do(step) })
}

// Player plays one node on a loop. Its methods are for steps only.
type Player struct {
	Node *zug.Node

	loop   *Loop
	heed   func(zug.Output)
	timer  *time.Timer
	halted bool
}

// Play returns a Player that gives the node's outputs to heed, which may drive it further. It
// begins with the first Drive.
func Play(l *Loop, n *zug.Node, heed func(zug.Output)) *Player {
	return &Player{Node: n, loop: l, heed: heed}
}

// Drive lets the node take a step.
func (p *Player) Drive(step func(n *zug.Node, now time.Time) zug.Output) {
	if p.halted {
		return
	}
	p.heed(step(p.Node, time.Now()))
	p.schedule()
}

// Halt stops the node where it stands, and Resume lets it go on.
func (p *Player) Halt() {
	p.halted = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// Resume is the end of Halt. The next Drive wakes the node.
func (p *Player) Resume() { p.halted = false }

func (p *Player) schedule() {
	if p.timer != nil {
		p.timer.Stop()
	}
	if !p.halted {
		p.timer = p.loop.After(max(0, time.Until(p.Node.Wake())), p.tick)
	}
}

func (p *Player) tick() {
	if time.Now().Before(p.Node.Wake()) { // it was driven in between
		return
	}
	p.Drive((*zug.Node).Tick)
}
