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

	"casper-cosigner/drill"
	"casper-cosigner/report/reporttest"
	"casper-cosigner/rule/casper"
)

// chain has the fakes' network go one round further each time that the leader is looked at: the
// active node votes in the open round, unless it is lost, asks for its block's finality signature,
// and echoes in the next.
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

// TestDrill: what comes of a rehearsal on the command line. How rehearsals go is tested
// where they are.
func TestDrill(t *testing.T) {
	for _, test := range []struct {
		name   string
		set    func(*fakes)
		code   int
		want   []string // parts of the output, or of the error
		active string   // at the end
		epoch  uint64
	}{
		{"well", func(f *fakes) {
			f.chain()
		}, 0, []string{"without a vote of ours: 0", "b becomes active for 60ms, then a again; mode hot.",
			"b is active.\n", "not seen   of each round: who led it, whether a block came of it"}, "a", 7},
		{"a round is lost at the change", func(f *fakes) { f.chain(8) }, exitFailed,
			[]string{"lost: era 23 round 8", "error: the rehearsal lost 1 round and 0 heights"}, "a", 7},
		{"interrupted", func(f *fakes) {
			f.chain()
			f.while("b", func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) })
		}, exitFailed, []string{"error: interrupted: b is active no more"}, "a", 7},
		{"made, but not answered", func(f *fakes) {
			f.fail = func(string) error {
				f.fail = func(string) error { return nil }
				return status.Error(codes.Unavailable, "the leader is gone")
			}
		}, exitUnavailable, []string{"error: making b active: the leader is gone", "try: `casper-cosigner status`"}, "a", 7},
		{"refused", func(f *fakes) {
			f.fail = func(string) error {
				f.view.Active = "a"
				return status.Error(codes.FailedPrecondition, "this cosigner does not lead")
			}
		}, exitRefused, []string{"error: making b active: this cosigner does not lead"}, "a", 6},
		{"held", func(f *fakes) { f.view.HoldUntil = timestamppb.New(reporttest.Noon.AddDate(500, 0, 0)) }, exitRefused,
			[]string{"no rehearsal now, nothing was done:", "the roles are held until 2526",
				"try: `casper-cosigner failover status`"}, "a", 5},
		{"nobody leads", func(f *fakes) { f.leader = "" }, exitNoQuorum, []string{"no cosigner leads"}, "a", 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := startFakes(t)
			test.set(f)
			code, out, errOut := f.operate("failover", "drill", "--reason", "exercise", "--yes", "--keep", "60ms")
			if code != test.code || f.view.Active != test.active || f.view.Epoch != test.epoch {
				t.Errorf("code %d, %s active, epoch %d, output\n%s%s\nwant code %d, %s active, epoch %d",
					code, f.view.Active, f.view.Epoch, out, errOut, test.code, test.active, test.epoch)
			}
			for _, want := range test.want {
				if !strings.Contains(out+errOut, want) {
					t.Errorf("output\n%s%s\nwant %q", out, errOut, want)
				}
			}
		})
	}
}

// TestStillActive: an operator is told how to hand back what a rehearsal could not.
func TestStillActive(t *testing.T) {
	var b strings.Builder
	code := complain(&b, drillFault(&drill.StillActiveError{Main: "a", Standby: "b",
		Err: answerFault(status.Error(codes.Unavailable, "gone"))}))
	if code != exitUnavailable || !strings.Contains(b.String(), "b may still be active; handing back: gone\n") ||
		!strings.Contains(b.String(), "try: casper-cosigner failover promote a --reason") || strings.Count(b.String(),
		"try: ") != 1 {
		t.Errorf("code %d, %s", code, b.String())
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
	var r drill.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err, out)
	}
	a, b := r.Nodes[0], r.Nodes[1]
	switch {
	case r.Schema != "v1", r.Main != "a", r.Standby != "b", r.Active != "a", r.Epoch != 7:
		t.Errorf("printed %+v", r)
	case r.First.Round != 7 || r.Rounds != int(r.Last.Round-r.First.Round) || r.Rounds < 4:
		t.Errorf("%d rounds from %v to %v", r.Rounds, r.First, r.Last)
	case !slices.Equal(r.LostRounds, []drill.Place{{Era: 23, Round: 8}}) || len(r.LostHeights) > 0:
		t.Errorf("lost %v and %v", r.LostRounds, r.LostHeights)
	case a.Votes+b.Votes != r.Rounds-1 || a.Votes == 0 || b.Votes == 0 || a.Signatures+b.Signatures != r.Heights:
		t.Errorf("%d rounds and %d heights, %+v and %+v", r.Rounds, r.Heights, a, b)
	case f.history[0].Reason != "rehearsal: exercise" || f.history[1].Reason != "handing back: exercise":
		t.Errorf("reasons %v", f.history)
	}
	var names []string
	var fields map[string]any
	if err := json.Unmarshal([]byte(out), &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := "active at epoch first heights kept_seconds last lost_heights lost_rounds main mode nodes rounds schema " +
		"standby"; strings.Join(names, " ") != want {
		t.Errorf("fields %v, want %s", names, want)
	}
}
