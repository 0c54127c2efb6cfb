package world

import (
	"bytes"
	"slices"
	"time"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/pulse"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/turn"
	"casper-cosigner/rule/witness"
)

// cosigner is one cosigner's process and its disk.
type cosigner struct {
	process
	id     int
	offset time.Duration // of its wall clock

	// On disk.
	term   uint64
	log    []entry
	synced int // entries that are past fsync; the others may be lost in a crash
	ledger map[slotKey]casper.Hash
	given  []witness.ID // the link at each record of the ledger, also of slots that it forgot since

	// In memory.
	state    *machine.State
	commit   int
	applied  int
	filled   bool // it has seen a leader's commit index and has applied as much
	leader   int  // who leads, as far as it knows; -1: nobody
	leaderAt time.Time
	heard    [cosigners]time.Time // last word of each other cosigner
	writes   map[slotKey]*write   // to the ledger, not past fsync
	leads    bool
	ready    bool // an entry of its own term is applied
	next     [cosigners]int
	match    [cosigners]int
	asking   map[int]func(machine.Result) // what to do when an entry of ours is applied
	waiting  []*request
	flights  map[casper.Hash]*flight
	kept     map[casper.Hash]bool     // finished signatures
	usual    [cosigners]time.Duration // that each other cosigner's shares take
	desk     turn.Desk
	steadyAt time.Time // since a pause
	watch    monitor
	moved    turn.Moved
	reread   bool   // its state goes through a snapshot once
	disk     Kind   // what is wrong with it: SlowDisk, HungDisk or DiskError; empty: nothing
	record   record // on disk
	memory   memory
}

// entry is one entry of the log.
type entry struct {
	term    uint64
	command machine.Command // nil: what a new leader begins with
}

// write is a ledger record on its way to the disk, and who waits for it.
type write struct {
	digest casper.Hash
	then   []func()
}

func newCosigner(w *World, id int) *cosigner {
	c := &cosigner{process: process{w: w, name: cosignerNames[id],
		host: nodeCount + id, up: true}, id: id, ledger: map[slotKey]casper.Hash{}}
	c.forget()
	return c
}

// forget empties what is in memory.
func (c *cosigner) forget() {
	c.state, c.commit, c.applied, c.filled = machine.New(), 0, 0, false
	c.leader, c.leads, c.ready = -1, false, false
	c.heard, c.writes = [cosigners]time.Time{}, map[slotKey]*write{}
	c.kept, c.usual = map[casper.Hash]bool{}, [cosigners]time.Duration{}
	c.desk = turn.NewDesk(c.w.plan.Block*time.Duration(c.w.plan.EraBlocks), c.w.plan.Block, c.w.plan.Grace)
	c.desk.Preference.Passive, c.desk.Preference.Stock = c.w.plan.Pair.passive(), c.w.plan.Pair.names()
	c.watch = newMonitor(c.w.settings, c.w.seatSettings(c.id))
	c.yield()
}

// yield drops what a leader had in hand. Whoever waits gives up by himself.
func (c *cosigner) yield() {
	c.leads, c.ready = false, false
	c.asking, c.flights = map[int]func(machine.Result){}, map[casper.Hash]*flight{}
	waiting := c.waiting
	c.waiting = nil
	for _, r := range waiting {
		c.answer(r, outcome{unavailable: true})
	}
}

func (c *cosigner) begin() {
	c.wake()
	c.watch.ear.Awake(c.w.now)
	c.after(time.Duration(c.w.rng.Int64N(int64(c.w.plan.Ping))), c.look)
	if c.w.plan.Witnessed {
		c.after(time.Duration(c.w.rng.Int64N(int64(c.w.plan.Ping))), c.tell)
	}
	c.after(heartbeat, c.beat)
}

// crash kills the process, or the power. Of what was not past fsync, any part may be on the disk
// afterwards, but in the order in which it was written.
func (c *cosigner) crash() {
	if !c.up {
		return
	}
	c.w.note("%s crashes, %d entries of %d not synced", c.name, len(c.log)-c.synced, len(c.log))
	c.w.stats[Crashes]++
	keep := c.synced + c.w.rng.IntN(len(c.log)-c.synced+1)
	c.w.tails = append(c.w.tails, c.tails(keep)...)
	c.log, c.synced = slices.Clone(c.log[:keep]), keep
	for _, key := range sortedKeys(c.writes) {
		if c.w.rng.IntN(2) == 0 {
			c.bind(key, c.writes[key].digest)
		}
	}
	if c.w.rules.Forgets {
		c.log, c.synced, c.ledger, c.given = nil, 0, map[slotKey]casper.Hash{}, nil
	}
	c.kill()
	c.waiting = nil // their askers see the connection break, or their patience end
	c.forget()
}

// tail is a claim that a leader's crash cut off its log. Others may still get it, or have it.
type tail struct {
	index int
	term  uint64
}

// tails returns the claims that a crash cuts off a leader's log, but for the first entries.
func (c *cosigner) tails(keep int) (cut []tail) {
	for i, e := range c.log[keep:] {
		if _, ok := e.command.(machine.Claim); ok && c.leads {
			cut = append(cut, tail{index: keep + i + 1, term: e.term})
		}
	}
	return cut
}

// lostTails counts the claims that were cut off a leader's log, and that no log holds at the end.
func (w *World) lostTails() (n int) {
	for _, t := range w.tails {
		if !slices.ContainsFunc(w.cosigners[:], func(c *cosigner) bool {
			return t.index <= len(c.log) && c.log[t.index-1].term == t.term
		}) {
			n++
		}
	}
	return n
}

func (c *cosigner) restart() {
	if c.up {
		return
	}
	c.w.note("%s starts", c.name)
	c.start()
	c.reread = c.w.rng.IntN(2) == 0
	c.begin()
}

// resume continues a stopped process; for a moment it takes up nothing new, since its askers
// may have given up.
func (c *cosigner) resume() {
	if c.paused && !c.w.rules.Hasty {
		c.steadyAt = c.w.now.Add(pulse.Settle)
	}
	c.cont()
}

// steady reports whether the process was not just paused.
func (c *cosigner) steady() bool { return !c.w.now.Before(c.steadyAt) }

// wall is what the cosigner's clock shows.
func (c *cosigner) wall() time.Time { return c.w.now.Add(c.offset) }

// watchdog is how long a write may take before the process ends itself.
const watchdog = time.Second

// flush calls then once a write has reached the disk. If it fails, or takes too long, the process
// ends: whether it was stored is not known.
func (c *cosigner) flush(then func()) {
	d := 200*time.Microsecond + time.Duration(c.w.rng.Int64N(int64(2*time.Millisecond)))
	switch c.disk {
	case SlowDisk:
		d *= 40
	case HungDisk:
		d, then = watchdog, func() { c.w.killCosigner(c, again) }
	case DiskError:
		then = func() { c.w.killCosigner(c, again) }
	}
	c.after(d, then)
}

// apply carries out what is committed.
func (c *cosigner) apply(commit int) {
	c.commit = max(c.commit, commit)
	for c.up && c.applied < c.commit {
		e := c.log[c.applied]
		c.applied++
		var result machine.Result
		if e.command != nil {
			before := c.state.Roles()
			result = c.execute(e.command)
			c.w.referee.applied(c, e.command, before, result)
			c.fill(e.command, result)
		}
		if c.leads && e.term == c.term {
			c.ready = true
		}
		if then := c.asking[c.applied]; then != nil {
			delete(c.asking, c.applied)
			then(result)
		}
	}
	c.lookAgain()
}

// execute applies a command, and notes when a mark moved: as it sees it, or in catching up as the
// entry is dated.
func (c *cosigner) execute(command machine.Command) machine.Result {
	era, height := c.state.Advances()
	result := c.w.rules.Apply(c.state, c.place(c.applied), command)
	newEra, newHeight := c.state.Advances()
	readBack := !c.filled && !c.leads
	if newEra != era {
		c.moved.Era = newEra.SeenAt(c.w.now, c.wall(), readBack)
	}
	if newHeight != height {
		c.moved.Height = newHeight.SeenAt(c.w.now, c.wall(), readBack)
	}
	return result
}

// place is where an entry of the log stands.
func (c *cosigner) place(index int) machine.Place {
	p := machine.Place{Index: c.w.index(index), Version: machine.Oldest}
	if c.w.plan.dated() {
		p.Version = machine.Version
	}
	return p
}

// fill adds what a claim bound to the ledger, if it is not there: until a started cosigner has
// caught up with the log. After that its own shares do.
func (c *cosigner) fill(command machine.Command, result machine.Result) {
	claim, ok := command.(machine.Claim)
	if !ok || result.Outcome != machine.Done {
		return
	}
	key, digest := c.w.referee.digest(claim.Message)
	if have, ok := c.ledger[key]; ok && have != digest && !c.w.undone[c.id] {
		c.w.fail("the ledger of %s holds another value than the log for %s", c.name, describe(claim.Message))
	} else if !ok && !c.filled {
		c.bind(key, digest)
	}
}

// bind has the ledger hold what is past fsync.
func (c *cosigner) bind(key slotKey, digest casper.Hash) {
	c.ledger[key] = digest
	last, _ := c.linkAt(c.written())
	sum := blake2b.Sum256(append(last[:], digest[:]...))
	c.given = append(slices.Clip(c.given), witness.ID(sum[:16])) // a copy of the ledger goes on by itself
}

// written is how many records the ledger was given, its header among them.
func (c *cosigner) written() uint64 { return uint64(len(c.given)) + 1 }

// linkAt returns the link at a record. That at the header says nothing.
func (c *cosigner) linkAt(record uint64) (witness.ID, bool) {
	if record < 2 || record > c.written() {
		return witness.ID{}, record == 1
	}
	return c.given[record-2], true
}

// snapshot takes the state through its written form.
func (c *cosigner) snapshot() {
	var text bytes.Buffer
	if _, err := c.state.WriteTo(&text); err != nil {
		c.w.fail("writing the snapshot of %s: %v", c.name, err)
		return
	}
	state, err := machine.ReadState(&text)
	if err != nil {
		c.w.fail("reading the snapshot of %s: %v", c.name, err)
		return
	}
	c.state = state
}
