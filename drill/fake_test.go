package drill

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
)

// block is the length of a round where no node tells.
const block = 8 * time.Second

// fake is a cluster in memory, of which c2 leads: changes are made on top of the epoch that was
// seen.
type fake struct {
	view    *cosignerv1.StatusResponse
	reasons []string // of the changes that were made
	held    []held
	late    int    // looks after which a vote or finality signature is bound
	coming  []held // bound soon
	told    []string
	looks   int
	looked  func()       // called at each look
	away    func() error // called at each look; its error is answered instead
	fail    func() error // called after a change was made; its error is answered instead
}

type held struct {
	node string
	casper.Message
}

func newFake() *fake {
	none := func() error { return nil }
	f := &fake{looked: func() {}, away: none, fail: none}
	f.view = &cosignerv1.StatusResponse{Active: "a", Mode: cosignerv1.Mode_MODE_HOT, Epoch: 5,
		Newest: &cosignerv1.Mark{Era: 23, Height: 266}, NewestRound: 6,
		Judgement: &cosignerv1.Judgement{Code: "well", Why: "all is well"},
		Nodes:     []*cosignerv1.NodeStatus{{Name: "a", Ready: true}, {Name: "b", Ready: true}}}
	return f
}

// drill returns a rehearsal on the fake.
func (f *fake) drill() *Drill {
	return New(f, Settings{View: report.Cluster{Main: "a"}, Round: block, Timeout: 3 * time.Second, Reason: "exercise",
		Tell: func(line string) { f.told = append(f.told, line) }})
}

// Look implements Cluster.
func (f *fake) Look(ctx context.Context) (*cosignerv1.StatusResponse, error) {
	if err := errors.Join(ctx.Err(), f.away()); err != nil {
		return nil, err
	}
	f.looks++
	f.looked()
	return proto.Clone(f.view).(*cosignerv1.StatusResponse), nil
}

// Activate implements Cluster.
func (f *fake) Activate(ctx context.Context, r *cosignerv1.ActivateRequest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.GetEpoch() != f.view.Epoch {
		return errors.Join(errors.New("another change came first"), ErrRefused)
	}
	f.view.Active, f.view.Cause, f.view.Epoch = r.GetNode(), "operator", f.view.Epoch+1
	f.reasons = append(f.reasons, r.GetReason())
	return f.fail()
}

// Held implements Cluster.
func (f *fake) Held(ctx context.Context, do func(string, casper.Message)) error {
	for _, h := range f.held {
		do(h.node, h.Message)
	}
	return ctx.Err()
}

// chain has the network go one round further each time that the leader is looked at: the active
// node votes in the open round, unless it is lost, asks for its block's finality signature, and
// echoes in the next.
func (f *fake) chain(lost ...uint32) {
	next := f.looked
	f.looked = func() {
		v := f.view
		r := casper.Round{Era: v.Newest.Era, ID: v.NewestRound}
		vote := casper.Message(casper.Vote{Round: r, Value: true})
		if slices.Contains(lost, r.ID) {
			vote = casper.Echo{Round: r}
		}
		v.NewestRound, v.Newest.Height = v.NewestRound+1, v.Newest.Height+1
		f.coming = append(f.coming, held{v.Active, vote},
			held{v.Active, casper.Finality{Height: v.Newest.Height, Era: r.Era}})
		for len(f.coming) > 2*f.late {
			f.held, f.coming = append(f.held, f.coming[0]), f.coming[1:]
		}
		r.ID++
		f.held = append(f.held, held{v.Active, casper.Echo{Round: r}})
		for _, n := range v.Nodes {
			n.Era, n.Round, n.Height = v.Newest.Era, v.NewestRound, v.Newest.Height
		}
		next()
	}
}

// while calls do once, at the first look at which the node is active.
func (f *fake) while(node string, do func()) {
	next, done := f.looked, false
	f.looked = func() {
		next()
		if f.view.Active == node && !done {
			done = true
			do()
		}
	}
}
