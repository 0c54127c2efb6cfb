// Package machine is the state machine that the Raft log drives: the slot table, the roles and the
// nodes' TLS points.
//
// It promises that the state is a function of the log alone: the same commands in the same order
// give the same state and the same snapshot, byte for byte, whatever a host's configuration or
// clock says. Identity, plausibility and deadlines are therefore the proposing leader's, before a
// command gets here. A command that cannot be decoded is an error that its caller must not survive.
package machine

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/watermark"
)

// The versions of the state machine that this package is: Version is what it writes once every
// cosigner can read it, Oldest what it still reads, by the rules of then. Version rises with every
// change of what a log means.
const (
	Version uint32 = 4
	Oldest  uint32 = 2
)

// InForce returns the version in which an entry is to be written: the highest that everybody can
// read who showed one, but none below what the log holds already. Who never showed one, or showed
// none, counts as Oldest, since the release of that time showed none.
func InForce(log uint32, shown ...uint32) uint32 {
	v := Version
	for _, s := range shown {
		v = min(v, max(s, Oldest))
	}
	return max(v, log)
}

// withResets is the version from which there are ResetHeights, SetInstance and Restart.
const withResets = 3

// ErrVersion is returned by Encode for a command that the version does not know.
var ErrVersion = errors.New("not every cosigner runs a release that knows this command")

// ErrNewer says that a state is of a version that a later release made.
var ErrNewer = errors.New("the cosigners write the log in a version that this release does not know: install theirs")

// Command is one entry of the log: Genesis, Claim, Activate, SetMode, Suspend, Hold, Restart,
// Register, SetFloor, ResetHeights, SetInstance or Start. At, in each, is the wall clock of the
// leader that proposed it in Unix milliseconds. A change of roles or of the mode, and a Restart,
// hold a failover.Change: against which epoch, and why.
type Command interface {
	fill(c *cosignerv1.Command) error
}

// Genesis is the first entry.
type Genesis struct {
	First  watermark.Mark // first era and height that may be signed
	Active string         // active node
	At     int64
}

// Claim binds a slot.
type Claim struct {
	watermark.Claim
	TokensLeft int64 // what the leader's bucket holds if the claim advances a mark, thousandths
	At         int64
}

// Activate makes a node the active one.
type Activate struct {
	Node string
	failover.Change
}

// SetMode switches the mode.
type SetMode struct {
	Mode failover.Mode
	failover.Change
}

// Suspend takes a node's rights away, or gives them back.
type Suspend struct {
	Node      string
	Suspended bool
	failover.Change
}

// Hold stops automatic changes of roles until a time, or allows them again.
type Hold struct {
	Until int64 // Unix milliseconds, or failover.ForGood; 0 allows them again
	failover.Change
}

// Restart orders a restart of a stock node, so that it votes again in an era.
type Restart struct {
	Node string
	Era  uint64
	failover.Change
}

// Register registers a node's TLS point.
type Register struct {
	Node  string
	Point casper.TLSPoint
	At    int64
}

// SetFloor moves the floor.
type SetFloor struct {
	Floor  watermark.Mark
	Reason string
	At     int64
}

// ResetHeights frees heights after a hard reset of the network.
type ResetHeights struct {
	watermark.Reset
	At int64
}

// SetInstance gives each node a voice of its own under a chainspec in an era that runs again.
type SetInstance struct {
	Era       uint64
	Chainspec casper.Hash
	Reason    string
	At        int64
}

// Encode returns the log's form of the command: a protobuf Command, written for that version. A
// command that the version does not know is an error.
func Encode(c Command, version uint32) ([]byte, error) {
	if version < Oldest || version > Version {
		return nil, fmt.Errorf("encoding %T: version %d, this program knows %d to %d", c, version, Oldest, Version)
	}
	m := &cosignerv1.Command{Version: version}
	if err := c.fill(m); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", c, err)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", c, err)
	}
	return b, nil
}

func (g Genesis) fill(c *cosignerv1.Command) error {
	c.At = g.At
	c.Change = &cosignerv1.Command_Genesis{Genesis: &cosignerv1.GenesisCommand{First: markToProto(g.First),
		Active: g.Active}}
	return nil
}

func (m Claim) fill(c *cosignerv1.Command) error {
	b, err := m.Message.AppendBinary(nil)
	c.At = m.At
	c.Change = &cosignerv1.Command_Claim{Claim: &cosignerv1.ClaimCommand{
		Message: b, Node: m.Node, RequestSignature: m.Signature[:], TokensLeft: m.TokensLeft, AskedAt: m.AskedAt}}
	if err == nil && m.AskedAt != 0 && c.Version < dated {
		err = fmt.Errorf("a claim of version %d has no date", c.Version)
	}
	return err
}

func (a Activate) fill(c *cosignerv1.Command) error {
	c.At = a.At
	c.Change = &cosignerv1.Command_Activate{Activate: &cosignerv1.ActivateCommand{
		Node: a.Node, Epoch: a.Epoch, Cause: a.Cause, Reason: a.Reason}}
	return nil
}

func (m SetMode) fill(c *cosignerv1.Command) error {
	c.At = m.At
	c.Change = &cosignerv1.Command_SetMode{SetMode: &cosignerv1.SetModeCommand{
		Mode: cosignerv1.Mode(m.Mode), Epoch: m.Epoch, Cause: m.Cause, Reason: m.Reason}}
	return nil
}

func (s Suspend) fill(c *cosignerv1.Command) error {
	c.At = s.At
	c.Change = &cosignerv1.Command_Suspend{Suspend: &cosignerv1.SuspendCommand{
		Node: s.Node, Suspended: s.Suspended, Epoch: s.Epoch, Cause: s.Cause, Reason: s.Reason}}
	return nil
}

func (h Hold) fill(c *cosignerv1.Command) error {
	c.At = h.At
	c.Change = &cosignerv1.Command_Hold{Hold: &cosignerv1.HoldCommand{
		Until: h.Until, Epoch: h.Epoch, Cause: h.Cause, Reason: h.Reason}}
	return nil
}

func (r Restart) fill(c *cosignerv1.Command) error {
	c.At = r.At
	c.Change = &cosignerv1.Command_Restart{Restart: &cosignerv1.RestartCommand{
		Node: r.Node, Era: r.Era, Epoch: r.Epoch, Cause: r.Cause, Reason: r.Reason}}
	return knows(c.Version)
}

func (r Register) fill(c *cosignerv1.Command) error {
	c.At = r.At
	c.Change = &cosignerv1.Command_Register{Register: &cosignerv1.RegisterCommand{Node: r.Node, TlsPoint: r.Point[:]}}
	return nil
}

func (s SetFloor) fill(c *cosignerv1.Command) error {
	c.At = s.At
	c.Change = &cosignerv1.Command_SetFloor{SetFloor: &cosignerv1.SetFloorCommand{Floor: markToProto(s.Floor),
		Reason: s.Reason}}
	return nil
}

func (r ResetHeights) fill(c *cosignerv1.Command) error {
	c.At = r.At
	c.Change = &cosignerv1.Command_ResetHeights{ResetHeights: resetToProto(r.Reset)}
	return knows(c.Version)
}

func (s SetInstance) fill(c *cosignerv1.Command) error {
	c.At = s.At
	c.Change = &cosignerv1.Command_SetInstance{SetInstance: &cosignerv1.SetInstanceCommand{Era: s.Era,
		Chainspec: s.Chainspec[:], Reason: s.Reason}}
	return knows(c.Version)
}

// knows fails in a version that has neither ResetHeights nor SetInstance nor Restart.
func knows(version uint32) error {
	if version < withResets {
		return fmt.Errorf("version %d: %w", version, ErrVersion)
	}
	return nil
}

// Decode is the inverse of Encode. It takes nothing that it does not know in full: another version,
// an unknown field, a missing part or a wrong length is an error, since to skip over it would be to
// disagree with the copies that could read it.
func Decode(b []byte) (c Command, version uint32, err error) {
	m := &cosignerv1.Command{}
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, 0, fmt.Errorf("decoding command: %w", err)
	}
	if m.Version < Oldest || m.Version > Version {
		return nil, 0, fmt.Errorf("decoding command: version %d, this program knows %d to %d", m.Version, Oldest, Version)
	}
	if hasUnknown(m.ProtoReflect()) {
		return nil, 0, errors.New("decoding command: it has fields that this program does not know")
	}
	if c, err = decodeChange(m); err != nil {
		return nil, 0, fmt.Errorf("decoding command: %w", err)
	}
	return c, m.Version, nil
}

func decodeChange(m *cosignerv1.Command) (Command, error) {
	switch c := m.Change.(type) {
	case *cosignerv1.Command_Genesis:
		if c.Genesis.First == nil {
			return nil, errors.New("genesis without a first era and height")
		}
		return Genesis{First: markFromProto(c.Genesis.First), Active: c.Genesis.Active, At: m.At}, nil
	case *cosignerv1.Command_Claim:
		claim, err := decodeClaim(c.Claim, m.Version)
		claim.At = m.At
		return claim, err
	case *cosignerv1.Command_Activate:
		return Activate{Node: c.Activate.Node, Change: changeFromProto(c.Activate, m.At)}, nil
	case *cosignerv1.Command_SetMode:
		mode, err := modeFromProto(c.SetMode.Mode)
		if err != nil {
			return nil, err
		}
		return SetMode{Mode: mode, Change: changeFromProto(c.SetMode, m.At)}, nil
	case *cosignerv1.Command_Suspend:
		s := c.Suspend
		return Suspend{Node: s.Node, Suspended: s.Suspended, Change: changeFromProto(s, m.At)}, nil
	case *cosignerv1.Command_Hold:
		h := c.Hold
		if h.Until < 0 {
			return nil, fmt.Errorf("hold until %d", h.Until)
		}
		return Hold{Until: h.Until, Change: changeFromProto(h, m.At)}, nil
	case *cosignerv1.Command_Restart:
		r := c.Restart
		return Restart{Node: r.Node, Era: r.Era, Change: changeFromProto(r, m.At)}, knows(m.Version)
	case *cosignerv1.Command_Register:
		r := Register{Node: c.Register.Node, At: m.At}
		if copy(r.Point[:], c.Register.TlsPoint) != len(r.Point) || len(c.Register.TlsPoint) != len(r.Point) {
			return nil, fmt.Errorf("TLS point of %d bytes", len(c.Register.TlsPoint))
		}
		return r, nil
	case *cosignerv1.Command_SetFloor:
		if c.SetFloor.Floor == nil {
			return nil, errors.New("no floor given")
		}
		return SetFloor{Floor: markFromProto(c.SetFloor.Floor), Reason: c.SetFloor.Reason, At: m.At}, nil
	case *cosignerv1.Command_ResetHeights:
		reset, err := resetFromProto(c.ResetHeights)
		if err == nil {
			err = knows(m.Version)
		}
		return ResetHeights{Reset: reset, At: m.At}, err
	case *cosignerv1.Command_SetInstance:
		r := SetInstance{Era: c.SetInstance.Era, Reason: c.SetInstance.Reason, At: m.At}
		if copy(r.Chainspec[:], c.SetInstance.Chainspec) != len(r.Chainspec) ||
			len(c.SetInstance.Chainspec) != len(r.Chainspec) {
			return nil, fmt.Errorf("chainspec hash of %d bytes", len(c.SetInstance.Chainspec))
		}
		return r, knows(m.Version)
	case *cosignerv1.Command_Start:
		return decodeStart(c.Start, m.Version, m.At)
	}
	return nil, errors.New("it says nothing to do")
}

// changeFromProto reads what the commands that change roles have in common.
func changeFromProto(c interface {
	GetEpoch() uint64
	GetCause() string
	GetReason() string
}, at int64) failover.Change {
	return failover.Change{Epoch: c.GetEpoch(), Cause: c.GetCause(), Reason: c.GetReason(), At: at}
}

func decodeClaim(c *cosignerv1.ClaimCommand, version uint32) (Claim, error) {
	message, err := casper.Decode(c.Message)
	if err != nil {
		return Claim{}, err
	}
	if _, ok := casper.SlotOf(message); !ok {
		return Claim{}, fmt.Errorf("a %v has no slot to claim", message.Kind())
	}
	if len(c.RequestSignature) != 64 {
		return Claim{}, fmt.Errorf("request signature of %d bytes", len(c.RequestSignature))
	}
	if c.AskedAt != 0 && version < dated {
		return Claim{}, fmt.Errorf("a date in a claim of version %d", version)
	}
	claim := watermark.Claim{Message: message, Node: c.Node, AskedAt: c.AskedAt, Signature: [64]byte(c.RequestSignature)}
	return Claim{Claim: claim, TokensLeft: c.TokensLeft}, nil
}

// hasUnknown reports whether the message or one inside it has fields that its type does not know.
func hasUnknown(m protoreflect.Message) bool {
	found := len(m.GetUnknown()) > 0
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() == protoreflect.MessageKind && !f.IsList() {
			found = found || hasUnknown(v.Message())
		}
		return !found
	})
	return found
}

func markToProto(m watermark.Mark) *cosignerv1.Mark {
	return &cosignerv1.Mark{Era: m.Era, Height: m.Height}
}

func markFromProto(m *cosignerv1.Mark) watermark.Mark {
	return watermark.Mark{Era: m.GetEra(), Height: m.GetHeight()}
}

// modeFromProto compares before it converts: a failover.Mode is narrower, and 257 would become Hot.
func modeFromProto(m cosignerv1.Mode) (failover.Mode, error) {
	switch m {
	case cosignerv1.Mode_MODE_HOT:
		return failover.Hot, nil
	case cosignerv1.Mode_MODE_FENCED:
		return failover.Fenced, nil
	}
	return 0, fmt.Errorf("mode %d is unknown", m)
}
