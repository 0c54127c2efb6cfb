package node

import (
	"context"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/zug"
)

// heed does what consensus wants done.
func (n *Node) heed(ctx context.Context, out zug.Output) {
	if len(n.replay) > 0 && n.player.Node.Status().Reactor == zug.Validate {
		n.replayLog()
		out.Requests = nil // of round 0, in which the log has its answer; asked again where it has not
	}
	for _, b := range out.Blocks {
		n.added(b)
	}
	for _, f := range out.Faults {
		if f.Validator == n.player.Node.Validator {
			n.events.fault(n.Validator, n.player.Node.Status().Open.Era, time.Now())
		}
	}
	for _, e := range out.Send {
		n.log.add(e.Message)
		n.queue(hub.Frame{Peer: e.To, Message: e.Message})
	}
	for _, r := range out.Requests {
		if n.mayAsk(r.Message) {
			n.asking.Go(func() { n.ask(ctx, r) })
		}
	}
}

// replayLog takes in what an earlier process saw, before this one does anything in the era.
func (n *Node) replayLog() {
	old := n.replay
	n.replay = nil
	for _, m := range old {
		n.log.add(m)
		n.take(n.ID, m)
	}
}

// olderBlocks is for how many blocks that are older than the process finality signatures are asked
// for. The model catches up from the first block on; casper-node has most of them on its disk, with
// their signatures, and takes up no era that was over.
const olderBlocks = 6

// mayAsk reports whether a casper-node would ask for the message. The model opens the next
// version's era at once; casper-node leaves before it does.
func (n *Node) mayAsk(m casper.Message) bool {
	switch m := m.(type) {
	case casper.Finality:
		return m.Height+olderBlocks > n.height
	case casper.Echo:
		return n.takesPart(m.Era)
	case casper.Vote:
		return n.takesPart(m.Era)
	}
	return true
}

func (n *Node) takesPart(era uint64) bool {
	return era >= n.chain.EraOf(n.height+1) && (n.staged == nil || era < n.staged.Era)
}

// added is told of a block.
func (n *Node) added(b zug.Block) {
	n.progress = time.Now()
	n.events.block(b)
	if n.chain.IsSwitch(b.Height) {
		n.log.reset()
	}
	if n.staged != nil && b.Era+1 == n.staged.Era && n.chain.IsSwitch(b.Height) && !n.leaving {
		n.leaving = true
		n.Logger.Info().Uint64("era", n.staged.Era).Str("version", n.staged.Version).Msg("leaving for the upgrade")
		n.loop.After(gossipTime, n.end)
	}
}

// ask asks the agent and hands over the answer.
func (n *Node) ask(ctx context.Context, r zug.Request) {
	a := n.agent.Sign(ctx, r.Message)
	if ctx.Err() != nil {
		return
	}
	n.journal.note(r.Message, a)
	answer := zug.Answer{ID: r.ID, Verdict: verdict(a), Message: a.Message(r.Message), Signature: a.Signature}
	n.loop.Do(func() {
		if f, ok := answer.Message.(casper.Finality); ok && answer.Verdict == zug.Granted {
			n.events.finality(f, answer.Signature, n.Validator)
		}
		n.player.Drive(func(z *zug.Node, now time.Time) zug.Output { return z.Answer(answer, now) })
	})
}

// verdict is what the node makes of an answer: what is below the floor will stay so; everything
// else may change.
func verdict(a testnet.Answer) zug.Verdict {
	switch {
	case a.Kind == testnet.Signed || a.Kind == testnet.Bound:
		return zug.Granted
	case a.Kind == testnet.Refused && (a.Reason == "BELOW_FLOOR" || a.Reason == "MALFORMED" || a.Reason == "UNSUPPORTED"):
		return zug.Forbidden
	}
	return zug.Refused
}
