package signer

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// administered is an Admin on fakes. Its judgement is the test's.
type administered struct {
	*Admin
	holds     []uint64 // heights, in the ledger
	rig       *rig
	judgement failover.Judgement
	seen      failover.Observation
	reports   map[string]*cosignerv1.NodeReport
	made      map[string]uint64 // resets, by each cosigner's ledger
}

func newAdministered(t *testing.T) *administered {
	a := &administered{rig: newRig(t, nil)}
	a.Admin = &Admin{Signer: a.rig.Signer, Recent: &Recent{},
		Settings: failover.Settings{Nodes: []string{"node-a", "node-b"}, Threshold: 2, After: 5 * time.Second},
		Caller: func(context.Context) (cluster.Member, bool) {
			return cluster.Member{Name: "ops", Role: cluster.Operator}, true
		},
		Cosigners: []string{"cosigner-1", "cosigner-2", "cosigner-3"}, Versions: readers{a},
		Host:      func(r *cosignerv1.StatusResponse) { r.Name = "cosigner-1" },
		Followed:  func() map[string]uint64 { return a.made },
		Held:      func(from uint64) watermark.Seen { return watermark.NewSeen(from, slices.Values(a.holds)) },
		Judgement: func() (failover.Judgement, failover.Observation) { return a.judgement, a.seen },
		Report:    func(node string) *cosignerv1.NodeReport { return a.reports[node] },
	}
	return a
}

// readers is what the others can read: the newest, but for the last one.
type readers struct{ *administered }

func (readers) Unshown() []string { return []string{"cosigner-3"} }

func (r readers) ApplyWithout(_ context.Context, c machine.Command, names []string) (machine.Result, error) {
	if !slices.Equal(names, r.Unshown()) {
		return machine.Result{}, machine.ErrVersion
	}
	return r.rig.log.state.ApplyAt(machine.Place{Index: 9, Version: machine.Version}, c), nil
}

// listened makes the cosigners ones that have listened for long enough.
func (a *administered) listened() {
	a.seen.Reporting, a.seen.Listening = 3, time.Now().Add(-time.Hour)
	a.judgement.Code = failover.Well
}

func (a *administered) judge(node string, c failover.Condition) {
	if a.judgement.Conditions == nil {
		a.judgement.Conditions = map[string]failover.Condition{}
	}
	a.judgement.Conditions[node] = c
}

func wantCode(t *testing.T, what string, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// TestChanges: each change by an operator, with who made it and why, and what the history
// keeps of it.
func TestChanges(t *testing.T) {
	a := newAdministered(t)
	ctx, epoch := t.Context(), uint64(0)
	next := func(what string, got uint64, err error) {
		t.Helper()
		if epoch++; err != nil || got != epoch {
			t.Fatalf("%s: got epoch %d, %v; want %d", what, got, err, epoch)
		}
	}
	activated, err := a.Activate(ctx, &cosignerv1.ActivateRequest{Node: "node-b", Reason: "kernel", Epoch: epoch})
	next("activate", activated.GetEpoch(), err)
	switched, err := a.SetMode(ctx, &cosignerv1.SetModeRequest{Mode: cosignerv1.Mode_MODE_FENCED, Epoch: epoch})
	next("mode", switched.GetEpoch(), err)
	suspended, err := a.Suspend(ctx, &cosignerv1.SuspendRequest{Node: "node-a", Suspended: true, Epoch: epoch})
	next("suspend", suspended.GetEpoch(), err)
	held, err := a.Hold(ctx, &cosignerv1.HoldRequest{ForMs: 3600_000, Reason: "upgrade", Epoch: epoch})
	next("hold", held.GetEpoch(), err)
	s, err := a.Status(ctx, &cosignerv1.StatusRequest{})
	if left := time.Until(s.GetHoldUntil().AsTime()); err != nil || left < 59*time.Minute || left > time.Hour {
		t.Errorf("held for another %v, %v; want an hour", left, err)
	}
	held, err = a.Hold(ctx, &cosignerv1.HoldRequest{Epoch: epoch})
	next("hold", held.GetEpoch(), err)
	if s, err := a.Status(ctx, &cosignerv1.StatusRequest{}); err != nil || s.GetHoldUntil().CheckValid() != nil ||
		time.Until(s.GetHoldUntil().AsTime()) < 1e6*time.Hour {
		t.Errorf("held until %v, %v; want until resumed", s.GetHoldUntil(), err)
	}
	resumed, err := a.Resume(ctx, &cosignerv1.ResumeRequest{Reason: "done", Epoch: epoch})
	next("resume", resumed.GetEpoch(), err)
	if s, err := a.Status(ctx, &cosignerv1.StatusRequest{}); err != nil || s.GetHoldUntil() != nil ||
		s.GetCause() != "operator" || s.GetReason() != "ops: done" {
		t.Errorf("got hold until %v, cause %q, reason %q, %v", s.GetHoldUntil(), s.GetCause(), s.GetReason(), err)
	}
	_, err = a.Resume(ctx, &cosignerv1.ResumeRequest{Epoch: 2})
	wantCode(t, "an old epoch", err, codes.Aborted)

	h, err := a.History(ctx, &cosignerv1.HistoryRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var what []string
	for i, c := range h.GetChanges() {
		what = append(what, strings.TrimSpace(c.GetWhat()+" "+c.GetSubject()))
		if c.GetEpoch() != uint64(i+1) || c.GetCause() != "operator" || !strings.HasPrefix(c.GetReason(), "ops: ") ||
			c.GetAt() == 0 {
			t.Errorf("got %v", c)
		}
	}
	if got, want := strings.Join(what, ", "),
		"activate node-b, mode fenced, suspend node-a, hold, hold, resume"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestHoldBounds: a hold is for 30 days at most, or without end.
func TestHoldBounds(t *testing.T) {
	a := newAdministered(t)
	month := uint64((30 * 24 * time.Hour).Milliseconds())
	for _, ms := range []uint64{month + 1, 1 << 63, 1<<64 - 1} {
		_, err := a.Hold(t.Context(), &cosignerv1.HoldRequest{ForMs: ms})
		wantCode(t, "too long", err, codes.InvalidArgument)
	}
	if _, err := a.Hold(t.Context(), &cosignerv1.HoldRequest{ForMs: month}); err != nil {
		t.Error(err)
	}
}

// TestActivateNotReady: an operator cannot make a node active that is not ready, but by force. What
// nobody knows yet is the operator's to know.
func TestActivateNotReady(t *testing.T) {
	a := newAdministered(t)
	activate := func(node string, force bool) error {
		epoch := uint64(len(a.rig.log.applied))
		_, err := a.Activate(t.Context(), &cosignerv1.ActivateRequest{Node: node, Epoch: epoch, Force: force})
		return err
	}
	wantCode(t, "before the first judgement", activate("node-b", false), codes.OK)
	a.listened()
	a.judge("node-a", failover.Condition{Code: failover.CatchingUp, Why: "it is far behind"})
	err := activate("node-a", false)
	wantCode(t, "not ready", err, codes.FailedPrecondition)
	if !strings.Contains(status.Convert(err).Message(), "it is far behind") {
		t.Errorf("got %v, want why it is not ready", err)
	}
	wantCode(t, "by force", activate("node-a", true), codes.OK)
	err = activate("node-c", true)
	wantCode(t, "no such node", err, codes.NotFound)
	if !strings.HasSuffix(err.Error(), `no node "node-c" in the cluster file: it has node-a, node-b`) {
		t.Errorf("got %v, want which there are", err)
	}
	a.judge("node-b", failover.Condition{Code: failover.GateDown})
	wantCode(t, "a stock node without its gate", activate("node-b", false), codes.FailedPrecondition)
	a.judge("node-b", failover.Condition{Code: failover.Out})
	wantCode(t, "a passive stock node", activate("node-b", false), codes.OK)
	_, err = a.SetMode(t.Context(), &cosignerv1.SetModeRequest{Mode: cosignerv1.Mode_MODE_FENCED,
		Epoch: uint64(len(a.rig.log.applied))})
	wantCode(t, "fencing", err, codes.OK)
	wantCode(t, "a passive stock node, where nobody else would vote", activate("node-b", false), codes.FailedPrecondition)
	a.judge("node-b", failover.Condition{Ready: true})
	wantCode(t, "ready", activate("node-b", false), codes.OK)
	a.rig.log.follower = true
	wantCode(t, "at a follower", activate("node-a", false), codes.FailedPrecondition)
	if err := activate("node-a", false); !strings.Contains(err.Error(), "cosigner-1") {
		t.Errorf("got %v, want who leads", err)
	}
}

// TestActivateSuspended: a suspended node is not made active, not even by force, whatever
// is known of it.
func TestActivateSuspended(t *testing.T) {
	a := newAdministered(t)
	a.listened()
	suspend := func(suspended bool) {
		t.Helper()
		_, err := a.Suspend(t.Context(), &cosignerv1.SuspendRequest{Node: "node-b",
			Suspended: suspended, Epoch: uint64(len(a.rig.log.applied))})
		wantCode(t, "suspend", err, codes.OK)
	}
	activate := func(force bool) error {
		_, err := a.Activate(t.Context(), &cosignerv1.ActivateRequest{Node: "node-b",
			Epoch: uint64(len(a.rig.log.applied)), Force: force})
		return err
	}
	suspend(true)
	a.judge("node-b", failover.Condition{Ready: true})
	for _, force := range []bool{false, true} {
		err := activate(force)
		wantCode(t, "suspended", err, codes.FailedPrecondition)
		if want := "node-b is suspended: end that first (failover suspend node-b --end)"; status.Convert(
			err).Message() != want {
			t.Errorf("force %v: got %v, want %q", force, err, want)
		}
	}
	suspend(false)
	wantCode(t, "no longer suspended", activate(false), codes.OK)
}

// TestFenceToNobody: fenced mode is refused while the active node is gone: then nobody
// would get a round.
func TestFenceToNobody(t *testing.T) {
	fenced := cosignerv1.Mode_MODE_FENCED
	for _, c := range []struct {
		name     string
		mode     cosignerv1.Mode
		listened bool
		of       string // the node that is judged
		code     string
		want     codes.Code
	}{
		{"silent", fenced, true, "node-a", failover.Silent, codes.FailedPrecondition},
		{"cut off", fenced, true, "node-a", failover.CutOff, codes.FailedPrecondition},
		{"down", fenced, true, "node-a", failover.NodeDown, codes.FailedPrecondition},
		{"suspended", fenced, true, "node-a", failover.Suspended, codes.FailedPrecondition},
		{"behind", fenced, true, "node-a", failover.Behind, codes.OK},
		{"well", fenced, true, "node-a", "", codes.OK},
		{"another node is silent", fenced, true, "node-b", failover.Silent, codes.OK},
		{"silent, for all that is known yet", fenced, false, "node-a", failover.Silent, codes.OK},
		{"silent, and hot", cosignerv1.Mode_MODE_HOT, true, "node-a", failover.Silent, codes.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAdministered(t)
			if c.listened {
				a.listened()
			}
			a.judge(c.of, failover.Condition{Code: c.code, Ready: c.code == "", Why: "because"})
			_, err := a.SetMode(t.Context(), &cosignerv1.SetModeRequest{Mode: c.mode})
			wantCode(t, "mode", err, c.want)
		})
	}
}

// TestStatusNodes: what is known of each node, and on the leader what is made of it.
func TestStatusNodes(t *testing.T) {
	a := newAdministered(t)
	now := time.Now()
	a.listened()
	a.judgement.Why, a.judgement.Node, a.judgement.Due = "all is well", "node-b", now.Add(time.Minute)
	a.judge("node-a", failover.Condition{Ready: true})
	a.judge("node-b", failover.Condition{Code: failover.Silent, Why: "not heard"})
	a.seen.Nodes = map[string]failover.Node{"node-a": {Heard: now.Add(-time.Second),
		Asks: failover.Asks{Place: failover.Place{Era: 10, Round: 3, Height: 1002},
			Rounds:  failover.Progress{Asked: now.Add(-3 * time.Second)},
			Heights: failover.Progress{Asked: now.Add(-2 * time.Second)}}}}
	a.reports = map[string]*cosignerv1.NodeReport{"node-a": {Name: "node-a", HeardAgoMs: proto.Uint64(0),
		Health: &cosignerv1.NodeHealth{Peers: 7}, Reach: []*cosignerv1.Reach{{Name: "node-b"}}}}
	a.seen.Findings = map[string]failover.Finding{"node-b": {Proof: failover.Proven, Why: "it is not in the log", Era: 9}}
	s, err := a.Status(t.Context(), &cosignerv1.StatusRequest{})
	if err != nil || len(s.GetNodes()) != 2 {
		t.Fatalf("got %v, %v", s, err)
	}
	if f := s.GetNodes()[1].GetFault(); f.GetProof() != "proven" || f.GetWhy() != "it is not in the log" ||
		f.GetEra() != 9 || s.GetNodes()[0].Fault != nil {
		t.Errorf("of the fault that node-b tells of: %v, and of node-a's %v", f, s.GetNodes()[0].Fault)
	}
	n, other := s.GetNodes()[0], s.GetNodes()[1]
	if !n.GetReady() || n.GetCondition() != "" || n.GetHealth().GetPeers() != 7 || len(n.GetReach()) != 1 ||
		n.GetRound() != 3 || n.GetHeight() != 1002 ||
		!n.GetLastPing().AsTime().Equal(now.Add(-time.Second)) ||
		!n.GetLastRequest().AsTime().Equal(now.Add(-2*time.Second)) {
		t.Errorf("node-a: got %v", n)
	}
	if other.GetReady() || other.GetCondition() != failover.Silent || other.GetWhy() != "not heard" ||
		other.LastPing != nil || other.LastRequest != nil {
		t.Errorf("node-b: got %v", other)
	}
	if j := s.GetJudgement(); j.GetCode() != failover.Well || j.GetNode() != "node-b" ||
		!j.GetDue().AsTime().Equal(a.judgement.Due) {
		t.Errorf("got judgement %v", j)
	}
	a.rig.mustSign("node-a", echo(10, 4, 1)) // newer than what its agent told
	if s, err = a.Status(t.Context(), &cosignerv1.StatusRequest{}); err != nil || s.GetNodes()[0].GetRound() != 4 {
		t.Errorf("got %v, %v; want the request that came here", s.GetNodes()[0], err)
	}
	a.rig.log.follower = true
	if s, err = a.Status(t.Context(), &cosignerv1.StatusRequest{}); err != nil || s.GetJudgement() != nil {
		t.Errorf("a follower tells a judgement: %v, %v", s.GetJudgement(), err)
	}
}
