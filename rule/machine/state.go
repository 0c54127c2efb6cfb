package machine

import (
	"slices"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/handshake"
	"casper-cosigner/rule/watermark"
)

// Outcome is what became of a command.
type Outcome uint8

// The outcomes.
const (
	Done          Outcome = iota + 1 // carried out; for a claim: the slot was free and is bound now
	Held                             // claim: the slot holds a message already, be it another or the same
	BelowFloor                       // claim: below the floor; floor: below what is pruned
	RoundTooHigh                     // claim: see watermark.MaxRounds
	OtherInstance                    // claim: the node speaks for another instance or index in this era
	NotActive                        // claim: fenced mode, and another node is active
	Suspended                        // claim: the node is suspended
	EpochMoved                       // role change: another one came first
	PointTaken                       // registration: another node has the point
	TooSoon                          // registration: the node changed its points less than a minute ago
	NotStarted                       // anything before Genesis, or a second Genesis
)

// String returns the outcome in words.
func (o Outcome) String() string {
	names := [...]string{"", "done", "held", "below the floor", "round too high", "other instance in use", "not active",
		"suspended", "epoch moved", "TLS point taken", "too soon", "not started"}
	if int(o) < len(names) && o > 0 {
		return names[o]
	}
	return "unknown outcome"
}

// Result is what a command did. Held is the claim that the slot holds after Done or Held; Epoch is the one that holds
// after a role change.
type Result struct {
	Outcome Outcome
	Held    watermark.Claim
	Epoch   uint64
}

// Advance is the last entry that moved a mark.
type Advance struct {
	At   int64 // leader's wall clock, Unix milliseconds
	Left int64 // what its token bucket held afterwards, thousandths
}

// State is what the log amounts to so far. New makes one. It is not safe for concurrent use; raftstore guards it.
type State struct {
	table   *watermark.Table // nil until Genesis
	roles   failover.State
	points  handshake.Points
	eras    Advance
	heights Advance
}

// New returns the state of an empty log.
func New() *State { return &State{} }

// Started reports whether Genesis was applied. Until then every other command is answered NotStarted.
func (s *State) Started() bool { return s.table != nil }

// Table returns the slot table, nil until Started. Callers only read it.
func (s *State) Table() *watermark.Table { return s.table }

// Roles returns the mode and the roles.
func (s *State) Roles() failover.State { return s.roles }

// HasPoint reports whether the TLS point is registered for the node.
func (s *State) HasPoint(node string, point casper.TLSPoint) bool { return s.points.Has(node, point) }

// Advances returns the last entries that moved the era and the height; Genesis counts as one.
func (s *State) Advances() (era, height Advance) { return s.eras, s.heights }

// Bound returns how far slots are bound: the newest era with its newest round, and the newest height; zero until Started.
func (s *State) Bound() (p failover.Place) {
	if !s.Started() {
		return p
	}
	newest := s.table.Newest()
	p.Round, _ = s.table.NewestRound()
	p.Era, p.Height = newest.Era, newest.Height
	return p
}

// Clone returns a copy for reading; it is cheap enough to be taken between two commands.
func (s *State) Clone() *State {
	c := *s
	if s.table != nil {
		c.table = s.table.Clone()
	}
	c.roles.Suspended, c.roles.History = slices.Clone(s.roles.Suspended), slices.Clone(s.roles.History)
	c.points = s.points.Clone()
	return &c
}

// Apply carries out one command.
func (s *State) Apply(c Command) Result {
	if g, ok := c.(Genesis); ok {
		return s.genesis(g)
	}
	if !s.Started() {
		return Result{Outcome: NotStarted}
	}
	switch c := c.(type) {
	case Claim:
		return s.claim(c)
	case Activate:
		return s.changed(s.roles.Activate(c.Node, failover.Change{Epoch: c.Epoch, Cause: c.Cause, Reason: c.Reason, At: c.At}))
	case SetMode:
		return s.changed(s.roles.SetMode(c.Mode, failover.Change{Epoch: c.Epoch, Cause: c.Cause, Reason: c.Reason, At: c.At}))
	case Suspend:
		return s.changed(s.roles.Suspend(c.Node, c.Suspended, failover.Change{Epoch: c.Epoch, Cause: c.Cause, Reason: c.Reason, At: c.At}))
	case Hold:
		return s.changed(s.roles.Hold(c.Until, failover.Change{Epoch: c.Epoch, Cause: c.Cause, Reason: c.Reason, At: c.At}))
	case Register:
		return Result{Outcome: pointOutcome(s.points.Register(c.Node, c.Point, c.At))}
	case SetFloor:
		if !s.table.SetFloor(c.Floor) {
			return Result{Outcome: BelowFloor}
		}
		return Result{Outcome: Done}
	}
	return Result{Outcome: NotStarted} // unreachable: Command is sealed
}

// genesis starts the table at First: what is below was, or may have been, signed by a process that held the whole key.
func (s *State) genesis(g Genesis) Result {
	if s.Started() {
		return Result{Outcome: NotStarted}
	}
	s.table = watermark.New(g.First)
	s.roles = failover.State{Mode: failover.Hot, Active: g.Active, Since: g.At, Reason: "genesis"}
	s.eras = Advance{At: g.At, Left: watermark.EraBucket(0).Burst}
	s.heights = Advance{At: g.At, Left: watermark.HeightBucket(0).Burst}
	return Result{Outcome: Done}
}

func (s *State) claim(c Claim) Result {
	if r := s.Check(c.Claim); r.Outcome != Done {
		return r
	}
	before := s.table.Newest()
	held, outcome := s.table.Claim(c.Claim)
	if now := s.table.Newest(); now.Era > before.Era {
		s.eras = Advance{At: c.At, Left: c.TokensLeft}
	} else if now.Height > before.Height {
		s.heights = Advance{At: c.At, Left: c.TokensLeft}
	}
	return Result{Outcome: claimOutcome(outcome), Held: held}
}

// Check returns what applying the claim now would, and changes nothing.
func (s *State) Check(c watermark.Claim) Result {
	if !s.Started() {
		return Result{Outcome: NotStarted}
	}
	held, outcome := s.table.Check(c)
	// What is held comes before every question of rights: it is to be finished whoever asks.
	if outcome != watermark.Held {
		if s.roles.IsSuspended(c.Node) {
			return Result{Outcome: Suspended}
		}
		if c.Message.Kind() != casper.KindFinality && s.roles.Mode == failover.Fenced && s.roles.Active != c.Node {
			return Result{Outcome: NotActive}
		}
	}
	return Result{Outcome: claimOutcome(outcome), Held: held}
}

// CheckRegistration returns what applying the registration now would, and changes nothing.
func (s *State) CheckRegistration(r Register) Result {
	if !s.Started() {
		return Result{Outcome: NotStarted}
	}
	return Result{Outcome: pointOutcome(s.points.Check(r.Node, r.Point, r.At))}
}

func (s *State) changed(ok bool) Result {
	if !ok {
		return Result{Outcome: EpochMoved, Epoch: s.roles.Epoch}
	}
	return Result{Outcome: Done, Epoch: s.roles.Epoch}
}

func claimOutcome(o watermark.Outcome) Outcome {
	switch o {
	case watermark.Claimed:
		return Done
	case watermark.Held:
		return Held
	case watermark.RoundTooHigh:
		return RoundTooHigh
	case watermark.OtherInstance:
		return OtherInstance
	}
	return BelowFloor
}

func pointOutcome(o handshake.Outcome) Outcome {
	switch o {
	case handshake.Registered:
		return Done
	case handshake.TooSoon:
		return TooSoon
	}
	return PointTaken
}
