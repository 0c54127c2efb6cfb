// Package world plays the whole product in virtual time: one validator's two nodes with their
// agents, three cosigners, a network with other validators, and all that can go wrong with them.
//
// The rules are the product's own: casper's messages, the watermark and the roles of machine.State,
// turn's decisions, failover's Judge, whom an agent asks (lead.Belief), where the lead had best be
// (seat), what an agent knows of its node and tells of it (failover.Node, wire), what a cosigner
// hears (ear), and what follows from what cosigners state of their memory (witness). Around them
// everything is a model: the Raft log, the shares, the disks, the links, the clocks, and zug's
// consensus. A seed fixes all of it, the faults and when they strike included, so that a run
// replays exactly. TestNoTwins sees to it that no constant of the product is written a second time
// here.
//
// A referee watches. It promises to notice: two values signed for one slot, or released by one
// cosigner; a slot that changes; copies of the log that disagree; a round, a block or a leader's
// round without our signature that should have had it; a slot or the active role that a hostile
// standby took from a main that is well; a change of roles while they are held, to a node that is
// not ready, or that does not come; a hold that does not come when a node tells of an equivocation,
// or comes again after an operator ended it; a claim of the passive node in fenced mode, or of an
// asker that gave up; a lead that is handed over too often, or while roles are held or about to
// change. It builds the signed bytes itself.
//
// Where a plan has it, one of our nodes is stock, or both are: casper-node as it is published,
// behind a gate (TestStock). Then the referee demands a message of ours in each era, and our
// signature of each block, for as long as a node is well.
//
// Left out are the order of messages between two members, which TCP keeps even when one of them is
// lost; upgrades and what agents tell of them, a node whose peers do not hear it (failover's
// NotConnected), a key file left behind, the nodes' TLS points, floors, members that meet for the
// first time, a leader that hands over because it cannot sign, a copy of a state that runs beside
// the original, a cosigner that keeps out of the log because its memory is lost, and frost's
// arithmetic. What cosigners state of their memory and tell each other of it, the states that they
// show with each call (presence, call), what stands against a founding (founding), and requests
// that are dated, are played where a plan has states undone: TestUndone.
package world

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/seat"
	"casper-cosigner/rule/turn"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
	"casper-cosigner/testnet/zug"
)

// The hosts: our two nodes, three validators of others, three cosigners.
const (
	mainHost     = 0
	standbyHost  = 1
	firstForeign = 2
	nodeCount    = 5
	ours         = 2 // nodes of our validator
	foreign      = 3
	cosigners    = 3
	threshold    = 2
	hosts        = nodeCount + cosigners
	ourValidator = 0 // index of our validator
)

var (
	names         = [ours]string{"main", "standby"}
	cosignerNames = [cosigners]string{"cosigner-1", "cosigner-2", "cosigner-3"}
)

// Rules are the parts of the product that a test may break. The zero value leaves all of
// them whole.
type Rules struct {
	Check  func(*machine.State, machine.Place, watermark.Claim) machine.Result
	Apply  func(*machine.State, machine.Place, machine.Command) machine.Result
	Decide func(*turn.Desk, turn.Facts, turn.Request, time.Time) turn.Decision
	Judge  func(*failover.Judge, failover.State, failover.Observation, time.Time) failover.Judgement

	Sit     func(*seat.Seat, seat.Look) seat.Decision
	Witness func(witness.Holding, witness.Members, []witness.Signed) witness.Verdict

	Restless bool // broken: the lead is handed over as often as another cosigner is nearer
	Hasty    bool // broken: a cosigner that was paused binds at once what piled up meanwhile
	Ledger   bool // broken: cosigners do not look into their ledgers
	Early    bool // broken: a leader has a message signed before its claim is committed
	Forgets  bool // broken: a cosigner that crashed comes back with an empty disk, as if nothing had been
	Vague    bool // broken: an agent that ends forgets what cosigners stated
	Ungated  bool // broken: a stock node sends what its gate refused
	OneWord  bool // broken: an agent restarts its node by one cosigner's word
	Aloof    bool // broken: cosigners tell what was stated only those whose states they take
	Trusting bool // broken: a cosigner takes whatever state another one shows
	Unheld   bool // broken: a cosigner takes a state whatever it stated itself
	Follows  bool // broken: a cosigner stores any first entry that a leader sends
}

// orderedBy returns how many cosigners must tell of a restart.
func (r Rules) orderedBy() int {
	if r.OneWord {
		return 1
	}
	return threshold
}

// Options say how a run is played.
type Options struct {
	Rules Rules
	Log   func(line string) // hears all lines of the history; may be nil
	Plan  *Plan             // instead of the one that the seed draws
	Sites *Sites            // in place of the plan's; may be nil

	Stock  bool // the seed draws a plan for a pair with a stock node
	Undone bool // the seed draws a plan of memory that is lost
	Faked  bool // the seed draws a plan of faults that are told and none
}

// Result is what came of a run.
type Result struct {
	Hash     uint64   // of the whole history
	Failures []string // what the referee saw; none in a sound run
	Last     []string // the newest lines of the history
	Stats    Stats
}

// World is one run.
type World struct {
	rules Rules
	plan  Plan
	rng   *rand.Rand // of the links and disks
	queue zug.Queue
	start time.Time
	now   time.Time

	chain     zug.Chain
	settings  failover.Settings
	nodes     [nodeCount]*validator
	agents    [ours]*agent
	cosigners [cosigners]*cosigner

	cut  [hosts][hosts]int // cuts of a link, one way
	loss float64           // share of messages lost
	dup  float64           // share of messages that come twice
	slow int               // links are so many times slower

	elect    election
	traps    []trap
	slips    []Fault
	tails    []tail
	holds    int             // that an operator wants, and has not ended
	suspends [ours]int       // the same of each node
	roles    failover.State  // of the copy of the log that is furthest
	rolesAt  int             // its index
	spoiled  [cosigners]bool // whose state or key is not what it was
	undone   [cosigners]bool // whose state is not
	lied     bool            // a compromised leader ordered restarts
	relapses [ours]int       // faults by which a node ends soon after each start
	boasts   []witness.Signed
	usurper  *cosigner // compromised, and leads what it founds anew; nil if none is
	ids      int       // drawn
	leaptAt  int       // entry of the log after which it went on by thousands, 0 if it did not
	members  witness.Members
	keys     [cosigners + 1]ed25519.PrivateKey // the last is a stranger's
	referee  *referee
	stats    Stats
	hash     hash64
	last     []string
	failures []string
	log      func(string)
}

// hash64 mixes the history into one number.
type hash64 uint64

func (h *hash64) add(b []byte) {
	f := fnv.New64a()
	f.Write(binary.LittleEndian.AppendUint64(nil, uint64(*h)))
	f.Write(b)
	*h = hash64(f.Sum64())
}

func (h *hash64) mix(n uint64) {
	x := uint64(*h) ^ n
	x *= 0x9e3779b97f4a7c15
	*h = hash64(x ^ x>>29)
}

// keptLines is how many lines of the history are kept for a failure's report.
const keptLines = 60

// Run plays one world to its end.
func Run(seed uint64, o Options) Result {
	w := newWorld(seed, o)
	w.play()
	return Result{Hash: uint64(w.hash), Failures: w.failures, Last: w.last, Stats: w.stats}
}

func newWorld(seed uint64, o Options) *World {
	draw := rand.New(rand.NewPCG(seed, 1))
	w := &World{rules: o.Rules, rng: rand.New(rand.NewPCG(seed, 2)), log: o.Log, slow: 1,
		start: time.UnixMilli(1_800_000_000_000)}
	w.now = w.start
	if o.Plan != nil {
		w.plan = *o.Plan
	} else if o.Stock {
		w.plan = drawStock(draw)
	} else if o.Undone {
		w.plan = drawUndone(draw)
	} else if o.Faked {
		w.plan = drawFaked(draw)
	} else {
		w.plan = drawPlan(draw)
	}
	if o.Sites != nil {
		w.plan.Sites = *o.Sites
	}
	w.fillRules()
	w.meet()
	w.chain = zug.Chain{Name: "world", Chainspec: casper.Hash{1}, Weights: []uint64{1, 1, 1, 1}, Seed: seed,
		Genesis: w.start.Add(settleIn - w.plan.Block), Block: w.plan.Block,
		Timeout:   w.plan.Block * 5 / 4, // as in Casper's main network: 10 s, and blocks of 8 s
		EraBlocks: w.plan.EraBlocks}
	w.settings = failover.Settings{Main: names[0], Nodes: names[:], Threshold: threshold, Round: w.plan.Block,
		PingInterval: w.plan.Ping, After: w.plan.After, FailbackAfter: w.plan.FailbackAfter,
		Failover: w.plan.Failover, Failback: w.plan.Failback, Stock: w.plan.Pair.names(), Passive: !w.plan.Pair.Hot,
		Era: w.plan.Block * time.Duration(w.plan.EraBlocks), Rearm: failover.Auto}
	w.referee = newReferee(w)
	for i := range w.cosigners {
		w.cosigners[i] = newCosigner(w, i)
	}
	for i := range w.agents {
		w.agents[i] = newAgent(w, i)
	}
	for i := range w.nodes {
		w.nodes[i] = newValidator(w, i, seed)
	}
	return w
}

// settleIn is how long after its start the world has its first block: the cosigners elect
// a leader first.
const settleIn = 5 * time.Second

// play runs the queue dry, up to the plan's end.
func (w *World) play() {
	for _, f := range w.plan.Faults {
		w.queue.At(w.start.Add(f.At), func() { w.strike(f) })
	}
	for _, c := range w.cosigners {
		c.begin()
	}
	for _, a := range w.agents {
		a.begin()
	}
	for _, v := range w.nodes {
		v.schedule()
	}
	if w.plan.Hostile {
		w.nodes[standbyHost].crash()
		w.after(w.plan.Flood, w.flood)
	}
	w.after(electEvery, w.election)
	w.after(sampleEvery, w.referee.tick)
	end := w.start.Add(w.plan.End)
	for {
		at, do, ok := w.queue.Next()
		if !ok || at.After(end) || len(w.failures) > 0 {
			break
		}
		w.now = at
		w.stats[Events]++
		w.hash.mix(uint64(at.UnixNano()))
		do()
	}
	if len(w.failures) == 0 {
		w.now = end
		w.stats[LostClaims] = w.lostTails()
		w.referee.end()
	}
}

func (w *World) fillRules() {
	if w.rules.Check == nil {
		w.rules.Check = (*machine.State).Check
	}
	if w.rules.Apply == nil {
		w.rules.Apply = (*machine.State).ApplyAt
	}
	if w.rules.Decide == nil {
		w.rules.Decide = (*turn.Desk).Decide
	}
	if w.rules.Judge == nil {
		w.rules.Judge = (*failover.Judge).Judge
	}
	if w.rules.Sit == nil {
		w.rules.Sit = (*seat.Seat).Judge
	}
	if w.rules.Witness == nil {
		w.rules.Witness = witness.Judge
	}
}

func (w *World) after(d time.Duration, do func()) { w.queue.At(w.now.Add(d), do) }

// note adds a line to the history.
func (w *World) note(format string, args ...any) {
	line := fmt.Sprintf("%9.3f ", w.now.Sub(w.start).Seconds()) + fmt.Sprintf(format, args...)
	w.hash.add([]byte(line))
	if len(w.last) >= 2*keptLines {
		w.last = append(w.last[:0], w.last[keptLines:]...)
	}
	w.last = append(w.last, line)
	if w.log != nil {
		w.log(line)
	}
}

// fail notes that the referee saw something that must not be.
func (w *World) fail(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	w.note("FAILED: %s", line)
	w.failures = append(w.failures, line)
}
