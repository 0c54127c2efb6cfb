//go:build !race

package virtual

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/history"
	"casper-cosigner/testnet/link"
)

// storm has clients ask while there are faults, and returns how many of each kind there were, once
// everything is mended.
func (w *world) storm(faults []fault) (done map[string]int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var asking, raging sync.WaitGroup
	for _, node := range []string{testnet.Main, testnet.Standby} {
		for number := range clients {
			asking.Go(func() { w.client(ctx, node, number) })
		}
	}
	done = map[string]int{}
	var counting sync.Mutex
	count := func(kind string) {
		counting.Lock()
		defer counting.Unlock()
		done[kind]++
	}
	for _, f := range faults {
		testnet.Pause(ctx, w.sites.rest*f.after) //nolint:errcheck // it ends with this function
		name := w.victim(f)
		if f.kind != killed {
			raging.Go(func() {
				if w.strike(f, name) {
					count(f.kind)
				}
			})
			continue
		}
		err = errors.Join(err, w.kill(name))
		count(f.kind)
		testnet.Pause(ctx, f.away) //nolint:errcheck // as above
		err = errors.Join(err, w.start(name))
	}
	raging.Wait()
	cancel()
	asking.Wait()
	return done, err
}

// victim is the name of whom a fault hits.
func (w *world) victim(f fault) string {
	if f.victim >= 0 {
		return w.names[f.victim]
	}
	if p := w.leading(); p != nil {
		return p.name
	}
	return w.names[0]
}

// leading returns the process that leads, or nil.
func (w *world) leading() *process {
	for _, name := range w.names {
		if p := w.process(name); p != nil && p.store.Leader().Self {
			return p
		}
	}
	return nil
}

// strike does what can be done to links, clocks and roles, and undoes it, but for clocks and roles.
// It reports whether it came about.
func (w *world) strike(f fault, name string) bool {
	ctx := context.Background()
	links := w.hit(f, name)
	switch f.kind {
	case cut, oneWay:
		cutAll(links)
		testnet.Pause(ctx, f.away) //nolint:errcheck // it never ends
		if f.broken {
			sever(links)
		}
		mendAll(links)
	case slow:
		for _, l := range links {
			l.Slow(f.late)
		}
		testnet.Pause(ctx, f.away) //nolint:errcheck // as above
		for _, l := range links {
			l.Slow(-f.late)
		}
	case severed:
		sever(links)
	case clock:
		w.clocks[name].Add(int64(f.jump))
	case roles:
		return w.change(ctx, f)
	}
	return true
}

// hit returns the links that a fault is about.
func (w *world) hit(f fault, name string) []*link.Link {
	other := ""
	if f.other > 0 {
		other = w.names[(slices.Index(w.names, name)+f.other)%len(w.names)]
	}
	links := w.wire.of(name, other)
	if f.kind != oneWay {
		links = append(links, w.wire.of(other, name)...)
	}
	return links
}

func sever(links []*link.Link) {
	for _, l := range links {
		l.Sever()
	}
}

// change does what an operator may, again while nobody leads, and reports whether the log holds it.
func (w *world) change(ctx context.Context, f fault) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*awayFor)
	defer cancel()
	for !w.changeNow(ctx, f) {
		if testnet.Pause(ctx, lookAgain) != nil {
			return false
		}
	}
	return true
}

func (w *world) changeNow(ctx context.Context, f fault) bool {
	p := w.leading()
	if p == nil {
		return false
	}
	var now failover.State
	p.store.View(func(m *machine.State) { now = m.Roles() })
	change := failover.Change{Epoch: now.Epoch, Cause: failover.Operator, At: time.Now().UnixMilli()}
	command := machine.Command(machine.SetMode{Mode: failover.Hot, Change: change})
	if f.fenced {
		command = machine.SetMode{Mode: failover.Fenced, Change: change}
	}
	if f.active != "" {
		command = machine.Activate{Node: f.active, Change: change}
	}
	result, err := p.store.Apply(ctx, command)
	return err == nil && result.Outcome == machine.Done
}

// last has both nodes ask for every slot once more, for another value, until each has a signature.
func (w *world) last() error {
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lastWithin)
	defer cancel()
	for !w.hot(ctx) {
		if testnet.Pause(ctx, lookAgain) != nil {
			return errors.New("nobody leads, though all is well again")
		}
	}
	for i, m := range w.history.Slots() {
		left := []string{testnet.Main, testnet.Standby}
		if i%2 == 1 {
			slices.Reverse(left)
		}
		for len(left) > 0 && testnet.Pause(ctx, lookAgain) == nil { // by turns: it may be the other one's first
			left = slices.DeleteFunc(left, func(node string) bool {
				c := history.Call{Asker: node + "/last", Asked: testnet.Other(m), Last: true}
				c.Answer = w.call(c)
				if c.Signed() {
					m = c.Answer.Message(c.Asked)
				}
				return c.Signed()
			})
		}
	}
	return nil
}

// hot sees to it that the standby too may claim what is still free; it reports whether that is so.
func (w *world) hot(ctx context.Context) (is bool) {
	if p := w.leading(); p != nil {
		p.store.View(func(m *machine.State) { roles := m.Roles(); is = roles.Mode == failover.Hot })
	}
	if !is {
		w.change(ctx, fault{})
	}
	return is
}
