package daemon

import (
	"context"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
	"casper-cosigner/stock/claim"
)

// agentHearer tells the node's agent how the gate is.
type agentHearer struct{ *claim.Client }

// Era asks the agent which era an instance is of.
func (a agentHearer) Era(ctx context.Context, instance casper.Hash) (uint64, error) {
	o, err := a.Find(ctx, instance)
	return o.Era, err
}

// Hear is for the gate itself.
func (a agentHearer) Hear(ctx context.Context, w failover.GateWord) (failover.Waits, error) {
	r, err := a.Report(ctx, wire.GateWord(w, time.Now()))
	if err != nil {
		return failover.Waits{}, err
	}
	return wire.ToldWaits(r, time.Now()), nil
}

// Keep is for the gate itself, too.
func (a agentHearer) Keep(ctx context.Context, own []casper.Ballot) error {
	return a.Stored(ctx, own)
}

// Sees is for its watch.
func (a agentHearer) Sees(ctx context.Context, s failover.GateSight) error {
	_, err := a.Report(ctx, wire.GateSight(s))
	return err
}
