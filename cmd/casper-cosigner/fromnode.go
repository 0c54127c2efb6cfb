package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"casper-cosigner/agent/health"
	"casper-cosigner/cluster"
	"casper-cosigner/rule/watermark"
)

// How a node is asked where the chain is.
const (
	askEvery  = time.Second
	askWithin = 5 * time.Second
	staleAt   = 5 * time.Minute  // a last block this old is no word about where the chain is
	clockPlay = 2 * time.Second  // by which this host's clock and a block's time may differ
	waitMost  = 10 * time.Minute // for a block that is new enough
)

// sighting is where a node said that the chain is.
type sighting struct {
	watermark.Chain
	at  time.Time // of the last block
	key string    // that the node signs with, as Casper writes it
}

// askNode asks the node once. It refuses one whose word about the chain is worth nothing.
func askNode(ctx context.Context, url string, f *cluster.File) (sighting, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	status, err := health.Ask(ctx, url)
	if err != nil {
		return sighting{}, &fault{code: exitUnavailable, err: errorf("node %s: %w", url, err), hints: []string{"curl " + url +
			"/status; --from-node is the base URL of casper-node's REST server ([rest_server] in its config.toml)"}}
	}
	seen, err := sightingOf(status, f, time.Now())
	if err != nil {
		return seen, errorf("node %s: %w", url, err)
	}
	return seen, nil
}

// sightingOf reads a status that came now.
func sightingOf(s health.Status, f *cluster.File, now time.Time) (sighting, error) {
	refuse := func(hint, format string, args ...any) (sighting, error) {
		return sighting{}, &fault{code: exitRefused, err: errorf(format, args...), hints: []string{hint}}
	}
	const other = "wait until it has caught up, or ask another node of the chain"
	switch b := s.LastBlock; {
	case s.Chain != f.Chain:
		return refuse("a node of the cluster's own chain", "it follows chain %q, the cluster file says %q",
			cmp.Or(s.Chain, "unnamed"), f.Chain)
	case s.State != "Validate" && s.State != "KeepUp": // casper-node reactor/main_reactor/reactor_state.rs
		return refuse(other, "it is in state %s: it does not follow the chain yet, so what it calls the last block is older",
			s.State)
	case b == nil:
		return refuse(other, "it has no block yet")
	case b.Hash == "" || b.At.IsZero():
		return refuse("a casper-node of 2.0 or later", "it does not tell its last block's hash and time")
	case b.At.After(now.Add(clockPlay)):
		return refuse("set this host's clock (NTP)", "its last block is of %s, and by this host's clock it is %s: "+
			"which block is new cannot be told", b.At.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case now.Sub(b.At) > staleAt:
		return refuse(other+"; if the chain stands, wait until it goes on",
			"its last block, %d, is %v old", b.Height, now.Sub(b.At).Round(time.Second))
	default:
		chain := watermark.Chain{Last: watermark.Mark{Era: b.Era, Height: b.Height}, Ends: b.Hash == s.SwitchBlock}
		return sighting{Chain: chain, at: b.At, key: s.Key}, nil
	}
}

// blockAfter waits until the node has a block that was made after the time, so that whatever was
// signed by then is of an earlier one. It says what it waits for.
func blockAfter(ctx context.Context, w io.Writer, url string, f *cluster.File, after time.Time) (sighting, error) {
	ctx, cancel := context.WithTimeout(ctx, waitMost)
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	said := uint64(0)
	for {
		seen, err := askNode(ctx, url, f)
		if ctx.Err() == nil {
			if err != nil || seen.at.After(after.Add(clockPlay)) {
				return seen, err
			}
			if said != seen.Last.Height {
				said = seen.Last.Height
				fmt.Fprintf(w, "Waiting for a block made after %s. The last one is %d, made %v before; a block's time or two.\n",
					after.UTC().Format(time.RFC3339), said, max(0, after.Sub(seen.at)).Round(time.Millisecond))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err := context.Cause(ctx); err != context.DeadlineExceeded { //nolint:errorlint // the context's own
				return sighting{}, errorf("interrupted, nothing was done")
			}
			return sighting{}, &fault{code: exitUnavailable,
				err:   errorf("node %s: no new block within %v, nothing was done: the chain stands, or the node", url, waitMost),
				hints: []string{"again once there are new blocks, or with another node"}}
		}
	}
}
