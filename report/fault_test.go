package report_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/report/reporttest"
)

// TestFaults: what is shown of a fault that a node tells of, and what to do then.
func TestFaults(t *testing.T) {
	c := reporttest.Cluster()
	view := func(found *cosignerv1.FaultFinding) report.Faults {
		answers := reporttest.Healthy(c)
		n := answers[1].Status.Nodes[0]
		n.Fault = found
		n.Health = &cosignerv1.NodeHealth{FaultAgoMs: proto.Uint64(90_000), FaultEra: 22,
			FaultEvidence: &cosignerv1.FaultEvidence{Ballots: []*cosignerv1.Ballot{
				{Instance: make([]byte, 32), Validator: 3, Round: 7, Content: &cosignerv1.Ballot_Vote{Vote: true},
					Signature: make([]byte, 64)},
				{Instance: make([]byte, 31)}}}}
		return report.NewFaults(report.NewStatus(c, answers, reporttest.Noon))
	}
	for _, f := range []struct {
		found  *cosignerv1.FaultFinding
		proof  string
		era    uint64
		advice string
	}{
		{nil, "unread", 0, "let the agent of node-a read"},
		{&cosignerv1.FaultFinding{Proof: "unread", Why: "no such file"}, "unread", 0, "let the agent of node-a read"},
		{&cosignerv1.FaultFinding{Proof: "too_old"}, "too_old", 0, "compare the messages"},
		{&cosignerv1.FaultFinding{Proof: "false"}, "false", 0, "nothing is held"},
		{&cosignerv1.FaultFinding{Proof: "proven", Era: 21}, "proven", 21, "failover resume"},
	} {
		v := view(f.found)
		if len(v.Faults) != 1 || v.From != "c2" {
			t.Fatalf("got %+v", v)
		}
		got := v.Faults[0]
		if got.Node != "node-a" || got.Era != 22 || got.Proof != f.proof || (got.ProvenEra != nil) != (f.era > 0) ||
			reporttest.Noon.Sub(*got.At).Seconds() != 90 || !strings.Contains(got.Advice(), f.advice) {
			t.Errorf("%v: got %+v, %s", f.found, got, got.Advice())
		}
		if len(got.Messages) != 1 || got.Messages[0].Content != "vote true" || got.Messages[0].Round != 7 {
			t.Errorf("messages %+v", got.Messages)
		}
	}
	if v := report.NewFaults(report.NewStatus(c, reporttest.Healthy(c), reporttest.Noon)); len(v.Faults) != 0 {
		t.Errorf("of no fault: %+v", v)
	}
}
