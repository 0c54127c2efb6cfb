package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casper-cosigner/testnet"
)

const plainChanges = 10 // holds, and as many ends of them

// handOver has an operator hand over and back, in both modes, and measures what a change costs
// that does nothing.
func (r *rehearsal) handOver(ctx context.Context) error {
	plain, err := r.plain(ctx)
	if err != nil {
		return err
	}
	r.figure("floor: failover hold, resume", spread(plain), "")
	for _, mode := range []string{"fenced", "hot"} {
		if err := r.mode(ctx, mode); err != nil {
			return err
		}
		var all []handover
		for range r.handovers {
			for _, node := range []string{testnet.Standby, testnet.Main} {
				all = append(all, r.handover(ctx, node))
			}
		}
		if err := r.settled(ctx); err != nil {
			return err
		}
		p, err := r.rest(ctx)
		if err != nil {
			return err
		}
		for i := range all {
			h := &all[i]
			journal, err := r.Net.Node(h.node).Journal(h.asked)
			if err != nil {
				return err
			}
			h.loss, h.first = r.lossOf(p, h.span).unexcused(), firstSignature(journal, h.asked, h.active.At)
		}
		s := sumHandovers(all)
		r.goal(fmt.Sprintf("%s: handovers, %d and back", mode, r.handovers), fmt.Sprintf("%d lost of %d rounds, %d failed",
			s.lost(), s.loss.of, s.failed),
			"0 lost", s.lost() == 0 && s.failed == 0 && s.count == 2*r.handovers)
		r.figure("  failover promote", spread(s.command), "")
		r.figure("    to the floor", fmt.Sprintf("%.1f times %s",
			float64(s.command.Quantile(0.5))/float64(plain.Quantile(0.5)), testnet.Millis(plain.Quantile(0.5))), "")
		r.figure("  to the new one's first signature", fmt.Sprintf("%s; none in %d", spread(s.first), s.silent), "")
		for i, h := range all {
			if h.failed != nil {
				r.printf("  (handover %d: %v)", i+1, h.failed)
			}
			r.tell(fmt.Sprintf("handover %d: ", i+1), h.loss)
		}
	}
	return nil
}

// plain measures changes of the roles' state that change no role: what a command and an entry
// in the log take.
func (r *rehearsal) plain(ctx context.Context) (all testnet.Latencies, err error) {
	for range plainChanges {
		for _, change := range []string{"hold", "resume"} {
			start := time.Now()
			if err := r.Operate(ctx, change); err != nil {
				return nil, err
			}
			all = append(all, time.Since(start))
		}
	}
	return all, nil
}

// handover makes the node active at a random instant.
func (r *rehearsal) handover(ctx context.Context, node string) handover {
	ctx, cancel := context.WithTimeout(ctx, comesWithin)
	defer cancel()
	h := handover{node: node, span: -1}
	if r.ear.active() == node { // the one before failed
		h.failed = fmt.Errorf("%s is active already", node)
		return h
	}
	if h.failed = errors.Join(r.BothReady(ctx), r.instant(ctx)); h.failed != nil {
		return h
	}
	h.asked = time.Now()
	h.span = r.spans.begin(h.asked)
	if h.failed = r.Command(ctx, "promote", node); h.failed == nil {
		h.command = time.Since(h.asked)
		h.active, h.failed = r.ear.await(ctx, node, h.asked)
	}
	return h
}
