package machine

import (
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/custody"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/tlspoint"
	"casper-cosigner/rule/watermark"
)

// Outcome is what became of a command.
type Outcome uint8

// The outcomes.
const (
	Done    Outcome = iota + 1 // carried out; for a claim: the slot was free and is bound now
	Held                       // claim: the slot holds a message already, be it another or the same
	Refused                    // nothing was changed, and Result.Why says why
)

// String returns the outcome in a word.
func (o Outcome) String() string {
	switch o {
	case Done:
		return "done"
	case Held:
		return "held"
	case Refused:
		return "refused"
	}
	return "unknown outcome"
}

// Result is what a command did.
type Result struct {
	Outcome Outcome
	Why     refusal.Reason  // of Refused
	Held    watermark.Claim // what the slot holds after a claim that is Done or Held
	Epoch   uint64          // that holds after a change of roles, made or refused
}

func refused(why refusal.Reason) Result { return Result{Outcome: Refused, Why: why} }

// Advance is the last entry that moved a mark.
type Advance struct {
	At   int64 // leader's wall clock, Unix milliseconds
	Left int64 // what its token bucket held afterwards, thousandths
}

// SeenAt tells when the advance happened, on the clock of now, where wall is what this host's wall
// clock shows then. One that is applied as it comes happens now. Of one that was only read back,
// nothing but its leader's clock is known; were that in the future, the token bucket would stand
// still until then.
func (a Advance) SeenAt(now, wall time.Time, readBack bool) time.Time {
	if age := wall.Sub(time.UnixMilli(a.At)); readBack && age > 0 {
		return now.Add(-age)
	}
	return now
}

// State is what the log amounts to so far. New makes one. It is not safe for concurrent use;
// raftstore guards it.
type State struct {
	version uint32           // highest of an entry applied, Oldest at first
	table   *watermark.Table // nil until Genesis
	roles   failover.State
	points  tlspoint.Registry
	eras    Advance
	heights Advance
	reset   watermark.Reset // the last one
	founded watermark.Mark  // by Genesis; zero if that was written before it was kept
	marks   []MarkChange    // the last ones
	leases  custody.Leases  // of the key, by node
}

// New returns the state of an empty log.
func New() *State { return &State{version: Oldest} }

// Version returns the version in force: the highest that an applied entry was written for. Entries
// of an earlier one are refused from then on.
func (s *State) Version() uint32 { return s.version }

// Started reports whether Genesis was applied. Until then every other command is refused
// as NotStarted.
func (s *State) Started() bool { return s.table != nil }

// Table returns the slot table, nil until Started. Callers only read it.
func (s *State) Table() *watermark.Table { return s.table }

// Roles returns the mode and the roles.
func (s *State) Roles() failover.State { return s.roles }

// HasPoint reports whether the TLS point is registered for the node.
func (s *State) HasPoint(node string, point casper.TLSPoint) bool { return s.points.Has(node, point) }

// Advances returns the last entries that moved the era and the height; Genesis counts as one.
func (s *State) Advances() (era, height Advance) { return s.eras, s.heights }

// Bound returns how far slots are bound: the newest era with its newest round, and the newest
// height; zero until Started.
func (s *State) Bound() (p failover.Place) {
	if !s.Started() {
		return p
	}
	newest := s.table.Newest()
	p.Round, _ = s.table.NewestRound()
	p.Era, p.Height = newest.Era, newest.Height
	return p
}

// Founded returns the first era and height of Genesis; zero if not Started, or if Genesis was
// written in an earlier version than keeps it.
func (s *State) Founded() watermark.Mark { return s.founded }

// Remembers returns Bound, and zero while nothing was ever bound and no height reset: then no other
// log need hold what this one does. One that holds nothing and has moved on from where it was
// founded was emptied.
func (s *State) Remembers() (p failover.Place) {
	unmoved := s.founded == watermark.Mark{} || s.Started() && s.table.Pruned() == s.founded
	if !s.Started() || s.table.Len() == 0 && s.reset.Count == 0 && unmoved {
		return p
	}
	return s.Bound()
}

// Clone returns a copy for reading; it is cheap enough to be taken between two commands.
func (s *State) Clone() *State {
	c := *s
	if s.table != nil {
		c.table = s.table.Clone()
	}
	c.roles.Suspended, c.roles.History = slices.Clone(s.roles.Suspended), slices.Clone(s.roles.History)
	c.points, c.leases = s.points.Clone(), s.leases.Clone()
	return &c
}

// Apply carries out one command in the version in force, wherever it stands.
func (s *State) Apply(c Command) Result { return s.ApplyAt(Place{Version: s.version}, c) }

// ApplyAt carries out the command of one entry. One of an earlier version than was applied before
// is refused, whatever it says: who proposed it did not know yet by which rules it would be judged.
func (s *State) ApplyAt(p Place, c Command) Result {
	if p.Version < s.version {
		return refused(refusal.OldVersion)
	}
	s.version = p.Version
	if g, ok := c.(Genesis); ok {
		return s.genesis(g)
	}
	if !s.Started() {
		return refused(refusal.NotStarted)
	}
	switch c := c.(type) {
	case Claim:
		return s.claim(p, c)
	case Activate:
		return s.changed(s.roles.Activate(c.Node, c.Change))
	case SetMode:
		return s.changed(s.roles.SetMode(c.Mode, c.Change))
	case Suspend:
		return s.changed(s.roles.Suspend(c.Node, c.Suspended, c.Change))
	case Hold:
		return s.changed(s.roles.Hold(c.Until, c.Change))
	case Restart:
		return s.restart(c)
	case Register:
		return registered(s.points.Register(c.Node, c.Point, c.At))
	case SetFloor:
		if !s.table.SetFloor(c.Floor) {
			return refused(refusal.BelowPruned)
		}
		return s.changedMarks(floorChange(c))
	case ResetHeights:
		return s.resetHeights(p, c)
	case SetInstance:
		return s.setInstance(c)
	case Start:
		return s.start(p, c)
	}
	return refused(refusal.UnknownCommand) // Command is sealed, so there is none
}

// genesis starts the table at First: what is below was, or may have been, signed by a process that
// held the whole key.
func (s *State) genesis(g Genesis) Result {
	if s.Started() {
		return refused(refusal.AlreadyStarted)
	}
	s.table = watermark.New(g.First)
	if s.version >= withResets {
		s.founded = g.First
	}
	s.roles = failover.State{Mode: failover.Hot, Active: g.Active, Since: g.At, Reason: "genesis"}
	s.eras = Advance{At: g.At, Left: watermark.EraBucket(0).Burst}
	s.heights = Advance{At: g.At, Left: watermark.HeightBucket(0).Burst}
	return Result{Outcome: Done}
}

func (s *State) claim(p Place, c Claim) Result {
	if r := s.Check(p, c.Claim); r.Outcome != Done {
		return r
	}
	before := s.table.Newest()
	held, outcome, why := s.table.Claim(c.Claim)
	if now := s.table.Newest(); now.Era > before.Era {
		s.eras = Advance{At: c.At, Left: c.TokensLeft}
	} else if now.Height > before.Height {
		s.heights = Advance{At: c.At, Left: c.TokensLeft}
	}
	return claimed(held, outcome, why)
}

// Check returns what applying the claim in that place would, and changes nothing.
func (s *State) Check(p Place, c watermark.Claim) Result {
	if !s.Started() {
		return refused(refusal.NotStarted)
	}
	held, outcome, why := s.table.Check(c)
	// A copy of the release before has room for no more.
	if slot, _ := casper.SlotOf(c.Message); outcome == watermark.Claimed && s.version < withResets &&
		slot.Round >= watermark.MaxRounds {
		outcome, why = watermark.Refused, refusal.RoundTooHigh
	}
	// What is held comes before every question of rights: it is to be finished whoever asks.
	if outcome != watermark.Held {
		if s.roles.IsSuspended(c.Node) {
			return refused(refusal.Suspended)
		}
		if !c.Message.Kind().OfHeight() && s.roles.Mode == failover.Fenced && s.roles.Active != c.Node {
			return refused(refusal.NotActive)
		}
	}
	// Nor does its age matter then: a claim that lost its leader is finished by the next one.
	if outcome == watermark.Claimed && p.Stale(c.AskedAt) {
		return refused(refusal.Stale)
	}
	return claimed(held, outcome, why)
}

// CheckRegistration returns what applying the registration now would, and changes nothing.
func (s *State) CheckRegistration(r Register) Result {
	if !s.Started() {
		return refused(refusal.NotStarted)
	}
	return registered(s.points.Check(r.Node, r.Point, r.At))
}

// restart bounds the orders, whoever leads.
func (s *State) restart(r Restart) Result {
	if s.version < withResets { // Decode reads none
		return refused(refusal.UnknownCommand)
	}
	if !s.roles.MayRestart(r.Node, r.Era) {
		return refused(refusal.RestartSpent)
	}
	return s.changed(s.roles.Restart(r.Node, r.Era, r.Change))
}

func (s *State) changed(ok bool) Result {
	if !ok {
		return Result{Outcome: Refused, Why: refusal.EpochMoved, Epoch: s.roles.Epoch}
	}
	return Result{Outcome: Done, Epoch: s.roles.Epoch}
}

// claimed is the result of what the table said to a claim.
func claimed(held watermark.Claim, outcome watermark.Outcome, why refusal.Reason) Result {
	switch outcome {
	case watermark.Claimed:
		return Result{Outcome: Done, Held: held}
	case watermark.Held:
		return Result{Outcome: Held, Held: held}
	}
	return refused(why)
}

// registered is the result of what the registry said to a TLS point.
func registered(why refusal.Reason) Result {
	if why != refusal.None {
		return refused(why)
	}
	return Result{Outcome: Done}
}
