package daemon

import (
	"context"

	"github.com/rs/zerolog"

	"casper-cosigner/cluster"
	"casper-cosigner/stock/claim"
)

// CustodyKey is how a gate gets the key that the cosigners keep.
func CustodyKey(ctx context.Context, c *cluster.File, to *claim.Client) ([]byte, error) {
	return gateCustody{cluster: c, keys: to.Keys, log: zerolog.Nop()}.Key(ctx)
}
