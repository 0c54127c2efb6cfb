package agent

import (
	"context"
	"time"
)

// newsEvery is how often an agent that waits for news of the log looks whether there are any.
const newsEvery = 5 * time.Millisecond

// dated asks with the newest date that is known, and once more with another one if that did not do:
// this agent may have been cut off, and heard of the log for the last time long ago.
func (a *Agent) dated(ctx context.Context, ask func(askedAt uint64) (stale bool, err error)) error {
	at := a.position(ctx, 0, func() bool { return a.guide.heard(len(a.Cosigners)) })
	stale, err := ask(at)
	if err != nil || !stale {
		return err
	}
	if newer := a.position(ctx, at, func() bool { return false }); newer > 0 {
		_, err = ask(newer)
	}
	return err
}

// position returns how far the log is known to be, 0 if no more is known than what did not do. It
// waits for news until there is no more to be had, or half of its caller's time is over. An agent
// that was just started waits for its first pings: cosigners of an earlier release do not tell how
// far they are, nor do those whose log has not begun. One that was founded anew is less far than
// the one before it was.
func (a *Agent) position(ctx context.Context, known uint64, over func() bool) uint64 {
	deadline, _ := ctx.Deadline()
	enough := time.NewTimer(time.Until(deadline) / 2)
	defer enough.Stop()
	tick := time.NewTicker(newsEvery)
	defer tick.Stop()
	for {
		at, ok := a.Position()
		switch {
		case ok && at != known:
			return at
		case over():
			return 0
		}
		a.Nudge()
		select {
		case <-tick.C:
		case <-enough.C:
			return 0
		case <-ctx.Done():
			return 0
		}
	}
}
