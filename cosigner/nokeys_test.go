package cosigner

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
)

// withoutShares has all hosts use no share.
func withoutShares(t *testing.T) *committee {
	t.Helper()
	c := newCommittee(t, 2, 3)
	c.nodes = attest.Nodes{"A": true, "B": true}
	for i := range c.hosts {
		c.restartWith(i, NoKeys())
	}
	return c
}

// TestNoShares: cosigners without shares attest, and give neither shares nor commitments: that is
// said, and no signature is tried.
func TestNoShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withoutShares(t)
		q, stop := c.leadFilled()
		defer stop()
		if err := q.Ready(); err != nil {
			t.Fatal(err)
		}
		if err := c.attest(q, echo(1, 1)); err != nil {
			t.Error(err)
		}
		time.Sleep(heldWithin)
		if err := c.attest(q, echo(1, 2)); !errors.Is(err, ErrNoQuorum) {
			t.Errorf("another value was attested: %v", err)
		}
		wantIs(t, c.sign(q, echo(1, 1)), ErrNoShare)
		a := asking{c, t.Context()}
		for _, err := range []error{
			func() error {
				_, err := c.hosts[1].server.commit("c1", &cosignerv1.CommitRequest{Count: 1, ShareEpoch: 1})
				return err
			}(),
			func() error {
				_, err := c.hosts[1].server.share(a.ctx, ask{caller: "c1", request: &cosignerv1.ShareRequest{ShareEpoch: 1}})
				return err
			}(),
		} {
			if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "all nodes of its cluster file") {
				t.Errorf("without a share: %v", err)
			}
		}
	})
}

// TestNoSharesReady: without commitments that tell of it, those who could attest are looked at: one
// that is gone, or whose gate is shut, counts no more after the third look, and again after one.
func TestNoSharesReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withoutShares(t)
		q := c.lead()
		if err := q.Ready(); !errors.Is(err, ErrNoQuorum) || !strings.Contains(err.Error(), "could attest") {
			t.Errorf("before anybody was asked: %v", err)
		}
		q, stop := c.leadFilled()
		defer stop()
		for _, fault := range []func(*host){func(h *host) { h.fault = hung }, func(h *host) { h.server.gate.Store(false) }} {
			for _, h := range c.hosts[1:] {
				h.set(fault)
			}
			time.Sleep(seenFor + probeEvery)
			wantIs(t, q.Ready(), ErrNoQuorum)
			if s := q.Status()[1]; s.Ready || s.LastError == "" {
				t.Errorf("%+v", s)
			}
			c.hosts[2].set(func(h *host) { h.fault = nil; h.server.openGate() })
			time.Sleep(probeEvery + callLimit)
			if err := q.Ready(); err != nil {
				t.Error(err)
			}
			if s := q.Status(); s[1].Ready || !s[2].Ready {
				t.Errorf("%+v", s)
			}
			c.hosts[1].set(func(h *host) { h.fault = nil; h.server.openGate() })
			time.Sleep(2 * probeEvery)
		}
		c.hosts[0].server.gate.Store(false)
		if q.Ready() == nil {
			t.Error("ready while the own gate is shut")
		}
	})
}
