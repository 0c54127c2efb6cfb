package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// How long a rehearsal goes on, in round lengths.
const (
	keepRounds   = 3 // with the standby active, unless --keep says otherwise
	settleRounds = 3 // seen to begin after the return, so that the rounds open at the return are over
	settleWithin = 9 // round lengths that this may take, since rounds without a block are longer
)

const (
	lookAtMost = time.Second      // between two looks at the cluster
	returnFor  = 30 * time.Second // handing back is tried for so long: whoever leads may be changing
)

// drill is one rehearsal. Whatever happens after the standby was made active, it ends with handing back.
type drill struct {
	admin    *admin
	timeout  time.Duration // of one exchange with the cosigners
	keep     time.Duration // how long the standby stays active
	why      string
	progress io.Writer

	from, to string // nodes
	round    time.Duration
}

func drillCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "drill",
		Short: "rehearse: make a ready standby active, watch, hand back, say what was lost",
		Long: `drill makes a ready standby active as promote does, watches for some rounds, makes main
active again and watches until the rounds then open are over. It reports each round
without a vote of ours and each height without a finality signature from the first
change on, and exits with 0 only if there is none. Interrupted, it hands back first.

It does not begin unless main is active, main and a standby are well and ready, and
nothing is held or about to change.`,
		Example: `  casper-cosigner failover drill --reason "before the upgrade on Monday"`,
		Args:    cobra.NoArgs,
	}
	why := reasonFlag(c)
	f.add(c)
	yes := c.Flags().Bool("yes", false, "do not ask")
	keep := c.Flags().Duration("keep", 0, "how long the standby stays active (default three rounds)")
	output := outputFlag(c, "table")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkOutput(*output, "table"); err != nil {
			return err
		}
		if *keep < 0 {
			return usageFault(errorf("--keep %v: want more than 0", *keep))
		}
		a, err := f.open()
		if err != nil {
			return err
		}
		defer a.close()
		d := &drill{admin: a, timeout: f.timeout, keep: *keep, why: *why, progress: c.ErrOrStderr()}
		first, err := d.plan(c.Context())
		if err != nil {
			return err
		}
		fmt.Fprintf(d.progress, "%s becomes active for %v, then %s again; mode %s.\n", d.to, d.keep, d.from, report.ModeName(first.seen.GetMode()))
		if err := confirm(c, d.to, *yes); err != nil {
			return err
		}
		r, err := d.run(c.Context(), first)
		if err != nil {
			return err
		}
		if *output == "json" {
			err = printJSON(c.OutOrStdout(), r)
		} else {
			err = r.print(c.OutOrStdout())
		}
		return errors.Join(err, r.fault())
	}
	return c
}

// plan looks at the cluster and says who hands over to whom, or why nobody may now.
func (d *drill) plan(ctx context.Context) (leading, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	l, err := d.admin.leader(ctx)
	if err != nil {
		return l, err
	}
	v := report.NewRoles(d.admin.view, l.seen, time.Now())
	if against := d.choose(v); len(against) > 0 {
		return l, &fault{code: exitRefused, err: errorf("no rehearsal now, nothing was done:\n%w", errors.Join(against...)),
			hints: []string{"`casper-cosigner failover status`, and again when all is well"}}
	}
	d.round = time.Duration(d.admin.file.MinBlockTime)
	for _, n := range v.Nodes {
		if n.Active && n.Health != nil && n.Health.RoundSeconds > 0 {
			d.round = report.Span(n.Health.RoundSeconds)
		}
	}
	if d.keep == 0 {
		d.keep = keepRounds * d.round
	}
	return l, nil
}

// choose picks the standby and returns what speaks against a rehearsal.
func (d *drill) choose(v report.Roles) (against []error) {
	no := func(format string, args ...any) { against = append(against, errorf(format, args...)) }
	d.from = d.admin.file.Main
	if v.Active != d.from { // who was made active by an operator stays so: handing back would change what happens by itself
		no("%s is active; a rehearsal begins with main, %s", v.Active, d.from)
	}
	if v.Hold != nil {
		no("the roles are held %s", v.Hold.Text(time.Now()))
	}
	switch j := v.Judgement; {
	case j == nil:
		no("the leader has not judged the nodes yet")
	case j.Code != "well":
		no("not all is well: %s, %s", j.Code, j.Why)
	case j.Node != "":
		no("%s", j.Text(time.Now()))
	}
	var lacking []error
	for _, n := range v.Nodes {
		switch well := n.Ready && n.Condition == ""; {
		case well && n.Name != d.from && d.to == "":
			d.to = n.Name
		case !well && n.Name == d.from:
			no("%s is not ready%s", n.Name, n.Because())
		case !well:
			lacking = append(lacking, errorf("%s is not ready%s", n.Name, n.Because()))
		}
	}
	if d.to == "" {
		no("no standby is ready")
		against = append(against, lacking...)
	}
	return against
}

// run is the rehearsal itself. Its error says that it did not come to an end; the report says what was lost.
func (d *drill) run(ctx context.Context, first leading) (drillJSON, error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interruption ends the program
	r := drillJSON{Schema: report.Schema, At: time.Now().UTC(), Mode: report.ModeName(first.seen.GetMode()), Main: d.from, Standby: d.to}
	var unclear error
	if err := d.activate(ctx, first, d.to, "rehearsal"); err != nil {
		unclear = changeFault("making "+d.to+" active", err)
		if f := new(fault); errors.As(unclear, &f) && f.code == exitRefused {
			return r, unclear
		}
	} else {
		fmt.Fprintf(d.progress, "%s is active.\n", d.to)
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
		return r, errorf("interrupted: %s is active no more, nothing is reported", d.to)
	}
	fmt.Fprintf(d.progress, "%s is active no more; waiting for the open rounds to end.\n", d.to)
	last, err := d.settle(ctx)
	if err == nil {
		err = d.count(ctx, &r, first, last)
	}
	if err != nil {
		err = errorf("handed back, but what was lost is not known: %w", err)
	}
	return r, err
}

// activate makes a node active on top of what was seen. It is not interrupted: its outcome must be known.
func (d *drill) activate(ctx context.Context, l leading, node, what string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.timeout)
	defer cancel()
	_, err := l.Activate(ctx, &cosignerv1.ActivateRequest{Node: node, Reason: what + ": " + d.why, Epoch: l.seen.GetEpoch()})
	return err
}

// watch looks on while the standby is active. It returns why that ended before its time, empty if it did not.
func (d *drill) watch(ctx context.Context) (ended string) {
	over := time.NewTimer(d.keep)
	defer over.Stop()
	for d.pause(ctx, over.C) {
		l, err := d.look(ctx)
		if err != nil {
			continue // whoever leads may be changing; the time goes on
		}
		v := report.NewRoles(d.admin.view, l.seen, time.Now())
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

// handBack makes main active again unless the standby is active no more: then another change came first, and stands.
func (d *drill) handBack(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	for until := time.Now().Add(max(returnFor, 3*d.timeout)); ; {
		l, err := d.look(ctx)
		if err == nil && l.seen.GetActive() != d.to {
			return nil
		}
		if err == nil {
			if err = d.activate(ctx, l, d.from, "handing back"); err == nil {
				return nil
			}
		}
		if time.Now().After(until) {
			return &fault{code: exitUnavailable, err: errorf("%s may still be active; handing back: %s", d.to, reason(err)),
				hints: []string{fmt.Sprintf("casper-cosigner failover promote %s --reason \"after a rehearsal\"", d.from)}}
		}
		d.pause(ctx, nil)
	}
}

// settle waits until the rounds that were open at the return are over, and returns the last place at which all before it
// is over. The newest round is open, and the one before it may still get a late vote.
func (d *drill) settle(ctx context.Context) (failover.Place, error) {
	over := time.NewTimer(settleWithin * d.round)
	defer over.Stop()
	var first, newest failover.Place
	var failed error
	for known := false; ; {
		if l, err := d.look(ctx); err != nil {
			failed = err
		} else if newest, failed = newestPlace(l.seen), nil; !known {
			first, known = newest, true
		}
		if known && roundsBetween(first, newest) >= settleRounds || !d.pause(ctx, over.C) {
			break
		}
	}
	newest.Round, newest.Height = newest.Round-min(newest.Round, 1), newest.Height-min(newest.Height, 1)
	if ctx.Err() != nil {
		return newest, errorf("interrupted")
	}
	return newest, failed
}

// roundsBetween is how many rounds the second place is at least after the first.
func roundsBetween(a, b failover.Place) uint32 {
	if a.Era == b.Era {
		return b.Round - min(a.Round, b.Round)
	}
	return b.Round
}

// count counts what the slots hold.
func (d *drill) count(ctx context.Context, r *drillJSON, first leading, last failover.Place) error {
	l, err := d.look(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	t := newTally(newestPlace(first.seen), last)
	err = eachHeld(ctx, l, func(held *cosignerv1.ExportWatermarkResponse, m casper.Message) error {
		t.add(held.GetNode(), m)
		return nil
	})
	if err != nil {
		return err
	}
	r.Active, r.Epoch = l.seen.GetActive(), l.seen.GetEpoch()
	r.fill(t, first.seen, l.seen)
	return nil
}

func (d *drill) look(ctx context.Context) (leading, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	return d.admin.leader(ctx)
}

// pause waits until the next look and reports whether there is to be one: not once it is over or interrupted.
func (d *drill) pause(ctx context.Context, over <-chan time.Time) bool {
	next := time.NewTimer(min(lookAtMost, d.round/4))
	defer next.Stop()
	select {
	case <-next.C:
		return true
	case <-over:
	case <-ctx.Done():
	}
	return false
}

func newestPlace(s *cosignerv1.StatusResponse) failover.Place {
	return failover.Place{Era: s.GetNewest().GetEra(), Round: s.GetNewestRound(), Height: s.GetNewest().GetHeight()}
}
