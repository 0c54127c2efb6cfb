package drill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"casper-cosigner/stock/node"
)

// What the acts go by. A message is held for much longer than any that was granted took to arrive.
const (
	holdFor    = 2 * time.Second // that one of each kind is held, at least
	holdSlower = 4               // times the slowest arrival, if that is longer
	lookEvery  = 20 * time.Millisecond
	countEvery = 5 * time.Second // that the chain is compared with what was granted
	refusedFor = 5 * time.Second // that nothing arrives after a refusal, at least
	slowerBy   = 10              // times the slowest arrival, if that is longer
	longest    = 5 * time.Minute // that anything is waited for: a node was seen to need four to start again
)

// play plays all acts, and ends at once when the program did what it may not.
func (n *network) play(ctx context.Context) (err error) {
	if err := n.set(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := newListener(n.listens.unitFiles(), node.Public(n.drilled.key), node.Public(n.listens.key))
	n.oracle = newOracle(l, cancel)
	socket := filepath.Join(n.order.Work, "oracle")
	asked, err := n.oracle.serve(socket)
	if err != nil {
		return err
	}
	defer asked.Close()
	stop, err := n.raise(ctx, socket)
	if err != nil {
		return err
	}
	defer stop()
	defer n.drilled.kill()
	defer n.listens.kill()
	for _, p := range []*player{n.drilled, n.listens} {
		if err := p.start(ctx, n.binary()); err != nil {
			return err
		}
	}
	return n.acts(ctx)
}

func (n *network) binary() string { return filepath.Join(n.order.Work, "casper-node") }

func (n *network) acts(ctx context.Context) error {
	n.say("two nodes start; genesis is in %v", genesisIn)
	first := func() bool { return n.oracle.shown(leads, echoes, votes) }
	if err := n.await(ctx, "messages of each kind", first); err != nil {
		return err
	}
	n.say("echoes and votes arrive once they are granted, and not before")
	if err := n.skip(ctx); err != nil {
		return err
	}
	n.say("so do votes against a round")
	if err := n.refuse(ctx, leads); err != nil {
		return err
	}
	n.say("a refused echo was not sent, nor its proposal")
	if err := n.restart(ctx); err != nil {
		return err
	}
	n.say("restarted, it goes on from what its unit file holds")
	if err := n.refuse(ctx, votes); err != nil {
		return err
	}
	n.say("a refused vote was not sent")
	if !n.oracle.shown(leads, echoes, votes) {
		return fmt.Errorf("a granted message took %v to arrive, longer than others were held: this host is too busy, "+
			"try again", n.oracle.slow())
	}
	return nil
}

// await waits for something, and looks at all that arrives meanwhile.
func (n *network) await(ctx context.Context, what string, is func() bool) error {
	late, next := time.Now().Add(longest), time.Now().Add(countEvery)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := n.look(ctx); err != nil {
			return err
		}
		if is() {
			return nil
		}
		if time.Now().After(next) {
			var v *Violation
			if err := n.count(ctx, n.drilled); errors.As(err, &v) {
				return err
			}
			next = time.Now().Add(countEvery)
		}
		if time.Now().After(late) {
			return fmt.Errorf("waited %v for %s; what was recognised and granted till then: %v", longest, what,
				n.found().Messages)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		}
	}
}

// look holds what happened against what may happen.
func (n *network) look(ctx context.Context) error {
	if err := n.oracle.check(); err != nil {
		return err
	}
	for _, p := range []*player{n.drilled, n.listens} {
		if err := p.gone(); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// skip halts the listener until a round that it leads passes without a proposal.
func (n *network) skip(ctx context.Context) error {
	count := func() int { granted, _ := n.oracle.counts(); return granted[skips] }
	if before := count(); before == 0 {
		n.oracle.part()
		if err := n.listens.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		err := n.await(ctx, skips, func() bool { return count() > before })
		if err != nil {
			return err
		}
		if err := n.listens.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			return err
		}
	}
	return n.await(ctx, "a vote against a round to arrive", func() bool {
		_, arrived := n.oracle.counts()
		return arrived[skips] > 0
	})
}

// refuse refuses the next message of a kind, and all after it, and sees that nothing is sent.
func (n *network) refuse(ctx context.Context, kind string) error {
	if err := n.await(ctx, "messages to arrive", n.oracle.connected); err != nil {
		return err
	}
	n.oracle.turn(kind)
	var refused content
	if err := n.await(ctx, kind, func() bool {
		select {
		case refused = <-n.oracle.refused:
			return true
		default:
			return false
		}
	}); err != nil {
		return err
	}
	until := time.Now().Add(max(refusedFor, slowerBy*n.oracle.slow()))
	if err := n.await(ctx, "time", func() bool { return time.Now().After(until) }); err != nil {
		return err
	}
	n.say("refused: the %v", refused)
	return n.count(ctx, n.drilled, n.listens)
}

// count compares the chain with what was granted: nothing is final without our vote. It shows, too,
// that these nodes are at work.
func (n *network) count(ctx context.Context, nodes ...*player) error {
	for _, p := range nodes {
		height, err := p.height(ctx)
		if err != nil {
			return err
		}
		granted, _ := n.oracle.counts()
		if n.blocks = height; height > granted[votes] {
			return &Violation{fmt.Sprintf("the chain has %d blocks after genesis, and only %d votes were written", height,
				granted[votes])}
		}
	}
	return n.look(ctx)
}

// restart kills the drilled node and waits until it votes again.
func (n *network) restart(ctx context.Context) error {
	n.drilled.kill()
	n.oracle.part()
	n.oracle.turn(nothing)
	if err := n.drilled.start(ctx, n.binary()); err != nil {
		return err
	}
	before, _ := n.oracle.counts()
	return n.await(ctx, "messages after a restart", func() bool {
		now, _ := n.oracle.counts()
		return now[leads] > before[leads] && now[votes] > before[votes]
	})
}

func (n *network) found() Found {
	f := Found{Protocol: n.protocol, Blocks: n.blocks}
	if n.oracle != nil {
		f.Messages, _ = n.oracle.counts()
		f.Slowest = n.oracle.slow()
	}
	return f
}
