package report_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/report/reporttest"
)

func TestStatusState(t *testing.T) {
	for _, test := range []struct {
		name    string
		break_  func([]report.Answer)
		state   report.State
		problem string // part of one, empty for none
	}{
		{"all well", func([]report.Answer) {}, report.OK, ""},
		{"one away", func(r []report.Answer) {
			reporttest.Away(&r[2])
		}, report.Degraded, "cosigner c3 does not answer: refused"},
		{"two away", func(r []report.Answer) { reporttest.Away(&r[0]); reporttest.Away(&r[2]) }, report.NoQuorum,
			"1 ready cosigners, 2 are needed"},
		{"all refuse the certificate", func(r []report.Answer) {
			reporttest.Refuses(&r[0])
			reporttest.Refuses(&r[1])
			reporttest.Refuses(&r[2])
		}, report.Unknown, "3 cosigners are not to be asked with this certificate"},
		{"the leader refuses the certificate", func(r []report.Answer) { reporttest.Refuses(&r[1]) }, report.Unknown,
			"c2 does not take this operator's certificate: bad certificate"},
		{"one refuses the certificate", func(r []report.Answer) { reporttest.Refuses(&r[0]) }, report.Degraded,
			"c1 does not take this operator's certificate"},
		{"all are of another cluster", func(r []report.Answer) {
			for i := range r {
				reporttest.Away(&r[i])
				r[i].Foreign = true
			}
		}, report.Unknown, "c1 shows a certificate that this operator's cluster file does not know"},
		{"one refuses, and the others are away", func(r []report.Answer) {
			reporttest.Away(&r[0])
			reporttest.Refuses(&r[1])
			reporttest.Away(&r[2])
		}, report.NoQuorum, "no cosigner leads"},
		{"one refuses, one away", func(r []report.Answer) {
			reporttest.Away(&r[0])
			reporttest.Refuses(&r[2])
		}, report.Unknown, "1 cosigner is not to be asked"},
		{"refused by a peer", func(r []report.Answer) {
			r[0].Status.Peers[1].Refuses, r[0].Status.Peers[1].Reachable = "an older start", false
		}, report.Degraded, "c1 is refused by c3: an older start"},
		{"different first eras", func(r []report.Answer) {
			for _, x := range r {
				x.Status.Newest, x.Status.NotStarted = nil, "c1 states era 5, c2 era 6"
			}
		}, report.NoQuorum, "not started: waiting for an operator: c1 states era 5, c2 era 6"},
		{"leader away", func(r []report.Answer) { reporttest.Away(&r[1]) }, report.NoQuorum, "no cosigner leads"},
		{"nobody leads", func(r []report.Answer) {
			for _, x := range r {
				x.Status.Leader = ""
			}
		}, report.NoQuorum, "no cosigner leads"},
		{"one not ready", func(r []report.Answer) { r[0].Status.Ready = false }, report.Degraded, "c1 is not ready"},
		{"two not ready", func(r []report.Answer) { r[0].Status.Ready, r[1].Status.Ready = false, false }, report.NoQuorum,
			"1 ready"},
		{"other file", func(r []report.Answer) {
			r[0].Status.ClusterFileHash = []byte{1}
		}, report.Degraded, "c1 has another cluster file"},
		{"differing slots", func(r []report.Answer) {
			r[0].Status.DifferingSlots = 2
		}, report.Degraded, "c1 gives no share for 2 slots"},
		{"a reset that was not followed", func(r []report.Answer) {
			r[0].Status.Resets, r[1].Status.Resets, r[1].Status.LedgerResets = 2, 2, 2
			r[0].Status.LedgerResets = 1
		}, report.Degraded, "c1 did not follow the reset"},
		{"torn records", func(r []report.Answer) { r[0].Status.TornRecords = 1 }, report.OK, ""},
		{"cut off", func(r []report.Answer) {
			r[0].Status.Peers[1].Reachable = false
		}, report.Degraded, "c1 does not reach c3"},
		{"bad share", func(r []report.Answer) {
			r[1].Status.Peers[0].BadShares = 1
		}, report.Degraded, "c2 got 1 bad share from c1"},
		{"a share of another split", func(r []report.Answer) {
			splits(r, 1, 1, 2)
			r[0].Status.Peers[1].Reachable, r[1].Status.Peers[1].Reachable = false, false
		}, report.Degraded, "cosigner c3 has a share of another split of the key, 0200000000000000, and makes no signature " +
			"with the others, c1, c2, of split 0100000000000000"},
		{"a share of another split, in a cluster that does not tell", func(r []report.Answer) { splits(r, 1, 0, 0) },
			report.OK, ""},
		{"a share of another split, and one does not tell", func(r []report.Answer) { splits(r, 0, 1, 2) }, report.Degraded,
			"no 2 of one are seen: c2 of split 0100000000000000, c3 of split 0200000000000000"},
		{"shares of two splits, one away", func(r []report.Answer) {
			splits(r, 1, 1, 2)
			reporttest.Away(&r[0])
		}, report.NoQuorum, "no 2 of one are seen: c2 of split"},
		{"shares of three splits", func(r []report.Answer) { splits(r, 1, 2, 3) }, report.NoQuorum,
			"1 ready cosigners, 2 are needed"},
		{"active suspended", func(r []report.Answer) {
			r[1].Status.Suspended = []string{"node-a"}
		}, report.Degraded, "node-a is active and suspended"},
		{"standby not ready", func(r []report.Answer) {
			n := r[1].Status.Nodes[1]
			n.Ready, n.Condition, n.Why = false, "era_closed", "its /status has no round length"
		}, report.Degraded, "node node-b is not ready: era_closed, its /status has no round length"},
		{"not judged", func(r []report.Answer) {
			r[1].Status.Judgement.Code, r[1].Status.Nodes[1].Ready = "", false
		}, report.OK, ""},
		{"active not well", func(r []report.Answer) {
			r[1].Status.Nodes[0].Condition = "behind"
		}, report.Degraded, "node node-a is not well: behind"},
		{"leftover key", func(r []report.Answer) {
			r[1].Status.Nodes[1].Health = &cosignerv1.NodeHealth{LeftoverKey: "/etc/casper/validator_keys/secret_key.pem"}
		}, report.Degraded, "node node-b: a secret key of the validator lies on its host, " +
			"/etc/casper/validator_keys/secret_key.pem"},
		{"undrilled", func(r []report.Answer) {
			r[1].Status.Nodes[1].Health = &cosignerv1.NodeHealth{Undrilled: "2.2.2 was not drilled"}
		}, report.Degraded, "node node-b: its next start may get no key: 2.2.2 was not drilled; " +
			"`casper-cosigner gate drill` on its host"},
		{"unknown instance", func(r []report.Answer) {
			r[1].Status.Nodes[1].Health = &cosignerv1.NodeHealth{UnknownInstance: "the chainspec's hash is not known"}
		}, report.Degraded, "node node-b cannot vote in this era: the chainspec's hash is not known"},
		{"active and refused", func(r []report.Answer) {
			ago := uint64(90_000)
			r[1].Status.Nodes[0].Health = &cosignerv1.NodeHealth{RefusedMs: &ago}
		}, report.Degraded, "node node-a is active, and all that it asks for has been refused for 1m30s"},
		{"refused for a moment", func(r []report.Answer) {
			ago := uint64(60_000)
			r[1].Status.Nodes[0].Health = &cosignerv1.NodeHealth{RefusedMs: &ago}
		}, report.OK, ""},
		{"a standby is refused", func(r []report.Answer) {
			ago := uint64(90_000)
			r[1].Status.Nodes[1].Health = &cosignerv1.NodeHealth{RefusedMs: &ago}
		}, report.OK, ""},
		{"events not heard", func(r []report.Answer) {
			r[1].Status.Nodes[1].Health = &cosignerv1.NodeHealth{EventsError: "404 Not Found"}
		}, report.Degraded, "node node-b: its events are not heard, so no fault of the validator would be noticed: 404 " +
			"Not Found"},
		{"fault", func(r []report.Answer) {
			ago := uint64(1000)
			r[1].Status.Nodes[0].Health = &cosignerv1.NodeHealth{FaultAgoMs: &ago, FaultEra: 22}
		}, report.Degraded, "node node-a tells that the validator equivocated in era 22: unread, this cosigner " +
			"did not look into it; see `casper-cosigner failover fault show`"},
		{"held by a node's word", func(r []report.Answer) {
			r[1].Status.Cause, r[1].Status.HoldUntil = "fault_unread", timestamppb.New(reporttest.Noon.Add(time.Hour))
		}, report.Degraded, "since a fault was told: because"},
		{"held since a fault", func(r []report.Answer) {
			r[1].Status.Cause, r[1].Status.HoldUntil = "fault", &timestamppb.Timestamp{Seconds: 253402300799}
		}, report.Degraded, "since a fault was told: because"},
		{"held by an operator", func(r []report.Answer) {
			r[1].Status.HoldUntil = timestamppb.New(reporttest.Noon.Add(time.Hour))
		}, report.OK, ""},
		{"waits for an operator", func(r []report.Answer) {
			r[1].Status.Judgement = &cosignerv1.Judgement{Code: "silent", Why: "no ping", Node: "node-b", Confirm: true}
		}, report.Degraded, "node-b is to become active and waits for an operator: no ping"},
		{"passive", func(r []report.Answer) {
			r[1].Status.Nodes[1].Ready, r[1].Status.Nodes[1].Condition = false, "out"
			r[1].Status.Judgement.Rearm = &cosignerv1.Rearm{Code: "votes", Why: "a node votes"}
		}, report.OK, ""},
		{"out, and active", func(r []report.Answer) {
			r[1].Status.Nodes[0].Ready, r[1].Status.Nodes[0].Condition = false, "out"
		}, report.Degraded, "node node-a is not ready: out"},
		{"an era without a message", func(r []report.Answer) {
			r[1].Status.Judgement.Rearm = &cosignerv1.Rearm{Code: "silent", Why: "both are out", Node: "node-a",
				Due: timestamppb.New(reporttest.Noon)}
		}, report.Degraded, "has no message in this era, and is evicted if none comes before it ends: both are out"},
		{"restarted as often as may be", func(r []report.Answer) {
			r[1].Status.Judgement.Rearm = &cosignerv1.Rearm{Code: "spent", Why: "twice"}
		}, report.Degraded, "no stock node votes, and none is restarted for that: twice"},
		{"restarts are by hand", func(r []report.Answer) {
			r[1].Status.Judgement.Rearm = &cosignerv1.Rearm{Code: "worth", Why: "an hour is left", Node: "node-a"}
		}, report.Degraded, "node node-a casts no vote, and waits for an operator to restart it: an hour is left"},
		{"to be restarted", func(r []report.Answer) {
			r[1].Status.Judgement.Rearm = &cosignerv1.Rearm{Code: "worth", Why: "an hour is left", Node: "node-a",
				Due: timestamppb.New(reporttest.Noon)}
		}, report.OK, ""},
		{"nobody ready", func(r []report.Answer) {
			r[1].Status.Judgement.Code, r[1].Status.Judgement.Why = "nobody_ready", "both are down"
		},
			report.Degraded, "no node can take over from node-a"},
		{"not started", func(r []report.Answer) {
			fresh(r)
			reporttest.Away(&r[2])
		}, report.NoQuorum, "not started: waiting for c3; nothing is signed"},
		{"not started, all there", fresh, report.NoQuorum, "not started: waiting for the cosigners to have met each other"},
		{"not started, alone", func(r []report.Answer) { fresh(r); reporttest.Away(&r[1]); reporttest.Away(&r[2]) },
			report.NoQuorum, "not started: waiting for c2, c3"},
	} {
		c := reporttest.Cluster()
		answers := reporttest.Healthy(c)
		test.break_(answers)
		s := report.NewStatus(c, answers, reporttest.Noon)
		all := strings.Join(s.Problems, "\n")
		if s.State != test.state || !strings.Contains(all, test.problem) || (test.problem == "") != (len(s.Problems) == 0) {
			t.Errorf("%s: %s with problems %q, want %s with %q", test.name, s.State, all, test.state, test.problem)
		}
	}
}

// splits has each cosigner tell a split; 0 tells none.
func splits(r []report.Answer, of ...byte) {
	for i, n := range of {
		if n > 0 {
			r[i].Status.Split = []byte{n, 0, 0, 0, 0, 0, 0, 0}
		}
	}
}

// TestStatusSplit: whose share is of another split is named once, by what it is, not as one that is
// not reached.
func TestStatusSplit(t *testing.T) {
	c := reporttest.Cluster()
	answers := reporttest.Healthy(c)
	splits(answers, 1, 1, 2)
	for _, one := range [][2]int{{0, 1}, {1, 1}, {2, 0}, {2, 1}} {
		answers[one[0]].Status.Peers[one[1]].Reachable = false
	}
	if s := report.NewStatus(c, answers, reporttest.Noon); len(s.Problems) != 1 {
		t.Errorf("problems %q, want one", s.Problems)
	}
}

// fresh has none of them know of a start. Then none is ready, and that is no problem of its own.
func fresh(r []report.Answer) {
	for _, x := range r {
		x.Status.Newest, x.Status.Ready, x.Status.Nodes, x.Status.Judgement = nil, false, nil, nil
		for _, p := range x.Status.Peers {
			p.Reachable = false
		}
	}
}

func TestStatusFresh(t *testing.T) {
	c := reporttest.Cluster()
	answers := reporttest.Healthy(c)
	fresh(answers)
	if s := report.NewStatus(c, answers, reporttest.Noon); len(s.Problems) != 1 {
		t.Errorf("problems %q", s.Problems)
	}
}

// TestStatusOldLeader has two cosigners that take themselves for the leader: the one of the higher
// term is shown.
func TestStatusOldLeader(t *testing.T) {
	c := reporttest.Cluster()
	answers := reporttest.Healthy(c)
	answers[0].Status.Leader, answers[0].Status.Term, answers[0].Status.Active = "c1", 3, "node-b"
	if s := report.NewStatus(c, answers, reporttest.Noon); s.Leader != "c2" || s.Active != "node-a" ||
		s.Cosigners[0].Leads {
		t.Errorf("leader %s, active %s", s.Leader, s.Active)
	}
}
