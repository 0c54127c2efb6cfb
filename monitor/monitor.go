// Package monitor watches the nodes and moves the active role: it gathers what the agents told
// all cosigners, has the failover rule judge it and, on the leader, proposes the change that
// the rule wants. The leader also hands the log's lead over where the seat rule wants it.
//
// Every cosigner gathers and judges, so that one that begins to lead knows already since when a
// node is silent, and since when another is ready. It promises that only the leader proposes, that
// each proposal holds only on top of the roles that the judgement saw, that one cosigner which
// hangs delays nobody, and that a cosigner which was paused, or reaches too few others, blames no
// node. When a role is to change is failover's to say. Safety never rests on any of it.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/ear"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/seat"
	"casper-cosigner/rule/wire"
)

const (
	// soonest is the least time between two looks, however soon a change is due.
	soonest = 5 * time.Millisecond
	// actWithin bounds how long a proposal may keep the next look waiting.
	actWithin = time.Second
)

// Log is the replicated log.
type Log interface {
	// View calls f with the applied state, which f must not keep or change.
	View(f func(*machine.State))
	// Apply must return nil only once the command is committed and applied here. Whatever else it
	// returns, the command may still be applied later.
	Apply(ctx context.Context, c machine.Command) (machine.Result, error)
}

// Config is what a Monitor is made of.
type Config struct {
	Name     string // this cosigner
	Settings failover.Settings
	Timeout  time.Duration // how long another cosigner's answer may take
	Others   []Other
	Log      Log
	// Leader must return who leads, empty if nobody is known to, in which term, and whether this
	// cosigner does and is fit to.
	Leader func() (name string, term uint64, self bool)
	// Ready must return nil only if a signature could be made now.
	Ready func() error
	Lead  Lead
	// Followed must return how many resets of the heights this cosigner's ledger has made.
	Followed func() uint64
	// Keep must keep the evidence of a fork for operators, and return where. It may block for a
	// moment.
	Keep   func(failover.Fork) (where string, err error)
	Now    func() time.Time // of one host, monotonic
	Logger zerolog.Logger
}

// Monitor hears the agents and judges the nodes. New makes one, Run runs it; its other methods may
// be called at any time.
type Monitor struct {
	Config

	// The next ones are used by Run alone.
	judge  *failover.Judge
	others []*other
	said   saying            // of the judgement that was logged last
	rearm  string            // code of the Rearm that was logged last
	alarms map[string]string // alarm that was logged last, by node
	blocks *failover.Blocks
	forked time.Time // when the last fork that was kept was seen

	mu        sync.Mutex // guards all below
	ear       *ear.Ear
	seat      *seat.Seat
	decision  seat.Decision
	moved     uint64                            // times that the lead was to be handed over
	reports   map[string]*cosignerv1.NodeReport // what counts of what each node's agent told
	judgement failover.Judgement
	observed  failover.Observation
}

// saying is what makes a judgement worth a line in the log.
type saying struct {
	code    string
	confirm bool
}

// New returns a Monitor that listens from when it is run.
func New(c Config) *Monitor {
	m := &Monitor{Config: c, judge: failover.NewJudge(c.Settings), alarms: map[string]string{}, ear: ear.New(c.Settings),
		seat: seat.New(c.Lead.Settings), blocks: failover.NewBlocks(c.Settings.Validator)}
	for _, o := range c.Others {
		m.others = append(m.others, &other{Other: o, answers: make(chan ear.Told, 1)})
	}
	return m
}

// Ping notes what the named node's agent told. Its error says that the node is not in the cluster
// file, or that it told more than there is to tell.
func (m *Monitor) Ping(name string, r *cosignerv1.PingRequest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ear.Heard(name, r, m.Now())
}

// Reports returns what the agents told this cosigner, and what it says of itself, for the others to
// gather. It lacks the presence.
func (m *Monitor) Reports() *cosignerv1.GatherResponse {
	reach, able := m.reach(), m.Ready() == nil
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.Now()
	r := m.ear.Report(now)
	r.Seat = wire.Seat(m.seat.Word(reach, able, now), now)
	return r
}

// Judgement returns the last judgement, and what it was made of. Both are zero before the first.
func (m *Monitor) Judgement() (failover.Judgement, failover.Observation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.judgement, m.observed
}

// Report returns what counts of what the cosigners heard from the node's agent, nil if nothing.
// Callers only read it.
func (m *Monitor) Report(node string) *cosignerv1.NodeReport {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reports[node]
}

// Order returns the last restart of the node that the log orders, by this monitor's clock; zero if
// there is none, or none that was called for by what this cosigner knows.
func (m *Monitor) Order(node string) failover.Order {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.judgement.Orders[node]
}

// beat notes that the process runs.
func (m *Monitor) beat() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ear.Awake(m.Now())
}

// Run looks at the nodes each ping interval, and when a change is due, until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	var asking sync.WaitGroup
	defer asking.Wait()
	tick := time.NewTicker(m.Settings.PingInterval)
	defer tick.Stop()
	for {
		m.beat()
		due := m.look(ctx, &asking)
		m.beat()
		var alarm <-chan time.Time
		if wait := due.Sub(m.Now()); !due.IsZero() && wait > 0 {
			alarm = time.After(max(wait, soonest))
		}
		select {
		case <-tick.C:
		case <-alarm:
		case <-ctx.Done():
			return nil
		}
	}
}

// look gathers, judges and, if this cosigner leads, acts. It returns when the next change is due.
func (m *Monitor) look(ctx context.Context, asking *sync.WaitGroup) (due time.Time) {
	all := m.gather(ctx, asking)
	if ctx.Err() != nil {
		return time.Time{}
	}
	_, ledIn, led := m.Leader()
	here := ear.Here{Now: m.Now(), Signs: m.signs()}
	here.Wall = here.Now
	var roles failover.State
	followed := m.Followed()
	m.Log.View(func(s *machine.State) {
		roles, here.Bound = s.Roles(), s.Bound()
		// The log's word alone takes nothing back: one hostile cosigner that leads writes it.
		if r := s.LastReset(); r.Count == followed {
			m.blocks.Reset(r.Count, r.Height, r.Until)
		}
	})

	m.mu.Lock()
	observed, reports := m.ear.Observe(all, here)
	m.mu.Unlock()
	observed.Examine(m.Settings.Validator, slots{m.Log})
	m.blocks.Take(&observed, slots{m.Log}.asked, here.Now)
	m.keep(observed.Fork)
	judgement := m.judge.Judge(roles, observed, here.Now)
	m.mu.Lock()
	m.reports, m.judgement, m.observed = reports, judgement, observed
	m.mu.Unlock()
	m.tell(judgement, observed)
	// One that has begun to lead meanwhile, be it once more, did not hold all that was committed when
	// it looked, so that a claim of ours could look like somebody else's.
	_, term, leads := m.Leader()
	if leads && (led && ledIn == term || judgement.Code != failover.Fault) {
		m.act(ctx, judgement, roles.Epoch)
	}
	m.sit(seat.Look{Settled: judgement.Settled(), Active: roles.Active}, all)
	return judgement.Due
}

// signs reports whether a signature could be made now. A leader that is being unseated, or is not
// fit to lead yet, makes none.
func (m *Monitor) signs() bool {
	leader, _, self := m.Leader()
	return leader != "" && (leader != m.Name || self) && m.Ready() == nil
}

// act proposes what the judgement wants done now. What comes of it shows at the next look: another
// change may have come first, or leadership may have been lost before the answer.
func (m *Monitor) act(ctx context.Context, j failover.Judgement, epoch uint64) {
	var c machine.Command
	change := failover.Change{Epoch: epoch, Cause: j.Code, Reason: j.Why, At: m.Now().UnixMilli()}
	switch j.Act {
	case failover.Nothing:
		if !j.Rearm.Order {
			return
		}
		change.Cause, change.Reason = j.Rearm.Code, j.Rearm.Why
		c = machine.Restart{Node: j.Rearm.Node, Era: j.Rearm.Era, Change: change}
	case failover.Activate:
		c = machine.Activate{Node: j.Node, Change: change}
	case failover.Hold:
		c = machine.Hold{Until: j.Until, Change: change}
	}
	ctx, cancel := context.WithTimeout(ctx, min(actWithin, m.Settings.After/3))
	defer cancel()
	result, err := m.Log.Apply(ctx, c)
	if err == nil && result.Outcome != machine.Done && result.Why != refusal.EpochMoved {
		err = errors.New(result.Why.String())
	}
	if err != nil {
		m.Logger.Warn().Err(err).Str("code", change.Cause).Str("node", j.Node).Uint64("epoch", epoch).
			Msg("could not change the roles, or order a restart, now; trying again if it is still called for")
	}
}

// keep has the evidence of a new fork kept, and says so.
func (m *Monitor) keep(f failover.Fork) {
	if f.At.Equal(m.forked) || len(m.Settings.Stock) == 0 {
		return
	}
	m.forked = f.At
	where, err := m.Keep(f)
	m.Logger.Error().Bool("alarm", true).AnErr("evidence_error", err).Str("evidence", where).Msg("ALARM: " + f.String())
}

// tell logs a judgement once, and once for each node what no change of roles mends.
func (m *Monitor) tell(j failover.Judgement, o failover.Observation) {
	if says := (saying{j.Code, j.Confirm}); says != m.said {
		m.said = says
		log := m.Logger.WithLevel(level(j))
		if j.Code == failover.Fault || j.Code == failover.Unread {
			log = log.Bool("alarm", true)
		}
		log.Str("code", j.Code).Str("node", j.Node).Bool("confirm", j.Confirm).Msg("judgement of the nodes: " + j.Why)
	}
	m.tellRearm(j.Rearm)
	for name, n := range o.Nodes {
		if alarm := alarmOf(n, o.Findings[name]); alarm != m.alarms[name] {
			m.alarms[name] = alarm
			if alarm != "" {
				m.Logger.Error().Bool("alarm", true).Str("node", name).Msg("ALARM: " + alarm)
			}
		}
	}
}

// tellRearm logs once what is made of the votes of stock nodes. An era without a message of ours,
// and one for which nothing more is done, are alarms.
func (m *Monitor) tellRearm(r failover.Rearm) {
	if r.Code == m.rearm {
		return
	}
	m.rearm = r.Code
	log := m.Logger.Info()
	switch r.Code {
	case failover.RearmSilent, failover.RearmSpent:
		log = m.Logger.Error().Bool("alarm", true)
	case failover.RearmWorth, failover.RearmAlone, failover.RearmNext, failover.RearmGone:
		log = m.Logger.Warn()
	}
	log.Str("code", r.Code).Str("node", r.Node).Bool("restart", r.Order).Msg("judgement of the votes: " + r.Why)
}

// level is how much a judgement asks for an operator's eyes.
func level(j failover.Judgement) zerolog.Level {
	switch j.Code {
	case failover.Fault, failover.Unread:
		return zerolog.ErrorLevel
	case failover.NotStarted, failover.Held, failover.Paused, failover.Upgrade, failover.Return, failover.Well:
		return zerolog.InfoLevel
	}
	return zerolog.WarnLevel
}

// alarmOf returns what an operator must look at, empty if nothing.
func alarmOf(n failover.Node, f failover.Finding) string {
	var all []string
	if !n.Fault.IsZero() {
		all = append(all, fmt.Sprintf("the node tells that our validator equivocated in era %d; %v; see "+
			"`casper-cosigner failover fault show`", n.FaultEra, f))
	}
	if !n.Gate.Passed.IsZero() {
		all = append(all, "the gate of the node let pass what it must refuse, so the node may vote unasked: stop the node")
	}
	if n.LeftoverKey != "" {
		all = append(all, "a secret key of the validator lies on the node's host, "+n.LeftoverKey+
			"; whoever holds it can sign without the cosigners")
	}
	return strings.Join(all, "; ")
}
