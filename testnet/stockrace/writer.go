package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units/unitstest"
	"casper-cosigner/testnet"
)

// lookAgain is how often a writer looks for its gate.
const lookAgain = 2 * time.Millisecond

// writer is one hand of a node. All of a node's write into the same file.
type writer struct {
	*race
	node   int
	random *rand.Rand
	at     int      // where the next entry is torn or split: at each byte in turn
	file   *os.File // nil if it must be opened
}

// outcome is what became of a write.
type outcome int

const (
	sent    outcome = iota // written, so that a node sends it
	refused                // EIO
	gone                   // the gate died meanwhile
)

// want has the node want the slot, in its way and perhaps in another again.
func (w *writer) want(ctx context.Context, s slot) error {
	own := w.draw(s)
	got, err := w.put(ctx, own)
	if err != nil || got == sent && w.random.IntN(8) > 0 || got != sent && w.random.IntN(2) > 0 {
		return err
	}
	_, err = w.put(ctx, w.draw(s)) // as after a restart that forgot, or with what the other one has
	return err
}

// draw returns one of the contents that the slot could have.
func (w *writer) draw(s slot) casper.Ballot {
	instance := w.book.instance
	if s.kind == casper.KindVote {
		return w.Key.Vote(instance, s.round, w.random.IntN(2) == 0)
	}
	return w.Key.Echo(instance, s.round, fmt.Sprint("block ", w.random.IntN(3)))
}

// other returns another content of the slot.
func (w *writer) other(own casper.Ballot) casper.Ballot {
	for {
		if b := w.draw(slotOf(own)); b.Value != own.Value {
			return b
		}
	}
}

// put writes a message in one of many ways.
func (w *writer) put(ctx context.Context, own casper.Ballot) (outcome, error) {
	text := unitstest.Entry(own)
	foreign := unitstest.Entry(unitstest.New(9, 0).Vote(own.Instance, own.Round, true))
	cut := 1 + w.at%(len(text)-1)
	w.at++
	switch w.random.IntN(12) {
	case 0: // several in one write
		return w.write(ctx, &own, slices.Concat(foreign, text, foreign))
	case 1: // with a proposal that is larger than a BufWriter
		return w.write(ctx, &own, slices.Concat(unitstest.Proposal(own.Round, 300), text))
	case 2: // over two writes
		if got, err := w.write(ctx, nil, text[:cut]); err != nil || got != sent {
			return got, err
		}
		return w.into(&own, text[cut:])
	case 3: // torn, and whole after that
		if _, err := w.write(ctx, nil, slices.Concat(foreign, text[:cut])); err != nil {
			return gone, err
		}
		w.close()
	case 4: // zeros behind it, as a power cut leaves them: refused, or the beginning of a length
		got, err := w.write(ctx, &own, slices.Concat(text, make([]byte, 1+w.random.IntN(4096))))
		w.close()
		if err != nil || got == sent {
			return got, err
		}
	case 5:
		if err := w.never(ctx, "garbage", slices.Concat(text, bytes.Repeat([]byte{0xff}, 8+cut), text)); err != nil {
			return gone, err
		}
	case 6:
		both := slices.Concat(text, unitstest.Entry(w.other(own)))
		if err := w.never(ctx, "both contents of a slot", both); err != nil {
			return gone, err
		}
	}
	return w.write(ctx, &own, text)
}

// never writes what must be refused.
func (w *writer) never(ctx context.Context, what string, text []byte) error {
	got, err := w.write(ctx, nil, text)
	if err == nil && got == sent {
		err = fmt.Errorf("node %d: %s was taken", w.node+1, what)
	}
	return err
}

// write opens the file if need be, and writes.
func (w *writer) write(ctx context.Context, own *casper.Ballot, text []byte) (outcome, error) {
	for w.file == nil {
		if !w.down[w.node].Load() {
			if f, err := w.Nodes[w.node].Append(w.book.instance); err == nil {
				w.file = f
				break
			}
		}
		if err := testnet.Pause(ctx, lookAgain); err != nil {
			return gone, context.Cause(ctx)
		}
	}
	return w.into(own, text)
}

// into writes into the open file. What could not be written is written once more, as a BufWriter
// does when it is dropped, and must be refused again.
func (w *writer) into(own *casper.Ballot, text []byte) (outcome, error) {
	began := time.Now()
	_, err := w.file.Write(text)
	if err == nil {
		if own == nil {
			return sent, nil
		}
		w.count(sent, time.Since(began))
		return sent, w.book.send(w.node, *own)
	}
	_, again := w.file.Write(text)
	w.close()
	if again == nil {
		return refused, fmt.Errorf("node %d: a write was refused, and taken when it came again: %w", w.node+1, err)
	}
	got := gone
	if errors.Is(err, syscall.EIO) {
		got = refused
	}
	if own != nil {
		w.count(got, 0)
	}
	return got, nil
}

func (w *writer) close() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
}
