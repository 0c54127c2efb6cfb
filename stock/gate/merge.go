package gate

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
)

// A node that opens its unit file waits no longer than this for what was signed elsewhere. Without
// it the node starts as well, and loses its votes at the first slot that it fills otherwise.
const (
	signedIn    = 500 * time.Millisecond // for the agent to tell
	mergeIn     = 3 * time.Second        // for all to be granted, if the node may vote
	mergeAtOnce = 16
)

// merge adds to the file what our key signed elsewhere in its instance, so that a node which takes
// over in the middle of an era signs nothing else. Each message is granted first, as if the node
// wrote it: whoever told of it need not be believed. Not so its index, which no claim proves: what
// has another one than ours is not even claimed, nor is anything while ours is not known, for the
// cosigners take one index of a node in an era. The caller knows that no node has the file open:
// what one has read it would not read again.
func (f *file) merge() {
	g := f.gate
	ctx, cancel := context.WithTimeout(context.Background(), signedIn)
	defer cancel()
	told, index, err := g.asker.Signed(ctx, f.instance())
	if err == nil {
		err = f.at(index)
	}
	if err != nil {
		g.settings.Log.Warn().Err(err).Str("file", f.name).Msg("what our key signed elsewhere is not added to a unit file")
		return
	}
	lacks, wrong := f.lacks(told)
	switch {
	case errors.Is(wrong, units.ErrNoIndex):
		g.settings.Log.Warn().Err(wrong).Str("file", f.name).
			Msg("nothing that was signed elsewhere is added to a unit file: the agent was started too late to know, and " +
				"the node has signed nothing in that era; if it fills a slot otherwise, it is out for the era")
	case wrong != nil:
		g.settings.Log.Error().Err(wrong).Str("file", f.name).
			Msg("a message that our key signed elsewhere is not added to a unit file; the others are")
	}
	if len(lacks) == 0 {
		return
	}
	granted, proofs, why := f.grant(lacks)
	if err := f.add(granted, proofs); err != nil {
		why = errors.Join(why, err)
	}
	g.settings.Log.Info().Str("file", f.name).Int("signed_elsewhere", len(lacks)).Int("added", len(granted)).
		AnErr("not_all", why).Msg("a unit file is merged")
}

// at notes our key's index by the chain. If what it signed by another one is in the file, nothing
// can be told to be another's any more, and nothing is taken.
func (f *file) at(index *uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if index == nil {
		return nil
	}
	if err := f.held.At(*index); err != nil {
		f.dead = err
		f.gate.settings.Log.Error().Err(err).Str("file", f.name).Msg("nothing more is written to a unit file")
		return err
	}
	return nil
}

func (f *file) instance() casper.Hash {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held.Instance()
}

// lacks returns what of these is ours and not in the file, and the first that cannot be added. Each
// is judged alone: of two values for one slot, or one that contradicts the file, whoever told it,
// only its claim shows which is granted, and it keeps no other message out.
func (f *file) lacks(told []casper.Ballot) (lacks []casper.Ballot, wrong error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	met := map[casper.Ballot]bool{}
	for _, b := range told {
		text := b
		text.Signature = casper.Signature{}
		if met[text] {
			continue
		}
		batch, err := f.judge([]casper.Ballot{b}, nil)
		if err != nil {
			if wrong == nil {
				wrong = err
			}
			continue
		}
		met[text] = len(batch.Lacks) > 0
		lacks = append(lacks, batch.Lacks...)
	}
	return lacks, wrong
}

// judge judges messages that were told as if they were written, but learns nothing from them. The
// caller holds the lock.
func (f *file) judge(all []casper.Ballot, granted []attest.Proof) (journal.Batch, error) {
	var text []byte
	for _, b := range all {
		if b.Instance != f.held.Instance() || !b.SignedBy(f.gate.settings.Key) {
			continue
		}
		if err := f.held.Told(b); err != nil {
			return journal.Batch{}, err
		}
		text = units.Append(text, b)
	}
	pieces, err := f.held.Pen().Take(text)
	if err != nil {
		return journal.Batch{}, err
	}
	return f.held.Judge(pieces, granted)
}

// grant claims messages, many at a time, and returns those that were granted, and the proofs. A no
// is of that message alone.
func (f *file) grant(all []casper.Ballot) (granted []casper.Ballot, proofs []attest.Proof, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), min(mergeIn, f.gate.patience(f)))
	defer cancel()
	var claims errgroup.Group // of no context: one no ends no other claim
	claims.SetLimit(mergeAtOnce)
	got := make([]attest.Proof, len(all))
	for i, b := range all {
		claims.Go(func() (err error) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			got[i], err = f.gate.prove(ctx, b)
			return err
		})
	}
	err = claims.Wait()
	for i, b := range all {
		if got[i].Of(b) {
			granted, proofs = append(granted, b), append(proofs, got[i])
		}
	}
	return granted, proofs, err
}

// add stores what was granted.
func (f *file) add(granted []casper.Ballot, proofs []attest.Proof) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead != nil {
		return f.dead
	}
	batch, err := f.judge(granted, proofs)
	if err != nil {
		return err
	}
	return f.append(batch)
}
