package drill

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

var errGone = errors.New("the leader is gone")

// TestDrill: how rehearsals end, and that main is active again after each, or whoever another
// change made so.
func TestDrill(t *testing.T) {
	for _, test := range []struct {
		name   string
		set    func(f *fake, interrupt func())
		want   string // part of the error or fault, empty for none
		active string // at the end
		epoch  uint64
	}{
		{"well", func(f *fake, _ func()) { f.chain() }, "", "a", 7},
		{"fenced", func(f *fake, _ func()) { f.chain(); f.view.Mode = cosignerv1.Mode_MODE_FENCED }, "", "a", 7},
		{"a round is lost at the change", func(f *fake, _ func()) { f.chain(8) }, "the rehearsal lost 1 round and 0 heights",
			"a", 7},
		{"the standby fails", func(f *fake, _ func()) {
			f.chain()
			f.while("b", func() {
				f.view.Nodes[1] = &cosignerv1.NodeStatus{Name: "b", Condition: "silent", Why: "no ping for 10s"}
			})
		}, "b is not well any more: silent, no ping for 10s", "a", 7},
		{"another change comes first", func(f *fake, _ func()) {
			f.chain()
			f.while("b", func() { f.view.Active, f.view.Cause, f.view.Epoch = "a", "silent", 7 })
		}, "a became active: silent", "a", 7},
		{"somebody holds the roles meanwhile", func(f *fake, _ func()) {
			f.chain()
			f.while("b", func() { f.view.Epoch = 9 })
		}, "", "a", 10},
		{"interrupted", func(f *fake, interrupt func()) {
			f.chain()
			f.while("b", interrupt)
		}, "interrupted: b is active no more", "a", 7},
		{"interrupted before anything is done", func(f *fake, interrupt func()) { f.looked = interrupt },
			"interrupted: b is active no more", "a", 7}, // the outcome of a change must be known, so it is made to its end
		{"what is bound comes late", func(f *fake, _ func()) { f.chain(); f.late = 2 }, "", "a", 7},
		{"it comes too late", func(f *fake, _ func()) { f.chain(); f.late = 3 }, "the rehearsal lost 1 round and 1 height",
			"a", 7},
		{"interrupted while the open rounds end", func(f *fake, interrupt func()) {
			f.chain()
			f.while("b", func() { f.while("a", interrupt) })
		}, "handed back, but what was lost is not known: interrupted", "a", 7},
		{"made, but not answered", func(f *fake, _ func()) {
			f.fail = func() error {
				f.fail = func() error { return nil }
				return errGone
			}
		}, "making b active: the leader is gone", "a", 7},
		{"handed back, but not answered", func(f *fake, _ func()) {
			f.chain()
			f.fail = func() error {
				if f.view.Active == "a" {
					return errGone
				}
				return nil
			}
		}, "", "a", 7},
		{"refused", func(f *fake, _ func()) {
			f.fail = func() error { f.view.Active = "a"; return ErrRefused }
		}, "making b active: refused", "a", 6},
		{"nobody leads for a while", func(f *fake, _ func()) {
			f.chain()
			f.while("b", func() {
				n := 0
				f.away = func() error {
					if n++; n < 6 {
						return errGone
					}
					return nil
				}
			})
		}, "", "a", 7},
		{"nobody leads any more", func(f *fake, _ func()) {
			f.while("b", func() { f.away = func() error { return errGone } })
		}, "b may still be active; handing back: the leader is gone", "b", 6},
		{"the network stands still", func(*fake, func()) {}, "no round went by", "a", 7},

		{"held", func(f *fake, _ func()) {
			f.view.HoldUntil = timestamppb.New(time.Date(2526, 1, 1, 0, 0, 0, 0, time.UTC))
		},
			"the roles are held until 2526", "a", 5},
		{"an upgrade", func(f *fake, _ func()) {
			f.view.Judgement = &cosignerv1.Judgement{Code: "upgrade", Why: "a shuts down"}
		},
			"upgrade, a shuts down", "a", 5},
		{"a change is due", func(f *fake, _ func()) { f.view.Judgement.Node = "b" }, "b becomes active", "a", 5},
		{"not judged", func(f *fake, _ func()) { f.view.Judgement = nil }, "has not judged", "a", 5},
		{"the standby is active", func(f *fake, _ func()) {
			f.view.Active = "b"
		}, "b is active; a rehearsal begins with main, a", "b", 5},
		{"main is not ready", func(f *fake, _ func()) { f.view.Nodes[0].Ready = false }, "a is not ready", "a", 5},
		{"no standby is ready", func(f *fake, _ func()) {
			f.view.Nodes[1].Ready, f.view.Nodes[1].Condition, f.view.Nodes[1].Why = false, "catching_up", "40 rounds behind"
		}, "b is not ready: catching_up, 40 rounds behind", "a", 5},
		{"nobody leads", func(f *fake, _ func()) { f.away = func() error { return errGone } }, "the leader is gone", "a", 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				f := newFake()
				test.set(f, interrupt)
				d := f.drill()
				_, err := d.Plan(ctx)
				planned := err == nil
				if planned {
					var r Result
					if r, err = d.Run(ctx); err == nil {
						err = r.Fault()
					}
				}
				if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) ||
					f.view.Active != test.active || f.view.Epoch != test.epoch || planned == (test.epoch == 5) {
					t.Errorf("%v; %s active, epoch %d, want %q, %s active, epoch %d", err, f.view.Active, f.view.Epoch,
						test.want, test.active, test.epoch)
				}
				if errors.Is(err, ErrRefused) && f.looks != 1 {
					t.Errorf("refused, and looked %d times: there is nothing to hand back", f.looks)
				}
				var no *NotNowError
				if errors.As(err, &no) == (planned || errors.Is(err, errGone)) {
					t.Errorf("of kind %T", err)
				}
				var still *StillActiveError
				if errors.As(err, &still) != (f.view.Active == "b" && planned) {
					t.Errorf("%s active, of kind %T", f.view.Active, err)
				}
			})
		})
	}
}

// TestDrillTimes: how long the standby is active, and for how long what goes wrong is tried.
func TestDrillTimes(t *testing.T) {
	for _, test := range []struct {
		name  string
		set   func(*fake, *Drill)
		keep  time.Duration
		least time.Duration // that the whole takes
		most  time.Duration
	}{
		{"three rounds, of the cluster file's length", func(f *fake, _ *Drill) {
			f.chain()
		}, 3 * block, 3 * block, 4 * block},
		{"three rounds, as long as the active node has them", func(f *fake, _ *Drill) {
			f.chain()
			f.view.Nodes[0].LastPing = timestamppb.New(time.Now())
			f.view.Nodes[0].Health = &cosignerv1.NodeHealth{RoundLengthMs: 16000}
		}, 6 * block, 6 * block, 8 * block},
		{"as long as was asked for", func(f *fake, d *Drill) { f.chain(); d.Keep = time.Hour }, time.Hour, time.Hour,
			time.Hour + block},
		{"no round goes by", func(*fake, *Drill) {}, 3 * block, 12 * block, 13 * block},
		{"nobody leads any more", func(f *fake, _ *Drill) {
			f.while("b", func() { f.away = func() error { return errGone } })
		}, 3 * block, 3*block + returnFor, 3*block + returnFor + block},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			d := f.drill()
			test.set(f, d)
			start := time.Now()
			p, err := d.Plan(t.Context())
			if err != nil || p.Keep != test.keep || p.Main != "a" || p.Standby != "b" || p.Mode != "hot" {
				t.Errorf("%s: planned %+v, %v", test.name, p, err)
			}
			_, _ = d.Run(t.Context())
			if took := time.Since(start); took < test.least || took > test.most {
				t.Errorf("%s: took %v, want %v to %v", test.name, took, test.least, test.most)
			}
		})
	}
}

// TestResult: the reasons are in the log, and the counts in the result.
func TestResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.chain(8)
		d := f.drill()
		if _, err := d.Plan(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := d.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a, b := r.Nodes[0], r.Nodes[1]
		switch {
		case r.Schema != "v1", r.Main != "a", r.Standby != "b", r.Active != "a", r.Epoch != 7, r.Mode != "hot":
			t.Errorf("result %+v", r)
		case r.First.Round != 7 || r.Rounds != int(r.Last.Round-r.First.Round) || r.Rounds < 4:
			t.Errorf("%d rounds from %v to %v", r.Rounds, r.First, r.Last)
		case !slices.Equal(r.LostRounds, []Place{{Era: 23, Round: 8}}) || len(r.LostHeights) > 0:
			t.Errorf("lost %v and %v", r.LostRounds, r.LostHeights)
		case !slices.Equal(r.Unseen, []string{"who led it", "whether a block came of it"}):
			t.Errorf("not seen: %q", r.Unseen)
		case a.Votes+b.Votes != r.Rounds-1 || a.Votes == 0 || b.Votes == 0 || a.Signatures+b.Signatures != r.Heights:
			t.Errorf("%d rounds and %d heights, %+v and %+v", r.Rounds, r.Heights, a, b)
		case r.KeptSeconds != (3*block).Seconds() || a.Before.Round != 7 || a.After.Round < r.Last.Round:
			t.Errorf("active for %v s, %+v", r.KeptSeconds, a)
		case !slices.Equal(f.reasons, []string{"rehearsal: exercise", "handing back: exercise"}):
			t.Errorf("reasons %v", f.reasons)
		case len(f.told) != 2 || f.told[0] != "b is active.":
			t.Errorf("told %q", f.told)
		}
		text, err := json.Marshal(r)
		if err != nil || strings.Contains(string(text), "nseen") {
			t.Errorf("as JSON %s, %v", text, err)
		}
	})
}

func TestTally(t *testing.T) {
	type slot struct {
		era   uint64
		round uint32
	}
	result := func(c *tally) (r Result) {
		r.fill(c, nil, nil)
		return r
	}
	for _, test := range []struct {
		name        string
		first, last failover.Place
		votes       []slot
		echoes      []slot
		rounds      int
		lost        []Place
	}{
		{"one era", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 6}, []slot{{5, 3}, {5, 4}, {5, 5}}, nil,
			3, nil},
		{"an echo is no vote", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 5}, []slot{{5, 3}},
			[]slot{{5, 4}}, 2, []Place{{Era: 5, Round: 4}}},
		{"earlier and later rounds do not count", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 4},
			[]slot{{5, 2}, {5, 4}}, nil, 1, []Place{{Era: 5, Round: 3}}},
		{"the next era", failover.Place{Era: 5, Round: 8}, failover.Place{Era: 6, Round: 2},
			[]slot{{5, 8}, {5, 10}, {6, 0}, {6, 1}}, nil, 5, []Place{{Era: 5, Round: 9}}},
		{"an era without anything", failover.Place{Era: 5, Round: 8}, failover.Place{Era: 7, Round: 1},
			[]slot{{5, 8}, {7, 0}}, nil, 3, []Place{{Era: 6, Round: 0}}},
		{"nothing went by", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 3}, []slot{{5, 3}}, nil, 0, nil},
		{"nor when the newest is the first", failover.Place{Era: 5, Round: 3}, failover.Place{Era: 5, Round: 2},
			[]slot{{5, 3}}, nil, 0, nil},
	} {
		c := newTally(test.first, test.last)
		for _, s := range test.votes {
			c.add("a", casper.Vote{Round: casper.Round{Era: s.era, ID: s.round}})
		}
		for _, s := range test.echoes {
			c.add("a", casper.Echo{Round: casper.Round{Era: s.era, ID: s.round}})
		}
		if r := result(c); r.Rounds != test.rounds || !slices.Equal(r.LostRounds, test.lost) {
			t.Errorf("%s: %d rounds, lost %v, want %d and %v", test.name, r.Rounds, r.LostRounds, test.rounds, test.lost)
		}
	}
	c := newTally(failover.Place{Height: 10}, failover.Place{Height: 13})
	for _, h := range []uint64{10, 11, 13, 14} {
		c.add("b", casper.Finality{Height: h})
	}
	if r := result(c); r.Heights != 3 || !slices.Equal(r.LostHeights, []uint64{12}) || c.byNode["b"].Signatures != 2 {
		t.Errorf("%d heights, lost %v, %v", r.Heights, r.LostHeights, c.byNode)
	}
}
