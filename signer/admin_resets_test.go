package signer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

// TestResetHeightsByOperator: the heights are reset on the operator's own signature, over all that
// it says, and once for each.
func TestResetHeightsByOperator(t *testing.T) {
	a := newAdministered(t)
	a.VerifyReset = a.rig.cluster.File.VerifyReset
	for _, height := range []uint64{1001, 1002} {
		if _, err := a.rig.ask(t.Context(), "node-a", block(height, 1)); err != nil {
			t.Fatal(err)
		}
	}
	seenUpTo := func(until, seenAt, height, count uint64) *cosignerv1.ResetHeightsRequest {
		r := watermark.Reset{Height: height, Until: until, SeenAt: seenAt, Count: count, Operator: "ops",
			Network: watermark.Version{Major: 2, Minor: 1, Patch: 5},
			Reason:  "hard reset", Seen: watermark.Seen{From: height, Bits: "\xff"},
			First: watermark.Mark{Era: 10, Height: 1000}}
		signature := a.rig.cluster.File.SignReset(a.rig.cluster.Keys["ops"], r)
		return &cosignerv1.ResetHeightsRequest{Height: height, Until: until, SeenAt: seenAt, Count: count,
			Network: wire.NetworkVersionToProto(r.Network), Reason: r.Reason, Signature: signature[:],
			Seen:  &cosignerv1.HeightsSeen{From: r.From, Bits: []byte(r.Bits)},
			First: mark(r.First)}
	}
	request := func(height, count uint64) *cosignerv1.ResetHeightsRequest { return seenUpTo(1002, 1, height, count) }
	other := request(1001, 1)
	other.Height = 1000
	forged := request(1001, 1)
	node := a.rig.cluster.File.SignReset(a.rig.cluster.Keys["node-a"], watermark.Reset{Height: 1001, Until: 1002,
		SeenAt: 1, Count: 1, Operator: "ops", Reason: "hard reset"})
	forged.Signature = node[:]
	late := request(1001, 1)
	late.Seen.Bits[0] = 0xfd // 1002 was not seen
	short := request(1001, 1)
	short.Signature = short.Signature[:63]
	long := request(1001, 1)
	long.Reason = strings.Repeat("x", 1001)
	for _, tt := range []struct {
		name    string
		request *cosignerv1.ResetHeightsRequest
		want    codes.Code
	}{
		{"a height that was not signed", other, codes.PermissionDenied},
		{"another key's", forged, codes.PermissionDenied},
		{"seen otherwise than signed", late, codes.PermissionDenied},
		{"half a signature", short, codes.InvalidArgument},
		{"a reason without end", long, codes.InvalidArgument},
		{"above what was signed", request(1003, 1), codes.FailedPrecondition},
		{"not dated", seenUpTo(1002, 0, 1001, 1), codes.Aborted},
		{"the second one first", request(1001, 2), codes.Aborted},
		{"sound", request(1001, 1), codes.OK},
		{"sent again", request(1001, 1), codes.Aborted},
		{"a second one for one restart", request(1001, 2), codes.FailedPrecondition},
	} {
		_, err := a.ResetHeights(t.Context(), tt.request)
		wantCode(t, tt.name, err, tt.want)
	}
	from := uint64(1000)
	a.holds = []uint64{1003} // by its ledger, and not by the log
	told, err := a.Status(t.Context(), &cosignerv1.StatusRequest{HeightsFrom: &from})
	if bits := told.GetSeen().GetBits(); err != nil || told.GetSeen().GetFrom() != 1000 || len(bits) != 1 || bits[0] != 8 {
		t.Errorf("bound from 1000 on: %v, %v", told.GetSeen(), err)
	}
	seen, err := a.Status(t.Context(), nil)
	if err != nil || seen.Seen != nil || seen.GetResets() != 1 || seen.GetLastReset().GetHeight() != 1001 ||
		seen.GetLastReset().GetUntil() != 1002 ||
		seen.GetLastReset().GetNetwork().GetPatch() != 5 ||
		seen.GetLastReset().GetOperator() != "ops" || seen.GetNewest().GetHeight() != 1001 {
		t.Errorf("%v, %v", seen, err)
	}
}

// TestStatusBesideReset: a ledger that makes a reset while it is asked is never told with the
// heights of before and the count of after: those would count as bound still.
func TestStatusBesideReset(t *testing.T) {
	a := newAdministered(t)
	held, resets := []uint64{1003}, uint64(0)
	made := func() { held, resets = nil, 1 } // after whatever it is asked for first
	a.Host = func(r *cosignerv1.StatusResponse) { r.LedgerResets = resets; made() }
	a.Held = func(from uint64) watermark.Seen {
		defer made()
		return watermark.NewSeen(from, slices.Values(held))
	}
	from := uint64(1000)
	told, err := a.Status(t.Context(), &cosignerv1.StatusRequest{HeightsFrom: &from})
	if err != nil || told.Seen == nil || told.GetLedgerResets() == 1 && told.GetSeen().GetBits()[0] != 0 {
		t.Errorf("after %d resets: %v, %v", told.GetLedgerResets(), told.GetSeen(), err)
	}
}

// TestResetNotFollowed: the leader itself refuses another reset while a ledger is known not to have
// made the last one, names it, and goes on without it at an operator's word.
func TestResetNotFollowed(t *testing.T) {
	a := newAdministered(t)
	a.VerifyReset = func(watermark.Reset) error { return nil }
	reset := func(count uint64, without ...string) error {
		if _, err := a.rig.ask(t.Context(), "node-a", block(1001, 1)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond) // it waits until then at most
		defer cancel()
		_, err := a.ResetHeights(ctx, &cosignerv1.ResetHeightsRequest{Height: 1001, Until: 1001, SeenAt: 1, Count: count,
			Network: &cosignerv1.NetworkVersion{Major: 2, Patch: uint32(count)}, Signature: make([]byte, 64),
			Seen: &cosignerv1.HeightsSeen{From: 1001, Bits: []byte{1}}, Without: without})
		return err
	}
	a.made = map[string]uint64{"cosigner-1": 0, "cosigner-3": 0}
	wantCode(t, "the first one", reset(1), codes.OK)
	a.made = map[string]uint64{"cosigner-1": 1, "cosigner-3": 0} // of cosigner-2 nothing is known
	err := reset(2)
	wantCode(t, "before cosigner-3 has followed", err, codes.FailedPrecondition)
	if err == nil || !strings.Contains(err.Error(), "cosigner-3 has made 0 of 1") {
		t.Error(err)
	}
	wantCode(t, "without it", reset(2, "cosigner-3"), codes.OK)
	a.made = map[string]uint64{"cosigner-1": 2, "cosigner-3": 2}
	wantCode(t, "once all have followed", reset(3), codes.OK)
}

// TestReasonsOfMarks: why an operator moved a mark is in the history, among the changes of roles.
func TestReasonsOfMarks(t *testing.T) {
	a := newAdministered(t)
	ctx, start, looked := t.Context(), time.Now(), &atomic.Int64{}
	a.Signer.Now = func() time.Time { return start.Add(time.Duration(looked.Add(1)) * time.Millisecond) }
	floor := &cosignerv1.SetFloorRequest{Floor: &cosignerv1.Mark{Era: 10, Height: 1001}, Reason: "a PEM"}
	for epoch := range uint64(2) {
		if _, err := a.Activate(ctx, &cosignerv1.ActivateRequest{Node: "node-b", Epoch: epoch, Force: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.SetFloor(ctx, floor); err != nil {
			t.Fatal(err)
		}
	}
	floor.Reason = strings.Repeat("x", 1001)
	_, err := a.SetFloor(ctx, floor)
	wantCode(t, "a reason without end", err, codes.InvalidArgument)
	h, err := a.History(ctx, nil)
	var got []string
	for _, c := range h.GetChanges() {
		got = append(got, fmt.Sprint(c.GetEpoch(), c.GetCause(), " ", c.GetWhat(), " ", c.GetSubject(), " ", c.GetReason()))
	}
	want := []string{"1operator activate node-b ops: ", "0operator floor era 10 height 1001 ops: a PEM",
		"2operator activate node-b ops: ", "0operator floor era 10 height 1001 ops: a PEM"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestSetInstanceByOperator: a node that is refused is told under which chainspec it asked, and
// once that is named it is served.
func TestSetInstanceByOperator(t *testing.T) {
	a := newAdministered(t)
	again := echo(11, 0, 2)
	again.Chainspec = casper.Hash{7}
	if _, err := a.rig.ask(t.Context(), "node-a", echo(11, 0, 1)); err != nil {
		t.Fatal(err)
	}
	_, err := a.rig.ask(t.Context(), "node-a", again)
	if err == nil || !strings.Contains(err.Error(), "under chainspec "+again.Chainspec.String()) ||
		!strings.Contains(err.Error(), "watermark instance") {
		t.Errorf("refused: %v", err)
	}
	for _, tt := range []struct {
		era       uint64
		chainspec []byte
		want      codes.Code
	}{{11, again.Chainspec[:31], codes.InvalidArgument}, {14, again.Chainspec[:], codes.FailedPrecondition},
		{11, again.Chainspec[:], codes.OK}, {11, again.Chainspec[:], codes.OK}} {
		r := &cosignerv1.SetInstanceRequest{Era: tt.era, Chainspec: tt.chainspec, Reason: "x"}
		_, err := a.SetInstance(t.Context(), r)
		wantCode(t, fmt.Sprintf("era %d, %d bytes", tt.era, len(tt.chainspec)), err, tt.want)
	}
	if answer, err := a.rig.ask(t.Context(), "node-a", again); err != nil || answer.Message != again {
		t.Errorf("named: %v, %v", answer, err)
	}
	seen, err := a.Status(t.Context(), nil)
	if again := seen.GetReruns(); err != nil || len(again) != 1 || again[0].GetEra() != 11 {
		t.Errorf("%v, %v", again, err)
	}
}

// TestBeforeAllKnowIt: while a cosigner runs the release before, the answer names it, and says that
// nothing was changed. One that is lost is left out at an operator's word, if enough are left.
func TestBeforeAllKnowIt(t *testing.T) {
	a := newAdministered(t)
	a.rig.log.state = machine.New() // of the version before
	a.rig.log.state.Apply(machine.Genesis{First: watermark.Mark{Era: 10, Height: 1000}, Active: "node-a"})
	_, err := a.SetInstance(t.Context(), &cosignerv1.SetInstanceRequest{Era: 11, Chainspec: make([]byte, 32), Reason: "x"})
	if status.Code(err) != codes.FailedPrecondition ||
		!strings.Contains(err.Error(), "nothing was changed: not every cosigner runs a release that knows this command: "+
			"cosigner-3 did not show that it does") {
		t.Error(err)
	}
	for _, tt := range []struct {
		without string
		want    codes.Code
	}{
		{"cosigner-4", codes.NotFound}, {"cosigner-2", codes.FailedPrecondition},
		{"cosigner-2 cosigner-3", codes.InvalidArgument}, {"cosigner-3", codes.OK},
	} {
		_, err := a.SetInstance(t.Context(), &cosignerv1.SetInstanceRequest{Era: 11, Chainspec: make([]byte, 32), Reason: "x",
			Without: strings.Fields(tt.without)})
		wantCode(t, "without "+tt.without, err, tt.want)
	}
}
