package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// failing returns the view of a cluster whose main has been silent for 6 of 10 s, an hour after a change.
func failing(t *testing.T) failoverJSON {
	ms := func(v uint64) *uint64 { return &v }
	f, replies := healthy(t)
	v := replies[1].status
	v.Since = timestamppb.New(noon.Add(-6 * time.Second))
	v.Judgement = &cosignerv1.Judgement{Code: "silent", Why: "node-a is silent", Node: "node-b",
		Due: timestamppb.New(noon.Add(3500 * time.Millisecond))}
	v.Nodes[0] = &cosignerv1.NodeStatus{Name: "node-a", Condition: "silent", Why: "no cosigner had a ping for 6s",
		LastPing: timestamppb.New(noon.Add(-6 * time.Second)), LastRequest: timestamppb.New(noon.Add(-7 * time.Second)),
		Era: 23, Round: 5, Height: 265,
		Health: &cosignerv1.NodeHealth{StatusAgoMs: ms(500), StatusError: "no answer", ReactorState: "Validate",
			Block: &cosignerv1.Block{Era: 23, Height: 265}, RoundLengthMs: 8000, Peers: 1, Version: "2.0.3", UpgradeEra: ms(24)},
		Reach: []*cosignerv1.Reach{{Name: "c1", AnsweredAgoMs: ms(100), RttUs: 420, Sent: 60}, {Name: "c2", Sent: 60, Lost: 60}, {Name: "c3"},
			{Name: "node-b", AnsweredAgoMs: ms(4000), RttUs: 300, Sent: 60, Lost: 60}}}
	v.Nodes[1].Health = &cosignerv1.NodeHealth{StatusAgoMs: ms(200), ReactorState: "Validate",
		Block: &cosignerv1.Block{Era: 23, Height: 266}, RoundLengthMs: 8000, Peers: 34, Version: "2.0.3"}
	v.Nodes[1].Round = 7
	v.Nodes[1].Reach = []*cosignerv1.Reach{{Name: "c1", AnsweredAgoMs: ms(100), RttUs: 380, Sent: 60, Lost: 2},
		{Name: "node-a", AnsweredAgoMs: ms(6000), RttUs: 300, Sent: 60, Lost: 6}}
	return newFailover(f, newStatus(f, replies, noon))
}

func TestFailoverTable(t *testing.T) {
	var b bytes.Buffer
	if err := failing(t).printTable(&b); err != nil {
		t.Fatal(err)
	}
	compare(t, "failover.golden", b.Bytes())
	b.Reset()
	if err := printJSON(&b, failing(t)); err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, b.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	compare(t, "failover.json.golden", indented.Bytes())
}

// TestNext is what is said to come next.
func TestNext(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(*failoverJSON)
		want string
	}{
		{"due", func(*failoverJSON) {}, "node-b becomes active in 4s (silent): node-a is silent"},
		{"due now", func(v *failoverJSON) { v.Judgement.Due = &noon }, "node-b becomes active now (silent): node-a is silent"},
		{"an operator is asked", func(v *failoverJSON) { v.Judgement.Confirm = true },
			"waiting for an operator to make node-b active (silent): node-a is silent"},
		{"nothing", func(v *failoverJSON) { *v.Judgement = judgementJSON{Code: "well", Why: "all is well"} }, "nothing (well): all is well"},
		{"nothing, for no given reason", func(v *failoverJSON) { *v.Judgement = judgementJSON{Code: "well"} }, "nothing (well)"},
		{"not judged", func(v *failoverJSON) { v.Judgement = nil }, "not known"},
		{"nobody leads", func(v *failoverJSON) { v.Leader = "" }, "nothing: no cosigner leads"},
	} {
		v := failing(t)
		test.set(&v)
		if have := v.next(); have != test.want {
			t.Errorf("%s: %q, want %q", test.name, have, test.want)
		}
		if line := v.line(); !strings.HasPrefix(line, "2026-11-20T12:00:00Z active node-a, epoch 2, mode hot; ") || !strings.HasSuffix(line, "; next "+test.want) ||
			strings.Contains(line, "\n") {
			t.Errorf("%s: line %q", test.name, line)
		}
	}
}

func TestLag(t *testing.T) {
	at := timestamppb.New(noon)
	f, replies := healthy(t)
	replies[1].status.Nodes = []*cosignerv1.NodeStatus{
		{Name: "newest", LastRequest: at, Era: 5, Round: 9, Height: 100},
		{Name: "level", LastRequest: at, Era: 5, Round: 9, Height: 100},
		{Name: "rounds", LastRequest: at, Era: 5, Round: 7, Height: 99},
		{Name: "height", LastRequest: at, Era: 5, Round: 9, Height: 99},
		{Name: "era", LastRequest: at, Era: 4, Round: 800, Height: 99},
		{Name: "heights-only", LastRequest: at, Height: 100},
		{Name: "never"},
	}
	want := []string{"none", "none", "2 rounds", "1 height", "an era", "an era", "-"}
	for i, n := range newStatus(f, replies, noon).Nodes {
		if have := n.lag(); have != want[i] {
			t.Errorf("%s: lag %q, want %q", n.Name, have, want[i])
		}
	}
}
