package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report/reporttest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// chain has the fakes' network go one round further each time that the leader is looked at: the active node votes in the
// open round, unless it is lost, asks for its block's finality signature, and echoes in the next.
func (f *fakes) chain(lost ...uint32) {
	next := f.looked
	f.looked = func() {
		v := f.view
		r := casper.Round{Era: v.Newest.Era, ID: v.NewestRound}
		if !slices.Contains(lost, r.ID) {
			f.held = append(f.held, fakeHeld{v.Active, casper.Vote{Round: r, Value: true}})
		}
		v.NewestRound, v.Newest.Height = v.NewestRound+1, v.Newest.Height+1
		f.held = append(f.held, fakeHeld{v.Active, casper.Finality{Height: v.Newest.Height, Era: r.Era}})
		r.ID++
		f.held = append(f.held, fakeHeld{v.Active, casper.Echo{Round: r}})
		for _, n := range v.Nodes {
			n.Era, n.Round, n.Height = v.Newest.Era, v.NewestRound, v.Newest.Height
		}
		next()
	}
}

func TestDrill(t *testing.T) {
	for _, test := range []struct {
		name   string
		set    func(*fakes)
		code   int
		want   string // part of the output, or of the error
		active string // at the end
		epoch  uint64
	}{
		{"well", func(f *fakes) { f.chain() }, 0, "without a vote of ours: 0", "a", 7},
		{"fenced", func(f *fakes) { f.chain(); f.view.Mode = cosignerv1.Mode_MODE_FENCED }, 0, "without a vote of ours: 0", "a", 7},
		{"a round is lost at the change", func(f *fakes) { f.chain(8) }, exitFailed, "lost: era 23 round 8", "a", 7},
		{"the standby fails", func(f *fakes) {
			f.chain()
			f.while("b", func() {
				f.view.Nodes[1] = &cosignerv1.NodeStatus{Name: "b", Condition: "silent", Why: "no ping for 10s"}
			})
		}, exitFailed, "b is not well any more: silent, no ping for 10s", "a", 7},
		{"another change comes first", func(f *fakes) {
			f.chain()
			f.while("b", func() { f.view.Active, f.view.Cause, f.view.Epoch = "a", "silent", 7 })
		}, exitFailed, "a became active: silent", "a", 7},
		{"somebody holds the roles meanwhile", func(f *fakes) {
			f.chain()
			f.while("b", func() { f.view.Epoch = 9 })
		}, 0, "without a vote of ours: 0", "a", 10},
		{"interrupted", func(f *fakes) {
			f.chain()
			f.while("b", func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) })
		}, exitFailed, "interrupted: b is active no more", "a", 7},
		{"made, but not answered", func(f *fakes) {
			f.fail = func(string) error {
				f.fail = func(string) error { return nil }
				return status.Error(codes.Unavailable, "the leader is gone")
			}
		}, exitUnavailable, "making b active: the leader is gone", "a", 7},
		{"handed back, but not answered", func(f *fakes) {
			f.chain()
			f.fail = func(string) error {
				if f.view.Active == "a" {
					return status.Error(codes.Unavailable, "the leader is gone")
				}
				return nil
			}
		}, 0, "without a vote of ours: 0", "a", 7},
		{"the network stands still", func(*fakes) {}, exitFailed, "no round went by", "a", 7},

		{"held", func(f *fakes) { f.view.HoldUntil = timestamppb.New(reporttest.Noon.AddDate(500, 0, 0)) }, exitRefused, "the roles are held until 2526", "a", 5},
		{"an upgrade", func(f *fakes) { f.view.Judgement = &cosignerv1.Judgement{Code: "upgrade", Why: "a shuts down"} }, exitRefused, "upgrade, a shuts down", "a", 5},
		{"a change is due", func(f *fakes) { f.view.Judgement.Node = "b" }, exitRefused, "b becomes active", "a", 5},
		{"not judged", func(f *fakes) { f.view.Judgement = nil }, exitRefused, "has not judged", "a", 5},
		{"the standby is active", func(f *fakes) { f.view.Active = "b" }, exitRefused, "b is active; a rehearsal begins with main, a", "b", 5},
		{"main is not ready", func(f *fakes) { f.view.Nodes[0].Ready = false }, exitRefused, "a is not ready", "a", 5},
		{"no standby is ready", func(f *fakes) {
			f.view.Nodes[1].Ready, f.view.Nodes[1].Condition, f.view.Nodes[1].Why = false, "catching_up", "40 rounds behind"
		}, exitRefused, "b is not ready: catching_up, 40 rounds behind", "a", 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := startFakes(t)
			test.set(f)
			code, out, errOut := f.operate("failover", "drill", "--reason", "exercise", "--yes", "--keep", "60ms")
			if code != test.code || !strings.Contains(out+errOut, test.want) || f.view.Active != test.active || f.view.Epoch != test.epoch {
				t.Errorf("code %d, %s active, epoch %d, output\n%s%s\nwant code %d, %s active, epoch %d, and %q",
					code, f.view.Active, f.view.Epoch, out, errOut, test.code, test.active, test.epoch, test.want)
			}
		})
	}
}

// while calls do once, at the first look at which the node is active.
func (f *fakes) while(node string, do func()) {
	next, done := f.looked, false
	f.looked = func() {
		next()
		if f.view.Active == node && !done {
			done = true
			do()
		}
	}
}

// TestDrillReport: the reasons are in the log, and the counts in the report.
func TestDrillReport(t *testing.T) {
	f := startFakes(t)
	f.chain(8)
	if code, _, errOut := f.operate("failover", "drill", "--reason", "exercise"); code != exitUsage || f.view.Epoch != 5 {
		t.Errorf("without a confirmation: code %d, epoch %d, error %s", code, f.view.Epoch, errOut)
	}
	f.view.NewestRound = 6
	_, out, _ := f.operate("failover", "drill", "--reason", "exercise", "--yes", "-o", "json")
	var r drillJSON
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err, out)
	}
	a, b := r.Nodes[0], r.Nodes[1]
	switch {
	case r.Schema != "v1", r.Main != "a", r.Standby != "b", r.Active != "a", r.Epoch != 7:
		t.Errorf("printed %+v", r)
	case r.First.Round != 7 || r.Rounds != int(r.Last.Round-r.First.Round) || r.Rounds < 4:
		t.Errorf("%d rounds from %v to %v", r.Rounds, r.First, r.Last)
	case !slices.Equal(r.LostRounds, []placeJSON{{Era: 23, Round: 8}}) || len(r.LostHeights) > 0:
		t.Errorf("lost %v and %v", r.LostRounds, r.LostHeights)
	case a.Votes+b.Votes != r.Rounds-1 || a.Votes == 0 || b.Votes == 0 || a.Signatures+b.Signatures != r.Heights:
		t.Errorf("%d rounds and %d heights, %+v and %+v", r.Rounds, r.Heights, a, b)
	case f.history[0].Reason != "rehearsal: exercise" || f.history[1].Reason != "handing back: exercise":
		t.Errorf("reasons %v", f.history)
	}
}

func TestTally(t *testing.T) {
	type slot struct {
		era   uint64
		round uint32
	}
	for _, test := range []struct {
		name        string
		first, last failover.Place
		votes       []slot
		echoes      []slot
		rounds      int
		lost        []placeJSON
	}{
		{"one era", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 6}, []slot{{5, 3}, {5, 4}, {5, 5}}, nil, 3, nil},
		{"an echo is no vote", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 5}, []slot{{5, 3}}, []slot{{5, 4}}, 2,
			[]placeJSON{{Era: 5, Round: 4}}},
		{"earlier and later rounds do not count", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 4}, []slot{{5, 2}, {5, 4}}, nil, 1,
			[]placeJSON{{Era: 5, Round: 3}}},
		{"the next era", failover.Place{Era: 5, Round: 8}, failover.Place{Era: 6, Round: 2}, []slot{{5, 8}, {5, 10}, {6, 0}, {6, 1}}, nil, 5,
			[]placeJSON{{Era: 5, Round: 9}}},
		{"an era without anything", failover.Place{Era: 5, Round: 8}, failover.Place{Era: 7, Round: 1}, []slot{{5, 8}, {7, 0}}, nil, 3,
			[]placeJSON{{Era: 6, Round: 0}}},
		{"nothing went by", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 3}, []slot{{5, 3}}, nil, 0, nil},
		{"nor when the newest is the first", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 2}, []slot{{5, 3}}, nil, 0, nil},
	} {
		c := newTally(test.first, test.last)
		for _, s := range test.votes {
			c.add("a", casper.Vote{Round: casper.Round{Era: s.era, ID: s.round}})
		}
		for _, s := range test.echoes {
			c.add("a", casper.Echo{Round: casper.Round{Era: s.era, ID: s.round}})
		}
		if rounds, _, lost, _ := c.lost(); rounds != test.rounds || !slices.Equal(lost, test.lost) {
			t.Errorf("%s: %d rounds, lost %v, want %d and %v", test.name, rounds, lost, test.rounds, test.lost)
		}
	}
	c := newTally(failover.Place{Height: 10}, failover.Place{Height: 13})
	for _, h := range []uint64{10, 11, 13, 14} {
		c.add("b", casper.Finality{Height: h})
	}
	if _, heights, _, lost := c.lost(); heights != 3 || !slices.Equal(lost, []uint64{12}) || c.byNode["b"].Signatures != 2 {
		t.Errorf("%d heights, lost %v, %v", heights, lost, c.byNode)
	}
}
