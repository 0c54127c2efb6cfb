package daemon_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/claim"
)

// mustRefuse claims m until it is refused because another node votes, and never granted.
func (l *local) mustRefuse(gate *claim.Client, m casper.Message) {
	l.t.Helper()
	waitFor(l.t, "refusal", func() bool {
		ctx, cancel := context.WithTimeout(l.t.Context(), time.Second)
		defer cancel()
		held, err := l.claim(ctx, gate, m)
		if err == nil && held == m {
			l.t.Fatalf("%v is granted", m)
		}
		var refused *claim.RefusedError
		return errors.As(err, &refused) && refused.Reason == cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE
	})
}

// TestStockHandover: an operator promotes the standby of a stock pair, whose gate was refused in
// that era. Whoever voted in it goes on to its end, though it is active no more; from the next era
// on it is the other way round. So no era is without a voter.
func TestStockHandover(t *testing.T) {
	t.Parallel()
	l := newLocal(t, func(f *cluster.File) {
		stockPair(f)
		f.MinEraTime, f.MinBlockTime = cluster.Duration(time.Second), cluster.Duration(20*time.Millisecond)
		f.Failover.Policy, f.Failover.Return = "manual", "manual"
	})
	l.start(all...)
	l.waitReady("cosigner-1")
	a, b := l.gate("node-a"), l.gate("node-b")
	l.mustHold(a, echo(1, 0, 1), echo(1, 0, 1))
	l.mustRefuse(b, echo(1, 1, 2))

	waitFor(t, "promotion", func() bool {
		s := l.status(l.leader())
		_, err := l.admin(l.leader()).Activate(t.Context(), &cosignerv1.ActivateRequest{Node: "node-b", Epoch: s.GetEpoch(),
			Reason: "planned"})
		return err == nil
	})
	l.mustHold(a, echo(1, 1, 1), echo(1, 1, 1))
	l.mustHold(a, echo(1, 2, 1), echo(1, 2, 1))

	l.mustHold(b, echo(2, 0, 2), echo(2, 0, 2))
	l.mustRefuse(a, echo(2, 1, 1))
	l.mustHold(b, echo(2, 1, 2), echo(2, 1, 2))
}
