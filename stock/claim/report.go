package claim

import (
	"context"
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
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
