package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/report/reporttest"
)

func TestFailoverTable(t *testing.T) {
	var b bytes.Buffer
	if err := printFailover(&b, reporttest.Failing(exampleView(t))); err != nil {
		t.Fatal(err)
	}
	compare(t, "failover.golden", b.Bytes())
	b.Reset()
	if err := printJSON(&b, reporttest.Failing(exampleView(t))); err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, b.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	compare(t, "failover.json.golden", indented.Bytes())
}

// TestStatusTable compares the table of a cluster with one cosigner away, and further than its
// timing is made for.
func TestStatusTable(t *testing.T) {
	c := exampleView(t)
	answers := reporttest.Healthy(c)
	reporttest.Away(&answers[2])
	c.Timing, answers[1].Status.Peers[1].RttUs = "lan", 83_120
	answers[1].Status.Refusals = []*cosignerv1.RecentRefusal{
		{At: timestamppb.New(reporttest.Noon.Add(-time.Minute)), Node: "node-b", Slot: "vote era 23 round 9",
			Reason: "refused, REFUSAL_REASON_NOT_ACTIVE: fenced mode"}}
	var b bytes.Buffer
	if err := printStatus(&b, report.NewStatus(c, answers, reporttest.Noon)); err != nil {
		t.Fatal(err)
	}
	compare(t, "status.golden", b.Bytes())
}

// TestStatusAttestsOnly: where no share is used that is said, in place of what is in stock, and of
// one that is not ready what it would give.
func TestStatusAttestsOnly(t *testing.T) {
	c := exampleView(t)
	answers := reporttest.Healthy(c)
	for _, a := range answers {
		a.Status.AttestsOnly = true
	}
	answers[0].Status.Ready = false
	var b bytes.Buffer
	if err := printStatus(&b, report.NewStatus(c, answers, reporttest.Noon)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "none, it attests only"); n != len(answers) ||
		!strings.Contains(b.String(), "cosigner c1 is not ready to give attestations") {
		t.Errorf("%d of %d are said to attest only:\n%s", n, len(answers), b.String())
	}
}

// exampleView is what a report takes from the shipped cluster file.
func exampleView(t *testing.T) report.Cluster {
	text, err := os.ReadFile(filepath.Join(examples, "cluster.toml"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := cluster.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return viewOf(f)
}

// compare demands that the text is that of a golden file.
func compare(t *testing.T, name string, text []byte) {
	golden := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s: have\n%s\nwant\n%s", name, text, want)
	}
}

// TestFaultTable: a fault that is proven, with the messages, and a cluster in which there is none.
func TestFaultTable(t *testing.T) {
	c := exampleView(t)
	answers := reporttest.Healthy(c)
	s := answers[1].Status
	s.Cause, s.HoldUntil = "fault", &timestamppb.Timestamp{Seconds: 253402300799}
	s.Reason = "somebody else signed with our validator's key in era 23; find out who holds it"
	ago := uint64(90_000)
	vote := func(yes bool) *cosignerv1.Ballot {
		return &cosignerv1.Ballot{Instance: bytes.Repeat([]byte{0xab}, 32), Validator: 3, Round: 7,
			Content: &cosignerv1.Ballot_Vote{Vote: yes}, Signature: bytes.Repeat([]byte{0xcd}, 64)}
	}
	s.Nodes[1].Health = &cosignerv1.NodeHealth{FaultAgoMs: &ago, FaultEra: 23,
		FaultEvidence: &cosignerv1.FaultEvidence{Ballots: []*cosignerv1.Ballot{vote(true), vote(false)}}}
	s.Nodes[1].Fault = &cosignerv1.FaultFinding{Proof: "proven", Era: 23,
		Why: "the key signed this in era 23, and no cosigner was ever asked for it: vote false, round 7 instance abababab/3"}
	var b bytes.Buffer
	if err := printFaults(&b, report.NewFaults(report.NewStatus(c, answers, reporttest.Noon))); err != nil {
		t.Fatal(err)
	}
	if err := printFaults(&b, report.NewFaults(report.NewStatus(c, reporttest.Healthy(c), reporttest.Noon))); err != nil {
		t.Fatal(err)
	}
	compare(t, "fault.golden", b.Bytes())
}
