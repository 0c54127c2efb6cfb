//go:build !race

package virtual

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"casper-cosigner/signer/failover"
	"casper-cosigner/signer/machine"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/history"
	"casper-cosigner/testnet/link"
)

// storm has clients ask while there are faults, and returns how many of each kind there were, once everything is mended.
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
	for _, f := range faults {
		testnet.Pause(ctx, f.after) //nolint:errcheck // it ends with this function
		done[f.kind]++
		name := w.victim(f)
		if f.kind != killed {
			raging.Go(func() { w.strike(f, name) })
			continue
		}
		err = errors.Join(err, w.kill(name))
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

// strike does what can be done to links and roles, and undoes it.
func (w *world) strike(f fault, name string) {
	ctx := context.Background()
	links := w.hit(f, name)
	switch f.kind {
	case cut, oneWay:
		w.wire.cut(links)
		testnet.Pause(ctx, f.away) //nolint:errcheck // it never ends
		if f.broken {
			sever(links)
		}
		w.wire.mend(links)
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
	case roles:
		w.change(ctx, f)
	}
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

// change does what an operator may, if anybody leads.
func (w *world) change(ctx context.Context, f fault) {
	p := w.leading()
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, awayFor)
	defer cancel()
	var now failover.State
	p.store.View(func(m *machine.State) { now = m.Roles() })
	at := time.Now().UnixMilli()
	command := machine.Command(machine.SetMode{Mode: failover.Hot, Epoch: now.Epoch, Cause: failover.Operator, At: at})
	if f.fenced {
		command = machine.SetMode{Mode: failover.Fenced, Epoch: now.Epoch, Cause: failover.Operator, At: at}
	}
	if f.active != "" {
		command = machine.Activate{Node: f.active, Epoch: now.Epoch, Cause: failover.Operator, At: at}
	}
	p.store.Apply(ctx, command) //nolint:errcheck // whether it was made does not matter
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
		nodes := []string{testnet.Main, testnet.Standby}
		for n := range nodes {
			asker := nodes[(i+n)%len(nodes)] + "/last"
			a := testnet.Answer{Kind: testnet.Unknown}
			for a.Kind != testnet.Signed && a.Kind != testnet.Bound && testnet.Pause(ctx, lookAgain) == nil { // it may not be its turn yet
				a = w.call(history.Call{Asker: asker, Asked: testnet.Other(m), Last: true})
			}
			if held := a.Message(testnet.Other(m)); held != nil {
				m = held
			}
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
