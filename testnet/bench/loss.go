package main

import (
	"slices"
	"time"

	"casper-cosigner/report"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
)

// loss is what our validator missed of the rounds that ended in a span of time, and of the blocks
// that came in it. What a lost round is, report says.
type loss struct {
	of       int         // rounds that ended
	rounds   []hub.Round // that are lost
	died     []hub.Round // that died with what was struck when the span began
	finality []hub.Block // without our finality signature in time
	foreign  int         // rounds that others led, and no block came
}

// add adds another span's.
func (l *loss) add(o loss) {
	l.of += o.of
	l.rounds = append(l.rounds, o.rounds...)
	l.died = append(l.died, o.died...)
	l.finality = append(l.finality, o.finality...)
	l.foreign += o.foreign
}

// unexcused counts what may have died with a node as lost: for when none did.
func (l loss) unexcused() loss {
	l.rounds, l.died = slices.Concat(l.rounds, l.died), nil
	return l
}

// spans are when things began, in order. Each lasts until the next begins, so that nothing is
// lost between them.
type spans []time.Time

// begin begins a span and returns its number.
func (s *spans) begin(at time.Time) int {
	*s = append(*s, at)
	return len(*s) - 1
}

// loss is that of one span, as far as the report goes: what ended so late that our signature may
// still come is left out.
func (s spans) loss(r hub.Report, block time.Duration, span int) (l loss) {
	from, to := s[span].UnixMilli(), r.Now-settling(block).Milliseconds()
	if span+1 < len(s) {
		to = min(to, s[span+1].UnixMilli())
	}
	for _, o := range r.Rounds {
		counts, fate := o.Ended, o.Seen(block, s[span]).Fate()
		if fate == report.Unvoted { // it was not lost before its vote was due
			counts = report.VoteDue(time.UnixMilli(o.Ended), block).UnixMilli()
		}
		if counts < from || counts >= to {
			continue
		}
		l.of++
		switch {
		case fate.Lost():
			l.rounds = append(l.rounds, o)
		case fate == report.Died:
			l.died = append(l.died, o)
		case fate == report.Skipped:
			l.foreign++
		}
	}
	for _, b := range r.Blocks {
		if b.Added >= from && b.Added < to && b.Seen(block).Lost() {
			l.finality = append(l.finality, b)
		}
	}
	return l
}

// settling is how long a finality signature may take (report.FinalityDue), and a block's
// time to hear of it.
func settling(block time.Duration) time.Duration { return 7 * block }

// votesSoon reports whether a node's vote in the round that was open at a time, or in the next,
// came in time. The journal is the node's from that time on.
func votesSoon(r hub.Report, block time.Duration, journal []node.Entry, at time.Time) bool {
	open := -1
	for i, o := range r.Rounds {
		if o.Began != 0 && o.Began <= at.UnixMilli() {
			open = i
		}
	}
	if open < 0 {
		return false
	}
	return slices.ContainsFunc(r.Rounds[open:min(open+2, len(r.Rounds))], func(o hub.Round) bool {
		asked := slices.ContainsFunc(journal, func(e node.Entry) bool {
			return e.Kind == "vote" && e.Given() && e.At >= at.UnixMilli() && e.Era == o.Era && e.Round == o.Round
		})
		return asked && o.Vote != 0 && o.Vote <= o.Ended+block.Milliseconds()
	})
}

func isZug(e node.Entry) bool { return e.Kind == "echo" || e.Kind == "vote" }

// firstSignature is how long after a command the node was given its first echo or vote as the
// active one; 0 if it was not.
func firstSignature(journal []node.Entry, command, active time.Time) time.Duration {
	for _, e := range journal {
		if e.Given() && isZug(e) && e.At >= active.UnixMilli() {
			return time.UnixMilli(e.At).Sub(command)
		}
	}
	return 0
}
