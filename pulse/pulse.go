// Package pulse tells whether this process stood still a moment ago.
//
// A process that was paused (SIGSTOP, a frozen virtual machine) finds requests in its sockets whose
// askers gave up long ago; gRPC deadlines are relative, so they look fresh, and the cancellations
// come behind them. Nothing may be bound for such a request. So after a pause a Pulse is silent
// until the cancellations have been read.
package pulse

import (
	"context"
	"sync/atomic"
	"time"
)

// Settle is for how long a Pulse is silent after a pause: to read what piled up.
const Settle = 100 * time.Millisecond

const (
	every  = 20 * time.Millisecond  // between looks at the clock
	missed = 150 * time.Millisecond // a gap of this length is a pause; less than a node's deadline of 250 ms
)

// Pulse is kept by Run and asked by Steady. New makes one.
type Pulse struct {
	start time.Time
	last  atomic.Int64 // time of the last beat since start
	quiet atomic.Int64 // end of the quiet time since start
}

// New returns a Pulse.
func New() *Pulse { return &Pulse{start: time.Now()} }

// Run beats until ctx ends.
func (p *Pulse) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	p.last.Store(int64(time.Since(p.start)))
	for {
		select {
		case <-tick.C:
			p.beat()
		case <-ctx.Done():
			return
		}
	}
}

// beat notes that the process runs, and whether it did not for a while.
func (p *Pulse) beat() {
	now := time.Since(p.start)
	if now-time.Duration(p.last.Load()) > missed {
		p.quiet.Store(int64(now + Settle))
	}
	p.last.Store(int64(now))
}

// Steady reports whether the process has been running without a pause for a while.
func (p *Pulse) Steady() bool {
	now := time.Since(p.start)
	return now-time.Duration(p.last.Load()) <= missed && now >= time.Duration(p.quiet.Load())
}
