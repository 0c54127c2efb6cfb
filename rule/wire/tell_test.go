package wire

import (
	"testing"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

// TestTell: what a gate and its watch tell reaches the agent; what says nothing is refused.
func TestTell(t *testing.T) {
	g := failover.Gate{Started: at(1)}
	err := Tell(&g, &cosignerv1.ReportRequest{Teller: &cosignerv1.ReportRequest_Gate{Gate: &cosignerv1.GateWord{
		RefusedAgoMs: proto.Uint64(1500), RefusedEra: 7, VotedAgoMs: proto.Uint64(500), VotedEra: 6}}}, at(10))
	want := failover.Gate{Started: at(1), At: at(10), Refused: at(8.5), RefusedEra: 7, Voted: at(9.5), VotedEra: 6}
	if err != nil || g != want {
		t.Errorf("%+v, %v", g, err)
	}
	watch := func(sight cosignerv1.GateSight) *cosignerv1.ReportRequest {
		return &cosignerv1.ReportRequest{Teller: &cosignerv1.ReportRequest_Watch{Watch: &cosignerv1.WatchWord{Sight: sight}}}
	}
	for sight, wrong := range map[cosignerv1.GateSight]bool{cosignerv1.GateSight_GATE_SIGHT_STANDS: false,
		cosignerv1.GateSight_GATE_SIGHT_HANGS: true, cosignerv1.GateSight_GATE_SIGHT_PASSED: true,
		cosignerv1.GateSight_GATE_SIGHT_GONE: true} {
		g = failover.Gate{}
		if err := Tell(&g, watch(sight), at(11)); err != nil || g.Error != "" != wrong {
			t.Errorf("%v: %+v, %v", sight, g, err)
		}
		if passed := sight == cosignerv1.GateSight_GATE_SIGHT_PASSED; passed != !g.Passed.IsZero() {
			t.Errorf("%v: %+v", sight, g)
		}
	}
	was := g
	for _, r := range []*cosignerv1.ReportRequest{nil, {}, watch(0), watch(99)} {
		if err := Tell(&g, r, at(12)); err == nil || g != was {
			t.Errorf("%v is taken: %+v", r, g)
		}
	}
}

// TestTellBack: what a gate and its watch tell, and what they are told, is what was meant.
func TestTellBack(t *testing.T) {
	var g failover.Gate
	w := failover.GateWord{Refused: at(8), RefusedEra: 7, Voted: at(9), VotedEra: 6}
	want := failover.Gate{At: at(10), Refused: at(8), RefusedEra: 7, Voted: at(9), VotedEra: 6}
	if err := Tell(&g, GateWord(w, at(10)), at(10)); err != nil || g != want {
		t.Errorf("%+v, %v", g, err)
	}
	for _, sight := range []failover.GateSight{failover.GateStands, failover.GateHangs, failover.GatePasses,
		failover.GateGone} {
		var got, want failover.Gate
		want.Seen(sight, at(10))
		if err := Tell(&got, GateSight(sight), at(10)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", sight, got, err)
		}
	}
	waits := failover.Known{Active: true}.Waits(at(10))
	waits.Boot = 9
	if got := ToldWaits(Waits(waits), at(10)); got != waits {
		t.Errorf("%+v, want %+v", got, waits)
	}
}
