package daemon_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

// followed waits until every cosigner's ledger has made so many resets, and can give shares.
func (l *local) followed(resets uint64) {
	l.t.Helper()
	for _, c := range l.File.Cosigners {
		name := c.Name
		admin := l.admin(name)
		l.until(name+" has followed the reset", func() bool {
			s, err := admin.Status(l.t.Context(), &cosignerv1.StatusRequest{})
			return err == nil && s.GetLedgerResets() == resets && s.GetResets() == resets && s.GetReady()
		})
	}
}

// recalled waits until both agents remember that enough cosigners said so.
func (l *local) recalled(what string) {
	l.t.Helper()
	for _, node := range []string{"node-a", "node-b"} {
		l.until(node+"'s agent remembers"+what, func() bool {
			text, err := os.ReadFile(filepath.Join(l.path, node, "witness.json"))
			return err == nil && bytes.Count(text, []byte(what)) >= l.File.Threshold
		})
	}
}

// sawAll is what an operator signs who saw all heights of the reset bound.
func sawAll(r watermark.Reset) watermark.Reset {
	r.SeenAt, r.Operator, r.Reason, r.Network = 1, "ops", "hard reset", watermark.Version{Major: 2, Patch: uint32(r.Count)}
	r.Seen = watermark.Seen{From: r.Height, Bits: strings.Repeat("\xff", 8)}
	r.Ledgers = watermark.NewLedgers(map[string]watermark.Seen{all[0]: r.Seen, all[1]: r.Seen, all[2]: r.Seen})
	return r
}

func resetRequest(r watermark.Reset, signature [64]byte) *cosignerv1.ResetHeightsRequest {
	r.Signature = signature
	return wire.ResetRequest(r)
}

// TestResetHeights: after a hard reset of the network the heights that it took back are signed
// anew, those below and all votes are not, and so it stays over restarts of all cosigners. Without
// the operator's signature nothing is freed.
func TestResetHeights(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	for height := range uint64(4) {
		l.mustSign(a, block(height, 1))
	}
	l.recalled(" height 3, ")
	r := sawAll(watermark.Reset{Height: 2, Until: 3, Count: 1})
	signature := l.File.SignReset(l.Keys["ops"], r)
	forged := l.File.SignReset(l.Keys["node-a"], r)
	ask := func(signature [64]byte) error {
		_, err := l.admin(l.leader()).ResetHeights(t.Context(), resetRequest(r, signature))
		return err
	}
	if err := ask(forged); err == nil {
		t.Error("a reset was taken that no operator signed")
	}
	l.mustBind(a, block(2, 9), block(2, 1))
	l.until("all read this version", func() bool { return ask(signature) == nil })
	l.followed(1)
	l.mustSign(a, block(2, 9))
	l.recalled(" heights reset 1 times, ")
	l.mustBind(a, block(1, 9), block(1, 1))
	l.mustBind(a, echo(1, 0, 9), echo(1, 0, 1))
	if err := ask(signature); err == nil {
		t.Error("one signature freed the heights twice")
	}
	r.Count = 2 // for the same restart of the network
	if err := ask(l.File.SignReset(l.Keys["ops"], r)); err == nil || !strings.Contains(err.Error(), "once is enough") {
		t.Errorf("a second reset by mistake: %v", err)
	}
	l.mustBind(a, block(2, 1), block(2, 9))
	l.stopAll()
	l.start(all...)
	l.followed(1)
	a = l.node("node-a")
	l.mustBind(a, block(2, 1), block(2, 9))
	l.mustSign(a, block(3, 9))
	l.mustBind(a, echo(1, 0, 9), echo(1, 0, 1))
}

// TestResetWaitsForTheLast: while a cosigner that made no reset yet is down, the leader takes no
// second one, whatever program asks: that ledger would make the second alone. Once it came back and
// followed it does.
func TestResetWaitsForTheLast(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a := l.node("node-a")
	for height := range uint64(3) {
		l.mustSign(a, block(height, 1))
	}
	l.recalled(" height 2, ")
	ask := func(count, until uint64) error {
		r := sawAll(watermark.Reset{Height: 1, Until: until, Count: count})
		_, err := l.admin(l.leader()).ResetHeights(t.Context(), resetRequest(r, l.File.SignReset(l.Keys["ops"], r)))
		return err
	}
	l.until("all read this version, and each has stated", func() bool { // an error of either changes nothing
		return strings.Contains(ask(2, 2).Error(), "another reset")
	})
	leader := l.leader()
	late := all[slices.IndexFunc(all, func(name string) bool { return name != leader })]
	l.stop(late)
	l.until("the first is made", func() bool { return ask(1, 2) == nil })
	l.mustSign(a, block(1, 9))
	l.until("what it stated is known, and the others have followed", func() bool {
		err := ask(2, 1)
		if err == nil {
			t.Fatal("a second reset was made before all followed the first")
		}
		return strings.Contains(err.Error(), "not followed yet: "+late+" has made 0 of 1.")
	})
	l.start(late)
	l.until("it has followed", func() bool { return ask(2, 1) == nil })
	l.followed(2)
	l.mustSign(a, block(1, 1))
}

// TestEraRunsAgain: a node that voted before an emergency restart votes in the same era under the
// new chainspec once that was named, and what it had voted stays.
func TestEraRunsAgain(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	again := echo(1, 0, 2)
	again.Chainspec = casper.Hash{0x5a}
	if r := l.sign(a, again); r.GetRefused().GetReason() != cosignerv1.RefusalReason_REFUSAL_REASON_OTHER_INSTANCE {
		t.Errorf("before it was named: %v", r)
	}
	l.until("all read this version", func() bool {
		_, err := l.admin(l.leader()).SetInstance(t.Context(), &cosignerv1.SetInstanceRequest{Era: 1,
			Chainspec: again.Chainspec[:], Reason: "restart"})
		return err == nil
	})
	l.mustSign(a, again)
	l.mustBind(a, echo(1, 0, 3), echo(1, 0, 1))
	other := again
	other.Proposal[0]++
	l.mustBind(a, other, again)
}

// until asks again until it is so, for twenty seconds.
func (l *local) until(what string, is func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); !is(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("not in time: %s", what)
		}
	}
}

// TestResetOfEarlierFounding: a cluster was founded anew, under the id that it had. What an
// operator signed before frees nothing, though resets are counted from one again; heights that it
// signed itself may be reset.
func TestResetOfEarlierFounding(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	for _, name := range all[:3] {
		if err := os.RemoveAll(filepath.Join(l.path, name, "state")); err != nil {
			t.Fatal(err)
		}
		l.initState(name, watermark.Mark{Height: 100})
	}
	l.start(all...)
	a, now := l.node("node-a"), watermark.Mark{Height: 100}
	l.mustSign(a, block(100, 1))
	l.mustSign(a, block(101, 1))
	ask := func(height uint64, first watermark.Mark) error {
		r := sawAll(watermark.Reset{Height: height, Until: 101, Count: 1, First: first})
		_, err := l.admin(l.leader()).ResetHeights(t.Context(), resetRequest(r, l.File.SignReset(l.Keys["ops"], r)))
		return err
	}
	l.until("all read this version", func() bool { // an error of the version comes after all others
		err, old := ask(99, now), ask(101, watermark.Mark{Height: 50})
		if err == nil || old == nil {
			t.Fatal("heights of before the founding were reset, or by what was signed before it")
		}
		return strings.Contains(err.Error(), "founded for height 100") && strings.Contains(old.Error(), "height 50 on")
	})
	l.mustBind(a, block(100, 9), block(100, 1))
	l.until("all read this version", func() bool { return ask(101, now) == nil })
	l.followed(1)
	l.mustSign(a, block(101, 9))
	l.mustBind(a, block(100, 9), block(100, 1))
}
