package monitor

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

const (
	interval = time.Second
	after    = 10 * time.Second
	round    = 2 * time.Second
	lifetime = 30*time.Second + interval/20 // of the world before anything happens to it, which is between two looks
)

// world is three cosigners with one log, and two nodes, a (main) and b, with their agents. Its
// tests run in virtual time.
type world struct {
	t        *testing.T
	start    time.Time
	ctx      context.Context
	running  sync.WaitGroup
	settings failover.Settings
	monitors map[string]*Monitor
	logs     logs // of cosigner-1

	mu      sync.Mutex // guards all below
	state   *machine.State
	resets  uint64 // of the heights, that ledgers made
	leader  string
	cut     map[string]bool                                // cosigners that nobody reaches and that reach nobody
	hung    map[string]bool                                // cosigners that take calls and answer none
	skipped map[string]time.Duration                       // by how much a cosigner's clock went on while it stood still
	silent  map[string]bool                                // nodes whose agent is dead
	deaf    map[string]bool                                // cosigners that node a does not reach
	lies    map[string]func(*world) *cosignerv1.NodeHealth // what a cosigner tells others of node a, as of now
	edit    map[string]func(*cosignerv1.NodeHealth)
	pinged  map[string]time.Time        // last ping of each node
	before  func() error                // called by each Apply, before it does anything
	unready error                       // what Ready returns
	ways    map[[2]string]time.Duration // round trips that are not short
	moves   []string                    // times and ways that the lead was handed over
	done    []change
}

// change is a command that was applied.
type change struct {
	at      time.Time
	by      string
	command machine.Command
	result  machine.Result
}

var cosigners = []string{"cosigner-1", "cosigner-2", "cosigner-3"}

// newWorld makes a world in which cosigner-1 leads, and lets it live for lifetime. edit may
// change its settings.
func newWorld(t *testing.T, edit func(*failover.Settings)) *world {
	w := &world{t: t, start: time.Now(), state: machine.New(), leader: "cosigner-1", monitors: map[string]*Monitor{},
		ways: map[[2]string]time.Duration{}, cut: map[string]bool{}, hung: map[string]bool{},
		skipped: map[string]time.Duration{}, silent: map[string]bool{},
		edit: map[string]func(*cosignerv1.NodeHealth){}, pinged: map[string]time.Time{}, deaf: map[string]bool{},
		lies: map[string]func(*world) *cosignerv1.NodeHealth{},
		settings: failover.Settings{Main: "a", Nodes: []string{"a", "b"}, Threshold: 2, Round: round, PingInterval: interval,
			After: after, FailbackAfter: 5 * time.Minute, Failover: failover.Auto, Failback: failover.Auto,
			Validator: validator()}}
	if edit != nil {
		edit(&w.settings)
	}
	w.state.Apply(machine.Genesis{First: watermark.Mark{Era: 10, Height: 100}, Active: "a", At: time.Now().UnixMilli()})
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); w.running.Wait() })
	for _, name := range cosigners {
		w.monitors[name] = New(w.config(name))
	}
	for _, m := range w.monitors {
		w.running.Go(func() { _ = m.Run(w.ctx) })
	}
	w.running.Go(w.chain)
	for i, name := range w.settings.Nodes {
		w.running.Go(func() { w.agent(name, time.Duration(1+i)*210*time.Millisecond) })
	}
	time.Sleep(lifetime)
	return w
}

func (w *world) config(name string) Config {
	c := Config{Name: name, Settings: w.settings, Timeout: interval / 2, Log: copyOf{w, name}, Logger: zerolog.Nop(),
		Leader: func() (string, uint64, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.leader, 1, w.leader == name
		},
		Ready: func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.unready
		},
		Lead: w.lead(name),
		Followed: func() uint64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.resets
		},
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return time.Now().Add(w.skipped[name])
		},
	}
	if name == "cosigner-1" {
		c.Logger = zerolog.New(&w.logs)
	}
	for _, other := range cosigners {
		if other != name {
			c.Others = append(c.Others, Other{Name: other, Ask: func(ctx context.Context) (*cosignerv1.GatherResponse, error) {
				return w.gather(ctx, name, other)
			}})
		}
	}
	return c
}

func (w *world) gather(ctx context.Context, from, to string) (*cosignerv1.GatherResponse, error) {
	w.mu.Lock()
	cut, hung := w.cut[from] || w.cut[to], w.hung[to]
	w.mu.Unlock()
	if cut {
		return nil, errors.New("connection refused")
	}
	if hung {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r := w.monitors[to].Reports()
	w.mu.Lock()
	defer w.mu.Unlock()
	if lie := w.lies[to]; lie != nil {
		r.Nodes = slices.DeleteFunc(r.Nodes, func(n *cosignerv1.NodeReport) bool { return n.GetName() == "a" })
		r.Nodes = append(r.Nodes, &cosignerv1.NodeReport{Name: "a", HeardAgoMs: proto.Uint64(0), Health: lie(w)})
	}
	return r, nil
}

// copyOf is a cosigner's copy of the log.
type copyOf struct {
	*world
	name string
}

func (l copyOf) View(f func(*machine.State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.state)
}

func (l copyOf) Apply(_ context.Context, c machine.Command) (machine.Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leader != l.name {
		l.t.Errorf("%s proposed %+v and does not lead", l.name, c)
		return machine.Result{}, errors.New("this cosigner does not lead")
	}
	if l.before != nil {
		if err := l.before(); err != nil {
			return machine.Result{}, err
		}
	}
	b, err := machine.Encode(c, machine.Version)
	if err != nil {
		return machine.Result{}, err
	}
	if c, _, err = machine.Decode(b); err != nil {
		return machine.Result{}, err
	}
	result := l.state.Apply(c)
	l.done = append(l.done, change{time.Now(), l.name, c, result})
	return result, nil
}

// round is how many rounds the chain has come to.
func (w *world) round() uint32 { return uint32(time.Since(w.start) / round) }

// chain binds a slot in each round.
func (w *world) chain() {
	for w.ctx.Err() == nil {
		w.mu.Lock()
		w.state.Apply(machine.Claim{Claim: watermark.Claim{Node: "a",
			Message: casper.Vote{Round: casper.Round{Era: 10, ID: w.round(), Validator: 1}, Value: true}},
			At: time.Now().UnixMilli()})
		w.mu.Unlock()
		w.sleep(round)
	}
}

func (w *world) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.ctx.Done():
	}
}

// agent pings every cosigner each interval, beginning a while after the world did.
func (w *world) agent(name string, begins time.Duration) {
	for w.sleep(begins); w.ctx.Err() == nil; w.sleep(interval) {
		w.mu.Lock()
		silent, cut := w.silent[name], maps.Clone(w.cut)
		if name == "a" {
			maps.Copy(cut, w.deaf)
		}
		r := &cosignerv1.PingRequest{Health: w.health()}
		for _, c := range cosigners {
			r.Reach = append(r.Reach, &cosignerv1.Reach{Name: c, AnsweredAgoMs: proto.Uint64(0),
				RttUs: uint64(w.way(name, c).Microseconds())})
		}
		if edit := w.edit[name]; edit != nil {
			edit(r.Health)
		}
		if !silent {
			w.pinged[name] = time.Now()
		}
		w.mu.Unlock()
		for _, c := range cosigners {
			if !silent && !cut[c] {
				if err := w.monitors[c].Ping(name, r); err != nil {
					w.t.Error(err)
				}
			}
		}
	}
}

// health is that of a node which is well.
func (w *world) health() *cosignerv1.NodeHealth {
	ago := *wire.Ago(w.start.Add(time.Duration(w.round())*round), time.Now())
	asked := &cosignerv1.Asked{AgoMs: proto.Uint64(ago), AdvancedAgoMs: ago, Era: 10, Round: w.round(),
		Height: 100 + uint64(w.round())}
	return &cosignerv1.NodeHealth{StatusAgoMs: proto.Uint64(0), ReactorState: "Validate",
		RoundLengthMs: uint64(round.Milliseconds()), Peers: 9, PublicKey: validator(),
		Block: &cosignerv1.Block{Era: 10, Height: asked.Height}, Rounds: asked, Heights: asked}
}

// set changes the world.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// kill ends node a's agent, and returns when a is to be failed over: After its last ping.
func (w *world) kill() (due time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent["a"] = true
	return w.pinged["a"].Add(after)
}

// changes returns what was applied.
func (w *world) changes() []change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.done)
}

// wantNothing lets the time pass and wants nothing proposed.
func (w *world) wantNothing(d time.Duration) {
	w.t.Helper()
	before := len(w.changes())
	time.Sleep(d)
	for _, c := range w.changes()[before:] {
		w.t.Errorf("%s applied %+v after %v", c.by, c.command, c.at.Sub(w.start))
	}
}

// wantActivation lets the time pass until due and wants node b made active by then and
// not before, once.
func (w *world) wantActivation(by string, due time.Time) {
	w.t.Helper()
	before := len(w.changes())
	time.Sleep(time.Until(due) - time.Millisecond)
	if early := w.changes()[before:]; len(early) > 0 {
		w.t.Fatalf("%v before it was due: %+v", due.Sub(early[0].at), early)
	}
	time.Sleep(20 * time.Millisecond)
	now := w.changes()[before:]
	if len(now) != 1 || now[0].by != by || now[0].result.Outcome != machine.Done {
		j, o := w.monitors[by].Judgement()
		w.t.Fatalf("got %+v when due, want one activation by %s; it judges %+v of %+v", now, by, j, o)
	}
	if c, ok := now[0].command.(machine.Activate); !ok || c.Node != "b" {
		w.t.Fatalf("got %+v, want b active", now[0].command)
	}
}

// logged returns how many lines of cosigner-1's log hold the text.
func (w *world) logged(text string) (n int) {
	for line := range strings.Lines(w.logs.text()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// logs keeps what is logged.
type logs struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.Write(p)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.String()
}
