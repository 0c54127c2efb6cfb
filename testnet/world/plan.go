package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"casper-cosigner/rule/failover"
)

// Plan is how a world is set and what goes wrong in it.
type Plan struct {
	Block         time.Duration
	EraBlocks     uint64
	Ping          time.Duration
	After         time.Duration
	FailbackAfter time.Duration
	Grace         time.Duration
	Failover      failover.Policy
	Failback      failover.Policy
	Sites         Sites
	Steady, Rest  time.Duration // of the lead; zero: as the product has them
	Pair          pair
	Hostile       bool          // the standby floods
	Flood         time.Duration // from then on
	Faults        []Fault
	Witnessed     bool          // cosigners state what they remember, and are held to it
	Witness       int           // the agent that can be relied on then
	Wait          time.Duration // how long a cosigner that starts waits for agents
	End           time.Duration // how long the world is played
}

func (p *Plan) pingTimeout() time.Duration { return p.Ping / 2 }

func (p *Plan) hostile(node int) bool { return p.Hostile && node == standbyHost }

// has reports whether the plan has a fault of one of these kinds.
func (p *Plan) has(kinds ...Kind) bool {
	return slices.ContainsFunc(p.Faults, func(f Fault) bool { return slices.Contains(kinds, f.Kind) })
}

// Kind is what goes wrong, or what an operator does.
type Kind string

// The kinds. Of a node's host, the node and the agent may fail apart.
const (
	KillNode      Kind = "kill node" // foreign ones among them
	KillAnswered  Kind = "kill node between a signature and its sending"
	Relapse       Kind = "end a node soon after each of its starts"
	KillAgent     Kind = "kill agent"
	KillHost      Kind = "kill host"
	KillCosigner  Kind = "kill cosigner"
	KillLeader    Kind = "kill leader"
	Trap          Kind = "kill leader at a step of a claim"
	PauseNode     Kind = "pause node"
	PauseAgent    Kind = "pause agent"
	PauseHost     Kind = "pause host" // with a request in flight, at times
	PauseCosigner Kind = "pause cosigner"
	PauseLeader   Kind = "pause leader"
	Elect         Kind = "elections"
	SlowDisk      Kind = "slow disk"
	HungDisk      Kind = "hung disk"
	DiskError     Kind = "disk error"
	CutPeers      Kind = "cut a node off from its peers"
	CutCosigners  Kind = "cut a node off from the cosigners"
	CutHost       Kind = "cut a host off"
	CutOneWay     Kind = "cut a link one way"
	CutAgents     Kind = "cut the agents off from each other"
	Lossy         Kind = "lose messages"
	Twice         Kind = "double messages"
	Slow          Kind = "slow links"
	Clock         Kind = "clock jump"
	SetMode       Kind = "mode"
	Promote       Kind = "promote"
	Hold          Kind = "hold"
	Suspend       Kind = "suspend"
	Evidence      Kind = "a node tells of an equivocation, until an operator looked into it"
	Faked         Kind = "a peer has a node take our validator for faulty"
	Unread        Kind = "a node tells of an equivocation, and cannot show it"
	SlipFence     Kind = "fence just before a standby's claim"
	SlipSuspend   Kind = "suspend just before a standby's claim"
	SlipHold      Kind = "hold just before an automatic change"

	Undo     Kind = "put states back"
	UndoTail Kind = "put states back that were copied while a log ended in entries that nobody committed"
	Remake   Kind = "make states anew"
	Usurp    Kind = "make all states anew, and have a compromised cosigner found the cluster"
	Strand   Kind = "put all states back, and cut all but one off from the agent that knows"
	Boast    Kind = "show statements that nobody made"
	Hoard    Kind = "a cosigner keeps requests, and passes them on thousands of entries later"
)

// Fault is one thing that happens.
type Fault struct {
	Kind  Kind
	At    time.Duration // since the start
	For   time.Duration // how long it lasts; what waits for its moment waits as long
	Host  int           // node or host that it is about; for a cosigner, its number
	To    int           // other end of a link
	Keep  bool          // a node keeps its log; a trap: the active node dies with the leader
	All   bool          // a trap: all cosigners die with the leader, as in a power cut
	Step  Step
	Count int           // of a trap: at which claim it closes; of states: how many
	Share float64       // of messages
	Jump  time.Duration // of a clock; how old a state is that is put back
	Mode  failover.Mode
}

func (f Fault) String() string {
	return fmt.Sprintf("%s host=%d to=%d for=%v keep=%v all=%v step=%s count=%d share=%.2f jump=%v mode=%v",
		f.Kind, f.Host, f.To, f.For, f.Keep, f.All, f.Step, f.Count, f.Share, f.Jump, f.Mode)
}

// kinds are drawn from alike, so that one which stands here twice is twice as likely.
var kinds = []Kind{KillNode, KillNode, KillNode, KillNode, KillAnswered, KillAnswered, KillAgent, KillHost, KillHost,
	KillCosigner, KillLeader, Trap, Trap, Trap, Trap, Trap, Trap,
	PauseNode, PauseNode, PauseAgent, PauseHost, PauseCosigner, PauseLeader, Elect, SlowDisk, HungDisk, DiskError,
	CutPeers, CutPeers, CutCosigners,
	CutHost, CutOneWay, CutAgents, Lossy, Twice, Slow, Clock, SetMode, SetMode, SetMode, Promote, Promote, Hold, Suspend,
	Evidence, Evidence, SlipFence, SlipSuspend, SlipHold}

// drawPlan draws a plan. Faults end in time for the world to come to rest.
func drawPlan(r *rand.Rand) Plan {
	p := Plan{Block: pick(r, 2*time.Second, 2*time.Second, 4*time.Second), Grace: 100 * time.Millisecond,
		EraBlocks: 6 + r.Uint64N(12), Failover: failover.Auto, Failback: failover.Auto}
	p.Ping = pick(r, 500*time.Millisecond, time.Second)
	p.After = p.Ping * time.Duration(3+r.IntN(6))
	p.FailbackAfter = p.After + time.Duration(r.Int64N(int64(3*p.Block)))
	switch r.IntN(12) {
	case 0:
		p.Failover = failover.Confirm
	case 1:
		p.Failover = failover.Manual
	case 2:
		p.Failback = failover.Manual
	}
	rounds := time.Duration(14 + r.IntN(7))
	p.End = settleIn + rounds*p.Block + 14*time.Second
	last := settleIn + rounds*p.Block/2
	for range r.IntN(9) {
		p.Faults = append(p.Faults, drawFault(r, &p, last))
	}
	p.Hostile, p.Flood = r.IntN(10) == 0, settleIn+time.Duration(r.Int64N(int64(6*p.Block)))
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	if r.IntN(5) == 0 { // a world is too short for a minute
		p.Sites, p.Steady, p.Rest = *Evenly(50 * time.Millisecond), 4*time.Second, 20*time.Second
	}
	return p
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func drawFault(r *rand.Rand, p *Plan, last time.Duration) Fault {
	f := Fault{Kind: pick(r, kinds...), At: settleIn + time.Duration(r.Int64N(int64(last-settleIn))), Keep: r.IntN(2) == 0}
	f.For = min(p.Block/4+time.Duration(r.Int64N(int64(6*p.Block))), last-f.At+p.Block)
	f.Host = r.IntN(ours)
	switch f.Kind {
	case KillNode, PauseNode:
		if r.IntN(4) == 0 {
			f.Host = firstForeign + r.IntN(foreign)
		}
	case KillCosigner, PauseCosigner, SlowDisk, HungDisk, DiskError, Clock:
		f.Host = r.IntN(cosigners)
	case CutHost:
		f.Host = r.IntN(hosts)
	case CutOneWay:
		f.Host, f.To = r.IntN(hosts), r.IntN(hosts)
	}
	switch f.Kind {
	case Trap:
		f.Step, f.Count = pick(r, steps...), 1+r.IntN(6)
		f.All = r.IntN(3) == 0
	case Lossy, Twice:
		f.Share = 0.05 + r.Float64()/4
	case Clock:
		f.Jump = pick(r, -time.Hour, -time.Minute, time.Minute, time.Hour)
	case SetMode:
		f.Mode = pick(r, failover.Hot, failover.Fenced, failover.Fenced)
	}
	return f
}
