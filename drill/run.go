package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// Run is the rehearsal itself, as planned. When ctx ends it hands back first. Its error says that
// the rehearsal did not come to an end, and is a *StillActiveError if main is not active again; the
// result says what was lost.
func (d *Drill) Run(ctx context.Context) (Result, error) {
	r := Result{Schema: report.Schema, At: time.Now().UTC(), Mode: report.ModeName(d.first.GetMode()),
		Main: d.from, Standby: d.to}
	var unclear error
	if err := d.activate(ctx, d.first, d.to, "rehearsal"); err != nil {
		unclear = fmt.Errorf("making %s active: %w", d.to, err)
		if errors.Is(err, ErrRefused) {
			return r, unclear
		}
	} else {
		d.Tell(fmt.Sprintf("%s is active.", d.to))
		r.Ended = d.watch(ctx)
	}
	r.KeptSeconds = time.Since(r.At).Seconds()
	if err := d.handBack(ctx); err != nil {
		return r, err
	}
	switch {
	case unclear != nil:
		return r, unclear
	case ctx.Err() != nil:
		return r, fmt.Errorf("interrupted: %s is active no more, nothing is reported", d.to)
	}
	d.Tell(fmt.Sprintf("%s is active no more; waiting for the open rounds to end.", d.to))
	last, err := d.settle(ctx)
	if err == nil {
		err = d.count(ctx, &r, last)
	}
	if err != nil {
		err = fmt.Errorf("handed back, but what was lost is not known: %w", err)
	}
	return r, err
}

// watch looks on while the standby is active. It returns why that ended before its time, empty if
// it did not.
func (d *Drill) watch(ctx context.Context) (ended string) {
	over := time.NewTimer(d.Keep)
	defer over.Stop()
	for d.pause(ctx, over.C) {
		seen, err := d.look(ctx)
		if err != nil {
			continue // whoever leads may be changing; the time goes on
		}
		v := d.roles(seen)
		if v.Active != d.to {
			return fmt.Sprintf("%s became active: %s", v.Active, v.Because())
		}
		for _, n := range v.Nodes {
			if n.Active && v.Judgement != nil && (!n.Ready || n.Condition != "") {
				return fmt.Sprintf("%s is not well any more%s", n.Name, n.Because())
			}
		}
	}
	return ""
}

// handBack makes main active again unless the standby is active no more: then another change came
// first, and stands.
func (d *Drill) handBack(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	for until := time.Now().Add(max(returnFor, 3*d.Timeout)); ; {
		seen, err := d.look(ctx)
		if err == nil && seen.GetActive() != d.to {
			return nil
		}
		if err == nil {
			if err = d.activate(ctx, seen, d.from, "handing back"); err == nil {
				return nil
			}
		}
		if time.Now().After(until) {
			return &StillActiveError{Main: d.from, Standby: d.to, Err: err}
		}
		d.pause(ctx, nil)
	}
}

// settle waits until the rounds that were open at the return are over, and returns the last place
// at which all before it is over. The newest round is open, and the one before it may still get a
// late vote.
func (d *Drill) settle(ctx context.Context) (failover.Place, error) {
	over := time.NewTimer(settleWithin * d.Round)
	defer over.Stop()
	var first, newest failover.Place
	var failed error
	for known := false; ; {
		if seen, err := d.look(ctx); err != nil {
			failed = err
		} else if newest, failed = newestPlace(seen), nil; !known {
			first, known = newest, true
		}
		if known && roundsBetween(first, newest) >= settleRounds || !d.pause(ctx, over.C) {
			break
		}
	}
	newest.Round, newest.Height = newest.Round-min(newest.Round, 1), newest.Height-min(newest.Height, 1)
	if ctx.Err() != nil {
		return newest, errors.New("interrupted")
	}
	return newest, failed
}

// count fills in what the slots hold.
func (d *Drill) count(ctx context.Context, r *Result, last failover.Place) error {
	seen, err := d.look(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	t := newTally(newestPlace(d.first), last)
	if err := d.cluster.Held(ctx, func(node string, m casper.Message) { t.add(node, m) }); err != nil {
		return err
	}
	r.Active, r.Epoch = seen.GetActive(), seen.GetEpoch()
	r.fill(t, d.first, seen)
	return nil
}

// pause waits until the next look and reports whether there is to be one: not once it is over or
// interrupted.
func (d *Drill) pause(ctx context.Context, over <-chan time.Time) bool {
	next := time.NewTimer(min(lookAtMost, d.Round/4))
	defer next.Stop()
	select {
	case <-next.C:
		return true
	case <-over:
	case <-ctx.Done():
	}
	return false
}
