package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// healthy returns the answers of three cosigners that have nothing to complain of; c2 leads.
func healthy(t *testing.T) (*cluster.File, []reply) {
	text, err := os.ReadFile(filepath.Join(examples, "cluster.toml"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := cluster.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	hash := f.Hash()
	var replies []reply
	for _, e := range f.Cosigners {
		r := reply{entry: e, status: &cosignerv1.StatusResponse{
			Name: e.Name, Version: "1.0.0", ClusterFileHash: hash[:], Leader: "c2", Term: 4, AppliedIndex: 100, Ready: true,
			Mode: cosignerv1.Mode_MODE_HOT, Active: "node-a", Epoch: 2, Since: timestamppb.New(noon.Add(-time.Hour)), Reason: "because",
			Floor: &cosignerv1.Mark{Era: 12, Height: 3}, Newest: &cosignerv1.Mark{Era: 23, Height: 266}, NewestRound: 7,
			Nodes: []*cosignerv1.NodeStatus{
				{Name: "node-a", LastRequest: timestamppb.New(noon.Add(-2 * time.Second)), Era: 23, Round: 7, Height: 266},
				{Name: "node-b"}},
		}}
		for _, p := range f.Cosigners {
			if p.Name != e.Name {
				r.status.Peers = append(r.status.Peers, &cosignerv1.PeerStatus{Name: p.Name, Reachable: true, Commitments: 64})
			}
		}
		replies = append(replies, r)
	}
	return f, replies
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestStatusState(t *testing.T) {
	for _, test := range []struct {
		name    string
		break_  func([]reply)
		state   string
		problem string // part of one, empty for none
	}{
		{"all well", func([]reply) {}, stateOK, ""},
		{"one away", func(r []reply) { away(&r[2]) }, stateDegraded, "cosigner c3 does not answer: refused"},
		{"two away", func(r []reply) { away(&r[0]); away(&r[2]) }, stateNoQuorum, "1 ready cosigners, 2 are needed"},
		{"leader away", func(r []reply) { away(&r[1]) }, stateNoQuorum, "no cosigner leads"},
		{"nobody leads", func(r []reply) {
			for _, x := range r {
				x.status.Leader = ""
			}
		}, stateNoQuorum, "no cosigner leads"},
		{"one not ready", func(r []reply) { r[0].status.Ready = false }, stateDegraded, "c1 is not ready"},
		{"two not ready", func(r []reply) { r[0].status.Ready, r[1].status.Ready = false, false }, stateNoQuorum, "1 ready"},
		{"other file", func(r []reply) { r[0].status.ClusterFileHash = []byte{1} }, stateDegraded, "c1 has another cluster file"},
		{"differing slots", func(r []reply) { r[0].status.DifferingSlots = 2 }, stateDegraded, "c1 gives no share for 2 slots"},
		{"torn records", func(r []reply) { r[0].status.TornRecords = 1 }, stateOK, ""},
		{"cut off", func(r []reply) { r[0].status.Peers[1].Reachable = false }, stateDegraded, "c1 does not reach c3"},
		{"bad share", func(r []reply) { r[1].status.Peers[0].BadShares = 1 }, stateDegraded, "c2 got 1 bad share from c1"},
		{"active suspended", func(r []reply) { r[1].status.Suspended = []string{"node-a"} }, stateDegraded, "node-a is active and suspended"},
	} {
		f, replies := healthy(t)
		test.break_(replies)
		s := newStatus(f, replies, noon)
		all := strings.Join(s.Problems, "\n")
		if s.State != test.state || !strings.Contains(all, test.problem) || (test.problem == "") != (len(s.Problems) == 0) {
			t.Errorf("%s: %s with problems %q, want %s with %q", test.name, s.State, all, test.state, test.problem)
		}
	}
}

func away(r *reply) { r.status, r.err = nil, errors.New("refused") }

// TestStatusOldLeader has two cosigners that take themselves for the leader: the one of the higher term is shown.
func TestStatusOldLeader(t *testing.T) {
	f, replies := healthy(t)
	replies[0].status.Leader, replies[0].status.Term, replies[0].status.Active = "c1", 3, "node-b"
	if s := newStatus(f, replies, noon); s.Leader != "c2" || s.Active != "node-a" || s.Cosigners[0].Leads {
		t.Errorf("leader %s, active %s", s.Leader, s.Active)
	}
}

// TestStatusTable compares the table of a cluster with one cosigner away.
func TestStatusTable(t *testing.T) {
	f, replies := healthy(t)
	away(&replies[2])
	replies[1].status.Refusals = []*cosignerv1.RecentRefusal{
		{At: timestamppb.New(noon.Add(-time.Minute)), Node: "node-b", Slot: "vote era 23 round 9", Reason: "refused"}}
	var b bytes.Buffer
	if err := newStatus(f, replies, noon).printTable(&b); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "status.golden")
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("the table is\n%s\nwant\n%s", b.Bytes(), want)
	}
}
