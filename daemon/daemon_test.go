package daemon_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

var all = []string{"cosigner-1", "cosigner-2", "cosigner-3", "node-a", "node-b"}

// others returns the cosigners but one.
func others(name string) (names []string) {
	for _, n := range all[:3] {
		if n != name {
			names = append(names, n)
		}
	}
	return names
}

// TestEndToEnd: both nodes get signatures of one value; a leader's stop and a restart of all
// change nothing.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a, b := l.node("node-a"), l.node("node-b")
	l.mustSign(a, echo(1, 0, 1))
	l.mustSign(b, echo(1, 0, 1))
	l.mustBind(b, echo(1, 0, 2), echo(1, 0, 1))
	l.mustSign(b, block(1, 1))
	l.mustBind(a, block(1, 2), block(1, 1))

	leader := l.leader()
	if err := l.stop(leader); err != nil {
		t.Errorf("the leader stopped with %v", err)
	}
	l.mustBind(b, echo(1, 0, 2), echo(1, 0, 1))
	l.mustSign(a, echo(1, 1, 1))
	l.start(leader)

	l.stopAll()
	l.start(all...)
	l.mustBind(b, echo(1, 1, 2), echo(1, 1, 1))
	l.mustSign(a, echo(1, 2, 1))
}

// TestThirdStandsIn: with one cosigner gone the other two sign; with two gone nothing is signed.
func TestThirdStandsIn(t *testing.T) {
	t.Parallel()
	l := newLocal(t, func(f *cluster.File) {
		f.MinEraTime, f.MinBlockTime = cluster.Duration(20*time.Millisecond), cluster.Duration(10*time.Millisecond)
	})
	l.start(all...)
	a := l.node("node-a")
	for era := uint64(1); era <= 100; era++ { // the third is idle all the while
		l.mustSign(a, echo(era, 0, 1))
	}
	leader := l.leader()
	second := others(leader)[0]
	_ = l.stop(second)
	l.mustSign(a, echo(100, 1, 1))
	l.mustBind(a, echo(95, 0, 2), echo(95, 0, 1))
	if r := l.sign(a, echo(80, 0, 1)); r.GetRefused().GetReason() != cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR {
		t.Errorf("era 80 of 100: got %v", r)
	}
	_ = l.stop(l.leader())
	if r, err := l.node("node-a").Sign(t.Context(), request(echo(100, 2, 1))); err == nil {
		t.Errorf("one of three cosigners signed: %v", r)
	}
	l.start(second)
	l.mustSign(a, echo(100, 2, 1))
}

// TestEmptiedDisk: a cosigner that comes back under its name with an emptied disk is refused by the
// others, also when only it and a lagging one are up.
func TestEmptiedDisk(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	victim := others(l.leader())[0]
	_ = l.stop(victim)
	if err := os.RemoveAll(filepath.Join(l.path, victim, "state")); err != nil {
		t.Fatal(err)
	}
	l.start(victim)
	<-l.running[victim].ended
	if err := l.running[victim].err; err == nil || !strings.Contains(err.Error(), "cosigner init") {
		t.Errorf("without a state directory: got %v", err)
	}
	l.initState(victim, watermark.Mark{})
	l.start(victim)
	l.mustSign(a, echo(1, 1, 1))
	_ = l.stop(l.leader())
	l.staysUnready(victim)
	if r, err := l.node("node-b").Sign(t.Context(), request(echo(1, 0, 2))); err == nil {
		t.Errorf("signed with an emptied disk: %v", r)
	}
}

// TestEmptiedDiskNeverMet: nothing is signed before each cosigner has met each other one. Else
// one that came late would take a third whose disk was emptied since for new, and both would sign
// a second value.
func TestEmptiedDiskNeverMet(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start("cosigner-1", "cosigner-2", "node-a", "node-b")
	l.waitPinned("cosigner-1", "cosigner-2")
	l.waitPinned("cosigner-2", "cosigner-1")
	l.waitApplied("cosigner-2", 2) // from now on an emptied cosigner is not elected by it
	_ = l.stop("cosigner-2")
	l.start("cosigner-3")
	l.waitPinned("cosigner-1", "cosigner-3")
	l.waitPinned("cosigner-3", "cosigner-1")
	a, b := l.node("node-a"), l.node("node-b")
	if l.signsWithin(a, echo(1, 0, 1), 3*time.Second) {
		t.Error("signed although cosigner-2 has never met cosigner-3")
		_ = l.stop("cosigner-3")
		_ = l.stop("cosigner-1")
		if err := os.RemoveAll(filepath.Join(l.path, "cosigner-3", "state")); err != nil {
			t.Fatal(err)
		}
		l.initState("cosigner-3", watermark.Mark{})
		l.start("cosigner-2", "cosigner-3")
		if l.signsWithin(b, echo(1, 0, 2), 10*time.Second) {
			t.Error("and cosigner-2 signed another value with an emptied cosigner-3")
		}
		return
	}
	l.start("cosigner-2")
	l.mustSign(a, echo(1, 0, 1))
	l.mustBind(b, echo(1, 0, 2), echo(1, 0, 1))
}

// TestRestoredDirectory: a state directory that was copied and put back is refused.
func TestRestoredDirectory(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	victim := others(l.leader())[0]
	_ = l.stop(victim)
	state, saved := filepath.Join(l.path, victim, "state"), filepath.Join(l.path, "saved")
	if err := os.CopyFS(saved, os.DirFS(state)); err != nil {
		t.Fatal(err)
	}
	l.start(victim)
	l.waitReady(victim)
	l.mustSign(a, echo(1, 1, 1))
	_ = l.stop(victim)
	if err := errors.Join(os.RemoveAll(state), os.Rename(saved, state)); err != nil {
		t.Fatal(err)
	}
	l.start(victim)
	_ = l.stop(l.leader())
	l.staysUnready(victim)
	if r, err := l.node("node-a").Sign(t.Context(), request(echo(1, 2, 1))); err == nil {
		t.Errorf("signed with a restored directory: %v", r)
	}
}

// TestCopiedShare: of a share on two hosts at most one is let in, and the cluster goes on signing.
func TestCopiedShare(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]string{"a copied directory": "state", "a directory of its own": "state2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLocal(t, nil)
			l.start(all...)
			a := l.node("node-a")
			l.mustSign(a, echo(1, 0, 1))
			victim := others(l.leader())[0]
			l.waitReady(victim)
			before := l.refusals.Load()
			twin := filepath.Join(l.path, "twin")
			if err := os.CopyFS(twin, os.DirFS(filepath.Join(l.path, victim))); err != nil {
				t.Fatal(err)
			}
			if state != "state" {
				id := statedir.Identity{Cluster: statedir.ID(l.File.ID), Name: victim}
				if err := statedir.Init(filepath.Join(twin, state), id); err != nil {
					t.Fatal(err)
				}
			}
			l.write("twin", "cosigner.toml", daemon.CosignerFile{Name: victim, Cluster: "cluster.toml", Certificate: "tls.crt",
				Key: "tls.key", State: state, Share: "share.age", ShareIdentity: "share.identity",
				Listen: "127.0.0.1:0", ListenRaft: "127.0.0.1:0", ListenAdmin: "127.0.0.1:0"})
			l.runTwin(twin)
			if l.refusals.Load() == before {
				t.Error("two processes with one share ran, and neither was refused")
			}
			l.mustSign(a, echo(1, 1, 1))
		})
	}
}

// TestTornOnAll: a torn last record on all three at once, and they sign again unaided.
func TestTornOnAll(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	l.mustSign(a, echo(1, 1, 1))
	l.stopAll()
	l.start(all...) // so that the third, which gave no share, fills its ledger too
	for _, name := range all[:3] {
		l.waitReady(name)
	}
	l.stopAll()
	for _, name := range all[:3] {
		tearLedger(t, filepath.Join(l.path, name, "state", "ledger"))
	}
	l.start(all...)
	l.mustBind(l.node("node-b"), echo(1, 1, 2), echo(1, 1, 1))
	l.mustSign(a, echo(1, 2, 1))
	torn := uint64(0)
	for _, name := range all[:3] {
		s, err := l.admin(name).Status(t.Context(), &cosignerv1.StatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		torn += s.GetTornRecords()
	}
	if torn != 3 {
		t.Errorf("%d torn records were counted, want 3", torn)
	}
}

// TestModes: fenced mode, promotion and suspension by hand.
func TestModes(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a, b := l.node("node-a"), l.node("node-b")
	l.mustSign(a, echo(1, 0, 1))
	admin := l.admin(l.leader())
	refuses := func(node cosignerv1.SignerServiceClient, m casper.Message, want cosignerv1.RefusalReason) {
		t.Helper()
		if r := l.sign(node, m); r.GetRefused().GetReason() != want {
			t.Errorf("got %v, want %v", r, want)
		}
	}
	if _, err := admin.SetMode(t.Context(), &cosignerv1.SetModeRequest{Mode: cosignerv1.Mode_MODE_FENCED,
		Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	refuses(b, echo(1, 1, 2), cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE)
	l.mustSign(b, block(1, 1))
	if _, err := admin.Activate(t.Context(), &cosignerv1.ActivateRequest{Node: "node-b",
		Epoch: 0, Force: true}); err == nil {
		t.Error("a promotion against an old epoch went through")
	}
	if _, err := admin.Activate(t.Context(), &cosignerv1.ActivateRequest{Node: "node-b", Epoch: 1, Reason: "test",
		Force: true}); err != nil {
		t.Fatal(err)
	}
	refuses(a, echo(1, 1, 1), cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE)
	l.mustSign(b, echo(1, 1, 2))
	if s, err := admin.Status(t.Context(), &cosignerv1.StatusRequest{}); err != nil || s.GetActive() != "node-b" ||
		s.GetReason() != "ops: test" {
		t.Errorf("got active %q for reason %q, %v", s.GetActive(), s.GetReason(), err)
	}
	if _, err := admin.Suspend(t.Context(), &cosignerv1.SuspendRequest{Node: "node-b",
		Suspended: true, Epoch: 2}); err != nil {
		t.Fatal(err)
	}
	refuses(b, block(2, 1), cosignerv1.RefusalReason_REFUSAL_REASON_SUSPENDED)
	l.mustBind(a, echo(1, 1, 1), echo(1, 1, 2))
}

// TestRaceOnTwoCosigners: two values for one slot at one instant, by two agents that ask
// different cosigners.
func TestRaceOnTwoCosigners(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a, b := l.node("node-a"), l.node("node-b")
	l.mustSign(a, block(1, 1))
	for round := range uint32(50) {
		var got [2]*cosignerv1.SignResponse
		var wait sync.WaitGroup
		for i, node := range []cosignerv1.SignerServiceClient{a, b} {
			wait.Go(func() { got[i] = l.sign(node, echo(1, round, byte(1+i))) })
		}
		wait.Wait()
		signed := 0
		for _, r := range got {
			if r.GetSigned() != nil {
				signed++
			} else if r.GetBound() == nil {
				t.Fatalf("round %d: got %v", round, r)
			}
		}
		if signed != 1 {
			t.Fatalf("round %d: %d values were signed: %v", round, signed, got)
		}
	}
}

// TestClockOff: hosts whose clocks are an hour off, either way, lead and follow as the others do.
func TestClockOff(t *testing.T) {
	t.Parallel()
	l := newLocal(t, func(f *cluster.File) {
		f.MinEraTime, f.MinBlockTime = cluster.Duration(50*time.Millisecond), cluster.Duration(20*time.Millisecond)
	})
	l.clocks = map[string]time.Duration{"cosigner-1": time.Hour, "cosigner-2": -time.Hour}
	l.start(all...)
	a, b := l.node("node-a"), l.node("node-b")
	led := map[string]bool{}
	for era := uint64(1); era <= 40 && len(led) < 3; era++ { // each advances the mark, by the clock of whoever leads
		l.mustSign(a, echo(era, 0, 1))
		l.mustSign(a, block(era, 1))
		l.mustBind(b, echo(era, 0, 2), echo(era, 0, 1))
		if era%2 == 0 {
			leader := l.leader()
			led[leader] = true
			_ = l.stop(leader)
			l.start(leader)
		}
	}
	if len(led) < 3 {
		t.Errorf("only %v led", led)
	}
}

// TestTwoProcessesOneDirectory: the second is refused, be it on ports of its own, and the first
// goes on.
func TestTwoProcessesOneDirectory(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start("cosigner-1", "cosigner-2", "cosigner-3")
	l.waitReady("cosigner-1")
	f, err := daemon.ReadCosignerFile(filepath.Join(l.path, "cosigner-1", "cosigner.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{syscall.EADDRINUSE, statedir.ErrInUse} {
		err := daemon.RunCosigner(t.Context(), f, daemon.Options{Fatal: func(error) {}, Now: time.Now})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		f.Listen, f.ListenRaft, f.ListenAdmin = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	}
}
