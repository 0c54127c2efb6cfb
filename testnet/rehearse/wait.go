package rehearse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
)

// AwaitActive waits until the log makes the node active, later than the given time.
func (r *Rehearsal) AwaitActive(ctx context.Context, node string, after time.Time) (testnet.Change, error) {
	ctx, cancel := r.soon(ctx)
	defer cancel()
	return r.Net.Cluster.AwaitActive(ctx, node, after)
}

// AwaitReport asks the hub until what the network has seen is as wished.
func (r *Rehearsal) AwaitReport(ctx context.Context, wished func(hub.Report) bool) (hub.Report, error) {
	ctx, cancel := r.soon(ctx)
	defer cancel()
	return r.Net.AwaitReport(ctx, wished)
}

// SomeRounds lets so many rounds pass.
func (r *Rehearsal) SomeRounds(ctx context.Context, count int) error {
	ctx, cancel := r.soon(ctx)
	defer cancel()
	return r.Net.AwaitRounds(ctx, count)
}

// AwaitRoles asks the cosigners until the roles, and what they judge of the nodes, are as wished.
func (r *Rehearsal) AwaitRoles(ctx context.Context, wished func(testnet.Roles) bool) (testnet.Roles, error) {
	ctx, cancel := r.soon(ctx)
	defer cancel()
	return r.Net.Cluster.AwaitRoles(ctx, wished)
}

// AllReady waits until both nodes are ready, main is active and all is well.
func (r *Rehearsal) AllReady(ctx context.Context) (testnet.Roles, error) {
	return r.AwaitRoles(ctx, func(r testnet.Roles) bool {
		return r.Active == testnet.Main && r.Ready(testnet.Main, testnet.Standby) && r.Judgement.Code == "well"
	})
}

// readyMetric is 1 for each node that a cosigner takes for ready. Unlike a command it costs the
// machine next to nothing.
const readyMetric = "casper_cosigner_node_ready"

// BothReady waits until all cosigners take both nodes for ready, or ctx ends.
func (r *Rehearsal) BothReady(ctx context.Context) error {
	all := float64(len(r.Net.Cluster.Cosigners) * len(r.Net.Cluster.Agents))
	for {
		sum, _, err := r.Net.Cluster.Metric(ctx, readyMetric)
		if err == nil && sum == all {
			return nil
		}
		if waitErr := testnet.Pause(ctx, looksEvery); waitErr != nil {
			return fmt.Errorf("waiting for both nodes to be ready: %w", errors.Join(waitErr, err))
		}
	}
}

// TakesPart waits until main, mended, asks for the open round or the one before: the cosigners are
// late to notice that a node which comes back at once was away.
func (r *Rehearsal) TakesPart(ctx context.Context, after time.Time) error {
	ctx, cancel := r.soon(ctx)
	defer cancel()
	for {
		seen, err := r.Net.Report(ctx)
		if err != nil {
			return err
		}
		journal, err := r.Net.Node(testnet.Main).Journal(after)
		if err != nil {
			return err
		}
		if asksNow(seen, journal) {
			return nil
		}
		if err := testnet.Pause(ctx, looksEvery); err != nil {
			return fmt.Errorf("waiting for main to take part again: %w", err)
		}
	}
}

// asksNow reports whether the node, whose journal it is, asked for an echo or a vote of the open
// round or the one before. What it was answered does not matter: in fenced mode it may be refused.
func asksNow(r hub.Report, journal []node.Entry) bool {
	return slices.ContainsFunc(journal, func(e node.Entry) bool {
		return (e.Kind == "echo" || e.Kind == "vote") && e.Era == r.Era && e.Round+1 >= r.Round
	})
}
