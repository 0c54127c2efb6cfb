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
			Cause: "operator", Judgement: &cosignerv1.Judgement{Code: "well", Why: "all is well"},
			Nodes: []*cosignerv1.NodeStatus{
				{Name: "node-a", Ready: true, LastPing: timestamppb.New(noon), LastRequest: timestamppb.New(noon.Add(-2 * time.Second)),
					Era: 23, Round: 7, Height: 266},
				{Name: "node-b", Ready: true, LastPing: timestamppb.New(noon), LastRequest: timestamppb.New(noon.Add(-time.Second)),
					Era: 23, Round: 6, Height: 266}},
		}}
		if e.Name != "c2" { // only who leads judges
			r.status.Judgement = nil
		}
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
		{"standby not ready", func(r []reply) {
			n := r[1].status.Nodes[1]
			n.Ready, n.Condition, n.Why = false, "era_closed", "its /status has no round length"
		}, stateDegraded, "node node-b is not ready: era_closed, its /status has no round length"},
		{"not judged", func(r []reply) { r[1].status.Judgement.Code, r[1].status.Nodes[1].Ready = "", false }, stateOK, ""},
		{"active not well", func(r []reply) { r[1].status.Nodes[0].Condition = "behind" }, stateDegraded, "node node-a is not well: behind"},
		{"leftover key", func(r []reply) {
			r[1].status.Nodes[1].Health = &cosignerv1.NodeHealth{LeftoverKey: "/etc/casper/validator_keys/secret_key.pem"}
		}, stateDegraded, "node node-b: a secret key of the validator lies on its host, /etc/casper/validator_keys/secret_key.pem"},
		{"events not heard", func(r []reply) {
			r[1].status.Nodes[1].Health = &cosignerv1.NodeHealth{EventsError: "404 Not Found"}
		}, stateDegraded, "node node-b: its events are not heard, so no fault of the validator would be noticed: 404 Not Found"},
		{"fault", func(r []reply) {
			ago := uint64(1000)
			r[1].status.Nodes[0].Health = &cosignerv1.NodeHealth{FaultAgoMs: &ago, FaultEra: 22}
		}, stateDegraded, "node node-a reports that the validator equivocated in era 22"},
		{"held since a fault", func(r []reply) {
			r[1].status.Cause, r[1].status.HoldUntil = "fault", &timestamppb.Timestamp{Seconds: endOfTime}
		}, stateDegraded, "since a fault was reported: because"},
		{"held by an operator", func(r []reply) { r[1].status.HoldUntil = timestamppb.New(noon.Add(time.Hour)) }, stateOK, ""},
		{"waits for an operator", func(r []reply) {
			r[1].status.Judgement = &cosignerv1.Judgement{Code: "silent", Why: "no ping", Node: "node-b", Confirm: true}
		}, stateDegraded, "node-b is to become active and waits for an operator: no ping"},
		{"nobody ready", func(r []reply) {
			r[1].status.Judgement.Code, r[1].status.Judgement.Why = "nobody_ready", "both are down"
		},
			stateDegraded, "no node can take over from node-a"},
		{"not started", func(r []reply) { fresh(r); away(&r[2]) }, stateNoQuorum, "not started: waiting for c3; nothing is signed"},
		{"not started, all there", fresh, stateNoQuorum, "not started: waiting for the cosigners to have met each other"},
		{"not started, alone", func(r []reply) { fresh(r); away(&r[1]); away(&r[2]) }, stateNoQuorum, "not started: waiting for c2, c3"},
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

// fresh has none of them know of a start. Then none is ready, and that is no problem of its own.
func fresh(r []reply) {
	for _, x := range r {
		x.status.Newest, x.status.Ready, x.status.Nodes, x.status.Judgement = nil, false, nil, nil
		for _, p := range x.status.Peers {
			p.Reachable = false
		}
	}
}

func TestStatusFresh(t *testing.T) {
	f, replies := healthy(t)
	fresh(replies)
	if s := newStatus(f, replies, noon); len(s.Problems) != 1 {
		t.Errorf("problems %q", s.Problems)
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
		{At: timestamppb.New(noon.Add(-time.Minute)), Node: "node-b", Slot: "vote era 23 round 9",
			Reason: "refused, REFUSAL_REASON_NOT_ACTIVE: fenced mode"}}
	var b bytes.Buffer
	if err := newStatus(f, replies, noon).printTable(&b); err != nil {
		t.Fatal(err)
	}
	compare(t, "status.golden", b.Bytes())
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
