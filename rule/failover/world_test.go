package failover_test

import (
	"fmt"
	"slices"
	"time"

	"casper-cosigner/rule/failover"
)

// What the world below does at which time: agents ping on the second, nodes are asked for their
// /status and a round opens between two pings, and the judge ticks between them too, so that it
// must wake by itself to be on time.
const (
	tick       = 100 * time.Millisecond
	judgesAt   = 200 * time.Millisecond
	opensAt    = 300 * time.Millisecond
	statusAt   = 600 * time.Millisecond
	eraRounds  = 20
	firstRound = 107 // of the chain: era 5, round 7
	validator  = "01aa"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// host is one host with an agent and a casper-node.
type host struct {
	agent, node bool // run
	hung        bool // the node runs, and does nothing
	peers       bool // the node hears of new rounds
	cosigners   bool // the agent reaches them
	lag         uint64
	ahead       uint64 // rounds that it asks for before they open
	reactor     string
	upgradeEra  uint64
	unanswered  bool
	asked       uint64 // newest round that it asked for
	own         failover.Node
	found       failover.Finding // of the fault that it tells of
	stock
}

// world is hosts, a chain and cosigners, driven by hand: a plain model of what
// observations are made of.
type world struct {
	settings  failover.Settings
	state     failover.State
	judge     *failover.Judge
	hosts     map[string]*host
	seen      failover.Observation
	t         time.Duration // since begin
	round     uint64        // that is open
	opened    time.Duration
	stalled   bool
	needsUs   bool          // the network has no quorum without our vote
	clockOff  time.Duration // of the leader's wall clock
	judgement failover.Judgement
	acts      []string
	check     func(failover.Judgement) // of each judgement before it is acted upon, if set
	voters    map[uint64]string        // of each era, as the log has it
	obeys     func(node string)        // of each restart by order, if set
}

func newWorld(s failover.Settings) *world {
	w := &world{settings: s, judge: failover.NewJudge(s), hosts: map[string]*host{}, round: firstRound,
		voters: map[uint64]string{},
		state:  failover.State{Mode: failover.Hot, Active: s.Main, Since: begin.Add(-time.Hour).UnixMilli()},
		seen: failover.Observation{Reporting: 3, Listening: begin.Add(-time.Hour), Signing: begin.Add(-time.Hour),
			Nodes: map[string]failover.Node{}}}
	for _, name := range s.Nodes {
		w.hosts[name] = &host{agent: true, node: true, peers: true, cosigners: true, reactor: "Validate"}
		if s.IsStock(name) {
			w.hosts[name].own.Gate.Took = restartTakes
		}
	}
	w.t = -30 * time.Second
	w.opened = w.t
	return w
}

func (w *world) now() time.Time { return begin.Add(w.t) }

// every reports whether it is the offset's turn in the interval.
func (w *world) every(interval, offset time.Duration) bool {
	return ((w.t-offset)%interval+interval)%interval == 0
}

// pass lets one tick pass, and judges if a judge would.
func (w *world) pass() {
	w.t += tick
	w.chain()
	for _, name := range w.settings.Nodes {
		w.live(name, w.hosts[name])
	}
	if w.every(w.settings.PingInterval, 0) {
		w.ping()
	}
	due := w.judgement.Due
	woken := !due.IsZero() && due.After(w.now().Add(-tick)) && !due.After(w.now())
	if woken || w.every(w.settings.PingInterval, judgesAt) {
		w.decide()
	}
}

func (w *world) chain() {
	if w.stalled || w.t-w.opened < w.settings.Round {
		return
	}
	votes := false
	for name, h := range w.hosts {
		current := h.node && !h.hung && h.peers && h.lag == 0 && h.agent && h.cosigners && !h.unanswered
		votes = votes || current && (w.state.Mode == failover.Hot || w.state.Active == name)
	}
	if !w.needsUs || votes && !w.seen.Signing.IsZero() {
		w.round++
		w.opened = w.t
	}
}

// live is what the node does, as its agent sees it.
func (w *world) live(name string, h *host) {
	if w.settings.IsStock(name) {
		w.liveStock(name, h)
		return
	}
	if !h.agent {
		return
	}
	if h.unanswered && h.own.Blocked.IsZero() {
		h.own.Blocked = w.now()
	} else if !h.unanswered {
		h.own.Blocked = time.Time{}
	}
	if !h.node || h.hung {
		return
	}
	asks := h.reactor == "Validate"
	if newest := w.round - h.lag + h.ahead; asks && h.peers && newest > h.asked && w.t-w.opened >= opensAt {
		h.asked, h.own.Rounds.Asked, h.own.Heights.Asked = newest, w.now(), w.now()
		if p := place(newest); p.Height > h.own.Place.Height {
			h.own.Place, h.own.Rounds.Advanced, h.own.Heights.Advanced = p, w.now(), w.now()
			h.bound = p
		}
	}
	if refused := w.state.Mode == failover.Fenced && w.state.Active != name; asks && refused &&
		w.every(time.Second, opensAt) {
		h.own.Rounds.Asked = w.now() // again for the same slot
	}
	if w.every(time.Second, statusAt) && !h.unanswered {
		h.own.Shutdown = time.Time{}
		h.own.Status = failover.Status{At: w.now(), Reactor: h.reactor, Height: h.own.Place.Height, Round: w.settings.Round,
			Key: validator, Peers: 50, Version: "2.0.3", UpgradeEra: h.upgradeEra}
	}
}

func place(round uint64) failover.Place {
	return failover.Place{Era: round / eraRounds, Round: uint32(round % eraRounds), Height: 1000 + round}
}

// ping takes what the agents know of their nodes, and of each other, to the cosigners.
func (w *world) ping() {
	for _, name := range w.settings.Nodes {
		h, was := w.hosts[name], w.seen.Nodes[name]
		if h.agent && h.cosigners {
			n := h.own
			n.Heard, n.HeardByAgent = w.now(), was.HeardByAgent
			w.seen.Nodes[name] = n
		}
	}
	for _, name := range w.settings.Nodes {
		for other, h := range w.hosts {
			if n := w.seen.Nodes[name]; other != name && h.agent && h.cosigners && w.hosts[name].agent {
				n.HeardByAgent = w.now().Add(-w.settings.PingInterval / 2)
				w.seen.Nodes[name] = n
			}
		}
	}
	for _, h := range w.hosts {
		if bound := h.bound; h.agent && h.cosigners && bound.Height > w.seen.Bound.Height {
			w.seen.Bound, w.seen.BoundAt = bound, w.now()
		}
	}
}

// decide judges, and does what the judgement says as the leader would.
func (w *world) decide() {
	w.seen.Wall, w.seen.Findings = w.now().Add(w.clockOff), map[string]failover.Finding{}
	for name, h := range w.hosts {
		w.seen.Findings[name] = h.found
	}
	d := w.judge.Judge(w.state, w.seen, w.now())
	w.judgement = d
	if w.check != nil {
		w.check(d)
	}
	change := failover.Change{Epoch: w.state.Epoch, Cause: d.Code, Reason: d.Why, At: w.seen.Wall.UnixMilli()}
	w.restart(d)
	switch d.Act {
	case failover.Activate:
		w.state.Activate(d.Node, change)
		w.did("activate %s: %s", d.Node, d.Code)
	case failover.Hold:
		w.state.Hold(d.Until, change)
		if d.Until == 0 {
			w.did("resume: %s", d.Code)
			return
		}
		w.did("hold: %s", d.Code)
	}
}

func (w *world) did(format string, args ...any) {
	w.acts = append(w.acts, fmt.Sprintf("%v %s", w.t, fmt.Sprintf(format, args...)))
}

// operator makes a change as the CLI would.
func (w *world) operator(do func(failover.Change)) {
	do(failover.Change{Epoch: w.state.Epoch, Cause: failover.Operator, Reason: "by hand",
		At: w.now().Add(w.clockOff).UnixMilli()})
}

// happens makes one thing happen to a host, or reports that there is no such thing. An agent that
// starts again knows nothing of what was before.
func (h *host) happens(what string, w *world) bool {
	restarted := func() {
		if !h.agent {
			h.own, h.agent = failover.Node{}, true
		}
		if !h.node { // it may ask again for all that it finds unsigned
			h.asked = 0
		}
		if !h.node || h.hung {
			h.own.Gate.Starts(w.now())
		}
		h.node, h.hung, h.peers, h.cosigners, h.unanswered, h.reactor = true, false, true, true, false, "Validate"
	}
	switch what {
	case "dies":
		h.agent, h.node = false, false
	case "loses its agent":
		h.agent = false
	case "loses its node":
		h.node = false
	case "hangs":
		h.hung = true
	case "loses its peers":
		h.peers = false
	case "loses the cosigners":
		h.cosigners = false
	case "is left unanswered":
		h.unanswered = true
	case "is answered":
		h.unanswered = false
	case "shuts down":
		h.node, h.own.Shutdown = false, w.now()
	case "stages an upgrade for the next era":
		h.upgradeEra = w.round/eraRounds + 1
	case "sees another lead in vain":
		copy(h.own.LostLeads[1:], h.own.LostLeads[:])
		h.own.LostLeads[0] = w.now()
	case "sees a block of another":
		h.own.LostLeads = [failover.Leads]time.Time{}
	case "reports a fault":
		h.own.Fault, h.own.FaultEra, h.found = w.now(), h.own.Place.Era, failover.Finding{}
	case "proves it":
		h.found = failover.Finding{Proof: failover.Proven, Era: h.own.FaultEra, Why: "it is not in the log"}
	case "disproves it":
		h.found = failover.Finding{Proof: failover.False, Why: "nobody signed that"}
	case "shows what is too old to tell":
		h.found = failover.Finding{Proof: failover.TooOld, Why: "the log knows nothing of it"}
	case "returns 30 rounds behind":
		restarted()
		h.lag = 30
	case "returns":
		restarted()
	case "asks an era ahead":
		h.ahead = eraRounds
	case "catches up":
		h.lag = 0
	case "is refused":
		h.own.Gate.Refuses(place(w.round).Era, w.now())
	case "loses its gate":
		h.gateless = true
	case "has its gate again":
		h.gateless = false
	case "cannot read its unit file":
		h.mute = true
	default:
		reactors := []string{"Validate", "CatchUp", "ShutdownForUpgrade", "Upgrading"}
		i := slices.IndexFunc(reactors, func(r string) bool { return what == "says "+r })
		if i < 0 {
			return false
		}
		h.reactor = reactors[i]
	}
	return true
}
