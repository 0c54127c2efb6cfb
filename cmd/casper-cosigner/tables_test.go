package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
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
