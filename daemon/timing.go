package daemon

import (
	"context"
	"time"

	"casper-cosigner/raftstore"
	"casper-cosigner/rule/timing"
)

// retimeEvery is between two looks at how far away the others are. Medians of half a minute do not
// move quicker; the first look that finds any comes with the first of them.
const retimeEvery = time.Second

// retime lets Raft's timers follow what is measured, until ctx ends. Another timing stays as it is.
func (p *process) retime(ctx context.Context) {
	if p.self.Cluster.Timing != raftstore.Measured {
		return
	}
	tick := time.NewTicker(retimeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		furthest, ok := p.furthest()
		now := p.store.Timing().Heartbeat
		want := timing.Heartbeat(now, furthest)
		if !ok || want == now {
			continue
		}
		log := p.options.Logger.Info()
		if err := p.store.Retime(want); err != nil {
			log = p.options.Logger.Error().Err(err)
		}
		log.Dur("furthest", furthest).Dur("heartbeat", want).Msg("timers of Raft, as measured")
	}
}

// furthest returns the round trip to the cosigner that is furthest away; false if none was
// measured. One that is gone does not count.
func (p *process) furthest() (furthest time.Duration, ok bool) {
	for _, name := range p.links.names() {
		if d, known := p.admission.Distance(name); known {
			furthest, ok = max(furthest, d), true
		}
	}
	return furthest, ok
}
