package report_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/report/reporttest"
)

// TestNext is what is said to come next.
func TestNext(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(*report.FailoverStatus)
		want string
	}{
		{"due", func(*report.FailoverStatus) {}, "node-b becomes active in 4s (silent): node-a is silent"},
		{"due now", func(v *report.FailoverStatus) {
			v.Judgement.Due = &reporttest.Noon
		}, "node-b becomes active now (silent): node-a is silent"},
		{"an operator is asked", func(v *report.FailoverStatus) { v.Judgement.Confirm = true },
			"waiting for an operator to make node-b active (silent): node-a is silent"},
		{"nothing", func(v *report.FailoverStatus) { *v.Judgement = report.Judgement{Code: "well", Why: "all is well"} },
			"nothing (well): all is well"},
		{"nothing, for no given reason", func(v *report.FailoverStatus) { *v.Judgement = report.Judgement{Code: "well"} },
			"nothing (well)"},
		{"not judged", func(v *report.FailoverStatus) { v.Judgement = nil }, "not known"},
		{"nobody leads", func(v *report.FailoverStatus) { v.Leader = "" }, "nothing: no cosigner leads"},
	} {
		v := reporttest.Failing(reporttest.Cluster())
		test.set(&v)
		if have := v.Next(); have != test.want {
			t.Errorf("%s: %q, want %q", test.name, have, test.want)
		}
		if line := v.Line(); !strings.HasPrefix(line, "2026-11-20T12:00:00Z active node-a, epoch 2, mode hot; ") ||
			!strings.HasSuffix(line, "; next "+test.want) ||
			strings.Contains(line, "\n") {
			t.Errorf("%s: line %q", test.name, line)
		}
	}
}

func TestLag(t *testing.T) {
	at := timestamppb.New(reporttest.Noon)
	c := reporttest.Cluster()
	answers := reporttest.Healthy(c)
	answers[1].Status.Nodes = []*cosignerv1.NodeStatus{
		{Name: "newest", LastRequest: at, Era: 5, Round: 9, Height: 100},
		{Name: "level", LastRequest: at, Era: 5, Round: 9, Height: 100},
		{Name: "rounds", LastRequest: at, Era: 5, Round: 7, Height: 99},
		{Name: "height", LastRequest: at, Era: 5, Round: 9, Height: 99},
		{Name: "era", LastRequest: at, Era: 4, Round: 800, Height: 99},
		{Name: "heights-only", LastRequest: at, Height: 100},
		{Name: "never"},
	}
	want := []string{"none", "none", "2 rounds", "1 height", "an era", "an era", "-"}
	for i, n := range report.NewStatus(c, answers, reporttest.Noon).Nodes {
		if have := n.Lag(); have != want[i] {
			t.Errorf("%s: lag %q, want %q", n.Name, have, want[i])
		}
	}
}
