package agent

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/lead"
	"casper-cosigner/rule/wire"
)

const (
	remembered = 60 // pings of each peer that Reach tells of
	lostInARow = 3  // pings lost in a row that the log mentions: one says little
)

// Peer is a member that is pinged.
type Peer struct {
	Name   string
	Role   cluster.Role // of a Cosigner the answer tells the roles
	Client cosignerv1.PingServiceClient
}

// PingerConfig is what a Pinger is made of.
type PingerConfig struct {
	Peers    []Peer
	Interval time.Duration // between two pings of one peer
	Timeout  time.Duration // for the answer, at most Interval
	// Health says how the own node is. It must not block, and what it returned it must not
	// change any more.
	Health func(now time.Time) *cosignerv1.NodeHealth
	// Observe is told each ping's result, from many goroutines: the time to the answer, or why
	// there was none in time. It must not block.
	Observe func(peer string, rtt time.Duration, err error)
	// Heard is told the same of cosigners, and what their answers say of the leader. It must not
	// block.
	Heard func(cosigner string, p lead.Ping, now time.Time)
	// Memory keeps what cosigners state, and is shown to them. Nil: nothing is kept.
	Memory Memory
	// Hearsay is what agents tell each other that cosigners stated. Nil: nothing.
	Hearsay Hearsay
	// Chain is what agents tell each other of the chain. Nil: nothing.
	Chain Chain
	// Active is told whom a cosigner's answer names active, empty if nobody. It must not block. Nil:
	// nobody asks.
	Active func(cosigner, node string, now time.Time)
	// Ordered is told what a cosigner's answer says of restarts of the node. It must not block. Nil:
	// nobody restarts it.
	Ordered func(cosigner string, o *cosignerv1.RestartOrder, now time.Time)
	// Doubts reports whether it is in doubt who leads: then cosigners are pinged briskly. It must
	// not block.
	Doubts func() bool
	Logger zerolog.Logger
}

// Memory is what the cosigners stated of their own memory.
type Memory interface {
	// Shown must return the newest statement of each cosigner. It must not block.
	Shown() []*cosignerv1.SignedStatement
	// Heard is told what came with a cosigner's answer, unverified. It must not block.
	Heard(cosigner string, all []*cosignerv1.SignedStatement)
}

// Hearsay is what other agents know of what the cosigners stated.
type Hearsay interface {
	// ShownToAgents must return what they are shown. It must not block.
	ShownToAgents() []*cosignerv1.SignedStatement
	// HeardAgent is told what the node's agent shows, unverified. It must not block.
	HeardAgent(node string, all []*cosignerv1.SignedStatement)
}

// Pinger pings the other members and keeps what comes of it. NewPinger makes one; Run pings.
type Pinger struct {
	PingerConfig

	nudges []chan struct{} // one for each peer

	mu     sync.Mutex // guards what follows
	tracks []track    // one for each peer
	latest *cosignerv1.Roles
	nudged time.Time
}

// NewPinger returns a Pinger.
func NewPinger(c PingerConfig) *Pinger {
	p := &Pinger{PingerConfig: c, tracks: make([]track, len(c.Peers))}
	for range c.Peers {
		p.nudges = append(p.nudges, make(chan struct{}, 1))
	}
	return p
}

// Nudge has every cosigner pinged now, or as soon as its last ping is over; once in lead.Brisk at
// most.
func (p *Pinger) Nudge() {
	p.mu.Lock()
	now := time.Now()
	early := now.Sub(p.nudged) < lead.Brisk
	if !early {
		p.nudged = now
	}
	p.mu.Unlock()
	if early {
		return
	}
	for i, peer := range p.Peers {
		if peer.Role == cluster.Cosigner {
			p.nudge(i)
		}
	}
}

// Connected has one peer pinged now, or as soon as its last ping is over: its connection was made
// anew. A cosigner that starts waits for that.
func (p *Pinger) Connected(name string) {
	if i := slices.IndexFunc(p.Peers, func(peer Peer) bool { return peer.Name == name }); i >= 0 {
		p.nudge(i)
	}
}

func (p *Pinger) nudge(i int) {
	select {
	case p.nudges[i] <- struct{}{}:
	default: // one is pending
	}
}

// Run pings every peer at once and then each interval, or when it is nudged, until ctx ends. Each
// peer has a goroutine of its own, which waits for one ping's end before it begins the next.
func (p *Pinger) Run(ctx context.Context) {
	var running sync.WaitGroup
	for i := range p.Peers {
		running.Go(func() {
			tick := time.NewTicker(p.Interval)
			defer tick.Stop()
			for {
				p.ping(ctx, i)
				var soon <-chan time.Time
				if p.Peers[i].Role == cluster.Cosigner && p.Doubts() {
					soon = time.After(lead.Brisk)
				}
				select {
				case <-tick.C:
				case <-soon:
				case <-p.nudges[i]:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	running.Wait()
}

// ping pings one peer once.
func (p *Pinger) ping(ctx context.Context, i int) {
	start, peer := time.Now(), p.Peers[i]
	once, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	request := &cosignerv1.PingRequest{Health: p.Health(start), Reach: p.Reach(start)}
	witness := p.Memory != nil && peer.Role == cluster.Cosigner
	if witness {
		request.Statements = p.Memory.Shown()
	}
	hearsay := p.Hearsay != nil && peer.Role == cluster.Node
	if hearsay {
		request.Statements = p.Hearsay.ShownToAgents()
	}
	chain := p.Chain != nil && peer.Role == cluster.Node
	if chain {
		request.Chain = p.Chain.Facts(peer.Name)
	}
	answer, err := peer.Client.Ping(once, request)
	if ctx.Err() != nil {
		return // that we stop says nothing about the peer
	}
	now := time.Now()
	rtt := now.Sub(start)
	if err == nil && rtt > p.Timeout {
		err = context.DeadlineExceeded // this process was paused meanwhile
	}
	p.Observe(peer.Name, rtt, err)
	if peer.Role == cluster.Cosigner {
		defer func() { p.Heard(peer.Name, p.told(i, answer, err), now) }()
	}
	if err != nil {
		if p.lose(i) == lostInARow {
			p.Logger.Warn().Err(err).Str("peer", peer.Name).Msgf("%d pings in a row were not answered", lostInARow)
		}
		return
	}
	if p.answer(i, rtt, now) {
		p.Logger.Info().Str("peer", peer.Name).Msg("pings are answered again")
	}
	if witness {
		p.Memory.Heard(peer.Name, answer.GetStatements())
	}
	if hearsay {
		p.Hearsay.HeardAgent(peer.Name, answer.GetStatements())
	}
	if chain {
		p.Chain.Heard(peer.Name, answer.GetChain())
	}
	if peer.Role == cluster.Cosigner && p.Active != nil {
		p.Active(peer.Name, answer.GetRoles().GetActive(), now)
	}
	if peer.Role == cluster.Cosigner && p.Ordered != nil {
		p.Ordered(peer.Name, answer.GetRestart(), now)
	}
	if peer.Role == cluster.Cosigner && p.learn(answer.GetRoles()) {
		r := answer.GetRoles()
		p.Logger.Info().Str("active", r.GetActive()).Uint64("epoch", r.GetEpoch()).Stringer("mode", r.GetMode()).Msg("roles")
	}
}

// told is what a cosigner's ping, which was noted already, says of who leads.
func (p *Pinger) told(i int, answer *cosignerv1.PingResponse, err error) lead.Ping {
	p.mu.Lock()
	defer p.mu.Unlock()
	return lead.Ping{Lost: err != nil, RTT: p.tracks[i].median, Leader: answer.GetLeader(), Term: answer.GetTerm()}
}

// lose notes a lost ping and returns how many were lost in a row.
func (p *Pinger) lose(i int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.tracks[i]
	t.note(lost)
	t.row++
	return t.row
}

// answer notes an answer and reports whether it ends a silence that the log mentioned.
func (p *Pinger) answer(i int, rtt time.Duration, now time.Time) (again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.tracks[i]
	t.note(rtt)
	again = t.row >= lostInARow
	t.row, t.answered = 0, now
	return again
}

// learn keeps roles that are newer than those that it knows, and reports whether they were. A
// cosigner that lags tells old ones; one whose log has not begun tells none.
func (p *Pinger) learn(r *cosignerv1.Roles) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.GetActive() == "" || p.latest != nil && r.GetEpoch() <= p.latest.GetEpoch() {
		return false
	}
	p.latest = r
	return true
}

// Reach returns how each peer was reached lately, in the order of the peers.
func (p *Pinger) Reach(now time.Time) []*cosignerv1.Reach {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*cosignerv1.Reach, len(p.tracks))
	for i := range p.tracks {
		all[i] = p.tracks[i].reach(p.Peers[i].Name, now)
	}
	return all
}

// Roles returns the newest roles that a cosigner told, nil before the first. They must
// not be changed.
func (p *Pinger) Roles() *cosignerv1.Roles {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest
}

// lost stands in the place of a round-trip time.
const lost time.Duration = -1

// track is what is known of one peer.
type track struct {
	recent   [remembered]time.Duration // round-trip times or lost; the oldest is overwritten next
	pings    int                       // noted so far
	row      int                       // lost since the last answer
	median   time.Duration             // of the recent round-trip times, 0 if there are none
	losses   int                       // among the recent
	answered time.Time                 // last, zero if never
}

// note adds the result of one ping.
func (t *track) note(rtt time.Duration) {
	t.recent[t.pings%remembered] = rtt
	t.pings++
	times := slices.Sorted(slices.Values(t.recent[:min(t.pings, remembered)]))
	t.losses, _ = slices.BinarySearch(times, 0)
	t.median = median(times[t.losses:])
}

// median returns the middle of sorted times, 0 if there are none.
func median(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func (t *track) reach(name string, now time.Time) *cosignerv1.Reach {
	return &cosignerv1.Reach{Name: name, AnsweredAgoMs: wire.Ago(t.answered, now), RttUs: uint64(t.median.Microseconds()),
		Sent: uint32(min(t.pings, remembered)), Lost: uint32(t.losses)}
}
