package agent_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/agent"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
)

// TestReport: what a gate tells is noted, and it is told how long it may wait: by whom a threshold
// of cosigners names active, not by one.
func TestReport(t *testing.T) {
	node := &watched{}
	waits := agent.NewWaits("a", true, failover.NewActiveTold("a", 2, time.Second))
	s := &agent.GateServer{Node: node, Waits: waits.Waits, Boot: 9}
	report := func(first uint64) {
		t.Helper()
		now := time.Now()
		w := failover.GateWord{Refused: now.Add(-time.Second), RefusedEra: 7}
		r, err := s.Report(t.Context(), wire.GateWord(w, now))
		if err != nil || r.GetFirstWaitMs() != first || r.GetLaterWaitMs() != 4000 || r.GetBoot() != 9 {
			t.Errorf("%v, %v; want %d ms for the first", r, err, first)
		}
		if g := node.node.Gate; g.At.IsZero() || g.RefusedEra != 7 {
			t.Errorf("it is noted as %+v", g)
		}
	}
	report(8000)
	waits.Heard("1", "b", time.Now())
	report(8000)
	waits.Heard("2", "b", time.Now())
	report(250)
	if _, err := s.Report(t.Context(), &cosignerv1.ReportRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("what says nothing: %v", err)
	}
}
