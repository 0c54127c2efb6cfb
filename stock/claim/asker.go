package claim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casper-cosigner/rule/casper"
)

// errUnknown says that nobody has told yet what the instance is made of.
var errUnknown = errors.New("what its instance is made of is not known: chainspec and the last block of the era before")

// errOther says that what was told makes another instance: a fault of whoever found it.
var errOther = errors.New("what was found makes another instance, or the message is neither an echo nor a vote")

// Asker claims what a gate has of a message: its short form, which names the instance only.
type Asker struct {
	Client *Client
	// Find must return what the instance is made of, once that is known; package instance does. It
	// must not ask the node whose gate waits.
	Find func(instance casper.Hash) (casper.Round, bool)
}

// Claim is Client.Claim. It waits until it is known what the instance is made of, never guesses,
// and claims nothing but the very message.
func (a Asker) Claim(ctx context.Context, own casper.Ballot) error {
	for {
		if in, ok := a.Find(own.Instance); ok {
			m, ok := own.Message(in)
			if !ok {
				return fmt.Errorf("claiming %v: %w", own, errOther)
			}
			return a.Client.Claim(ctx, m)
		}
		pause := time.NewTimer(askAgain)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("claiming %v: %w: %w", own, ctx.Err(), errUnknown)
		}
	}
}
