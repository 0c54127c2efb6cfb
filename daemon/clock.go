package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/clock"
	"casper-cosigner/statedir"
)

const (
	clockEvery = 100 * time.Millisecond // between two looks at the clocks
	// clockApart is how long reading both clocks may take: if this process is put off between the one
	// and the other, they seem to differ by as much.
	clockApart = 100 * time.Millisecond
	// clockTold bounds the calls that tell the others of a jump.
	clockTold = 500 * time.Millisecond
)

// ErrClockJumped ends a cosigner whose host's wall clock jumped. It is to be started again.
var ErrClockJumped = errors.New("ending, to be started again as a new process whose state the other cosigners compare")

// hostClock is what this cosigner makes of its host's clocks.
type hostClock struct {
	read  func() clock.Reading
	watch *clock.Watch
	doubt atomic.Pointer[clock.Judgement] // set while no shares are to be given
}

func newHostClock(p *process) *hostClock {
	c := p.self.Cluster
	own, _ := c.Cosigner(p.self.Name)
	h := &hostClock{read: p.options.Clock, watch: clock.New(clock.Settings{Share: own.Share, Threshold: c.Threshold,
		PingInterval: failoverSettings(c).PingInterval})}
	if h.read == nil {
		h.read = readClocks(time.Now())
	}
	return h
}

// readClocks returns a reading of both clocks, which Go's time has side by side.
func readClocks(start time.Time) func() clock.Reading {
	return func() clock.Reading {
		for {
			before, now := time.Now(), time.Now()
			if now.Sub(before) < clockApart { // else it was put off, and perhaps within the second
				return clock.Reading{Wall: now.Round(0), Mono: now.Sub(start)}
			}
		}
	}
}

// steady returns nil unless this process may run on a state that is not its last.
func (h *hostClock) steady() error {
	if j := h.doubt.Load(); j != nil {
		return fmt.Errorf("it gives no shares until it is started again: %s", j.Why())
	}
	return nil
}

// note keeps shares back, or no more.
func (h *hostClock) note(j clock.Judgement) {
	if j.KeepBack {
		h.doubt.Store(&j)
	} else {
		h.doubt.Store(nil)
	}
}

// watchClock looks at the host's clocks until ctx ends, or until this process must.
func (v *validator) watchClock(ctx context.Context) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	var last clock.Judgement
	for {
		now := v.clock.watch.Look(v.clock.read(), v.otherClocks())
		v.clock.note(now)
		v.dir.Show(statedir.Condition{Jumped: now.Jumped, Ready: v.server.Ready() == nil})
		switch {
		case now.End:
			return fmt.Errorf("%s: %w", now.Why(), ErrClockJumped)
		case now.Jumped && !last.Jumped:
			v.options.Logger.Warn().Msg("this process ends soon, one cosigner after the other: " + now.Why())
			v.tellClock(ctx)
			last = now // what they answered is looked at before anything else is done
			continue
		case now.KeepBack && !last.KeepBack:
			v.options.Logger.Warn().Msg("giving no shares until it is started again")
			v.standBack()
		}
		last = now
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// otherClocks returns what the other cosigners showed last.
func (v *validator) otherClocks() (all []clock.Other) {
	for _, name := range v.links.names() {
		entry, _ := v.self.Cluster.Cosigner(name)
		o := clock.Other{Share: entry.Share, Age: time.Hour}
		if seen, ok := v.dir.Seen(name); ok && !seen.At.IsZero() {
			o.Jumped, o.Ready, o.Age = seen.Jumped, seen.Ready, time.Since(seen.At)
		}
		all = append(all, o)
	}
	return all
}

// tellClock calls every other cosigner, which tells it that the clock jumped, and tells us what
// they show by now.
func (v *validator) tellClock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, clockTold)
	defer cancel()
	var calls sync.WaitGroup
	for _, client := range v.links.peers() {
		calls.Go(func() { _, _ = client.Gather(ctx, &cosignerv1.GatherRequest{}) })
	}
	calls.Wait()
}
