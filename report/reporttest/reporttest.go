// Package reporttest has answers of cosigners for tests of what is told of them.
package reporttest

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
)

// Noon is when the answers were given.
var Noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Cluster returns three cosigners and two nodes, as the shipped examples have them.
func Cluster() report.Cluster {
	return report.Cluster{ID: []byte{1, 2, 3}, Hash: [32]byte{4}, Chain: "casper", Validator: "01ab", Threshold: 2,
		Main: "node-a", Timing: "measured",
		Cosigners: []string{"c1", "c2", "c3"}, Nodes: []string{"node-a", "node-b"},
		Failover: report.Failover{Policy: "auto", Return: "auto", PingInterval: time.Second, PingTimeout: time.Second / 2,
			After: 10 * time.Second, FailbackAfter: 5 * time.Minute}}
}

// Healthy returns the answers of cosigners that have nothing to complain of; c2 leads.
func Healthy(c report.Cluster) (answers []report.Answer) {
	for _, name := range c.Cosigners {
		a := report.Answer{Name: name, Status: &cosignerv1.StatusResponse{
			Name: name, Version: "1.0.0", ClusterFileHash: c.Hash[:], Leader: "c2", Term: 4, AppliedIndex: 100, Ready: true,
			Mode: cosignerv1.Mode_MODE_HOT, Active: "node-a", Epoch: 2,
			Since: timestamppb.New(Noon.Add(-time.Hour)), Reason: "because",
			Floor: &cosignerv1.Mark{Era: 12, Height: 3}, Newest: &cosignerv1.Mark{Era: 23, Height: 266}, NewestRound: 7,
			Cause: "operator", Judgement: &cosignerv1.Judgement{Code: "well", Why: "all is well"},
			Nodes: []*cosignerv1.NodeStatus{
				{Name: "node-a", Ready: true, LastPing: timestamppb.New(Noon),
					LastRequest: timestamppb.New(Noon.Add(-2 * time.Second)), Era: 23, Round: 7, Height: 266},
				{Name: "node-b", Ready: true, LastPing: timestamppb.New(Noon),
					LastRequest: timestamppb.New(Noon.Add(-time.Second)), Era: 23, Round: 6, Height: 266}},
		}}
		if name != "c2" { // only who leads judges
			a.Status.Judgement = nil
		}
		for _, peer := range c.Cosigners {
			if peer != name {
				a.Status.Peers = append(a.Status.Peers, &cosignerv1.PeerStatus{Name: peer, Reachable: true, Commitments: 64,
					RttUs: 420})
			}
		}
		answers = append(answers, a)
	}
	return answers
}

// Away has the cosigner not answer.
func Away(a *report.Answer) { a.Status, a.Error = nil, "refused" }

// Refuses has the cosigner refuse the operator's certificate.
func Refuses(a *report.Answer) { a.Status, a.Error, a.Refused = nil, "bad certificate", true }

// Failing returns what is told of a cluster whose main has been silent for 6 of 10 s, 6 s after a
// change.
func Failing(c report.Cluster) report.FailoverStatus {
	ms := func(v uint64) *uint64 { return &v }
	answers := Healthy(c)
	v := answers[1].Status
	v.Since = timestamppb.New(Noon.Add(-6 * time.Second))
	v.Judgement = &cosignerv1.Judgement{Code: "silent", Why: "node-a is silent", Node: "node-b",
		Due: timestamppb.New(Noon.Add(3500 * time.Millisecond))}
	v.Nodes[0] = &cosignerv1.NodeStatus{Name: "node-a", Condition: "silent", Why: "no cosigner had a ping for 6s",
		LastPing: timestamppb.New(Noon.Add(-6 * time.Second)), LastRequest: timestamppb.New(Noon.Add(-7 * time.Second)),
		Era: 23, Round: 5, Height: 265,
		Health: &cosignerv1.NodeHealth{StatusAgoMs: ms(500), StatusError: "no answer", ReactorState: "Validate",
			Block: &cosignerv1.Block{Era: 23, Height: 265}, RoundLengthMs: 8000, Peers: 1, Version: "2.0.3",
			UpgradeEra: ms(24)},
		Reach: []*cosignerv1.Reach{{Name: "c1", AnsweredAgoMs: ms(100), RttUs: 420, Sent: 60}, {Name: "c2",
			Sent: 60, Lost: 60},
			{Name: "c3"}, {Name: "node-b", AnsweredAgoMs: ms(4000), RttUs: 300, Sent: 60, Lost: 60}}}
	v.Nodes[1].Health = &cosignerv1.NodeHealth{StatusAgoMs: ms(200), ReactorState: "Validate",
		Block: &cosignerv1.Block{Era: 23, Height: 266}, RoundLengthMs: 8000, Peers: 34, Version: "2.0.3"}
	v.Nodes[1].Round = 7
	v.Nodes[1].Reach = []*cosignerv1.Reach{{Name: "c1", AnsweredAgoMs: ms(100), RttUs: 380, Sent: 60, Lost: 2},
		{Name: "node-a", AnsweredAgoMs: ms(6000), RttUs: 300, Sent: 60, Lost: 6}}
	return report.NewFailoverStatus(c, report.NewStatus(c, answers, Noon))
}
