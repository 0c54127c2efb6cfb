package claim

import (
	"context"
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// Report tells the agent what a gate or its watch knows, and returns what it answers. An agent that
// is not there is not waited for.
func (c *Client) Report(ctx context.Context, r *cosignerv1.ReportRequest) (*cosignerv1.ReportResponse, error) {
	answer, err := cosignerv1.NewGateServiceClient(c.conn).Report(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("telling the agent: %w", err)
	}
	return answer, nil
}

// Stored tells the agent what a gate stored, each with its proof, so that the validator's other
// nodes can read it.
func (c *Client) Stored(ctx context.Context, own []casper.Ballot) error {
	r := &cosignerv1.StoredRequest{}
	for _, b := range own {
		r.Ballots = append(r.Ballots, wire.ToldBallot(b))
	}
	if _, err := cosignerv1.NewGateServiceClient(c.conn).Stored(ctx, r); err != nil {
		return fmt.Errorf("telling the agent what was stored: %w", err)
	}
	return nil
}
