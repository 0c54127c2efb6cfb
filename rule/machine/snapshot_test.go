package machine_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

type fataler interface {
	Fatalf(format string, args ...any)
}

// entry is a command in its place.
type entry struct {
	machine.Command
	machine.Place
}

func run(s *machine.State, log []entry) []machine.Result {
	var results []machine.Result
	for _, e := range log {
		results = append(results, s.ApplyAt(e.Place, e.Command))
	}
	return results
}

func snapshot(t fataler, s *machine.State) []byte {
	var b bytes.Buffer
	n, err := s.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes of %d written: %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func restored(t fataler, b []byte) *machine.State {
	s, err := machine.ReadState(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// drawLog draws a log that starts with Genesis, mostly, and in which the version rises, mostly.
func drawLog(t *rapid.T) []entry {
	log := []entry{}
	add := func(version uint32, c machine.Command) {
		log = append(log, entry{c, machine.Place{Index: uint64(len(log)) + 1, Version: version}})
	}
	if rapid.IntRange(0, 9).Draw(t, "genesis") > 0 {
		add(machine.Oldest, machine.Genesis{First: watermark.Mark{Era: 3, Height: 30}, Active: "a", At: 1000})
	}
	rises := rapid.IntRange(0, 60).Draw(t, "rises")
	for i := range rapid.IntRange(0, 60).Draw(t, "entries") {
		version := machine.Oldest
		if i >= rises && rapid.IntRange(0, 9).Draw(t, "late") > 0 {
			version = machine.Version
		}
		c := drawCommand(t, version)
		if claim, ok := c.(machine.Claim); ok && version == machine.Version {
			claim.AskedAt = rapid.Uint64Range(0, 1+uint64(len(log))).Draw(t, "asked")
			c = claim
		}
		add(version, c)
	}
	return log
}

func drawCommand(t *rapid.T, version uint32) machine.Command {
	node := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "node")
	epoch, at := rapid.Uint64Range(0, 8).Draw(t, "epoch"), rapid.Int64Range(0, 1e6).Draw(t, "at")
	mark := watermark.Mark{Era: rapid.Uint64Range(0, 20).Draw(t, "era"),
		Height: rapid.Uint64Range(25, 50).Draw(t, "height")}
	cause := rapid.SampledFrom([]string{"", failover.Operator, failover.Silent, failover.Return}).Draw(t, "cause")
	last := 13
	if version == machine.Version {
		last = 16
	}
	switch rapid.IntRange(0, last).Draw(t, "command") {
	case 0:
		return machine.Genesis{First: mark, Active: node, At: at}
	case 1:
		return machine.Activate{Node: node, Change: failover.Change{Epoch: epoch, Cause: cause, Reason: "r", At: at}}
	case 2:
		return machine.SetMode{Mode: failover.Mode(rapid.IntRange(1, 2).Draw(t, "mode")),
			Change: failover.Change{Epoch: epoch, Cause: cause, At: at}}
	case 3, 4:
		return machine.Suspend{Node: node, Suspended: rapid.Bool().Draw(t, "suspended"),
			Change: failover.Change{Epoch: epoch, Cause: cause, At: at}}
	case 5, 6:
		return machine.Register{Node: node, Point: casper.TLSPoint{2, rapid.Byte().Draw(t, "point")}, At: at}
	case 7:
		return machine.SetFloor{Floor: mark, At: at}
	case 13:
		return machine.Hold{Until: rapid.SampledFrom([]int64{0, 1, failover.ForGood}).Draw(t, "until"),
			Change: failover.Change{Epoch: epoch, Cause: cause, At: at}}
	case 14:
		return machine.ResetHeights{Reset: watermark.Reset{Height: mark.Height, Until: mark.Era + 35, SeenAt: 1,
			Network: network(rapid.Uint32Range(0, 3).Draw(t, "network")), Seen: watermark.Seen{From: mark.Height,
				Bits: rapid.SampledFrom([]string{"", "\xff\xff\xff\xff\xff", "\x55\x3f\x02"}).Draw(t, "bits")},
			Operator: "ops", Count: rapid.Uint64Range(1, 3).Draw(t, "count")}, At: at}
	case 15:
		return machine.SetInstance{Era: mark.Era, Chainspec: casper.Hash{rapid.Byte().Draw(t, "chainspec")}, At: at}
	case 16:
		return machine.Restart{Node: node, Era: mark.Era, Change: failover.Change{Epoch: epoch, Cause: cause, At: at}}
	case 8, 9:
		f := final(node, mark.Height, rapid.Byte().Draw(t, "block"))
		f.At, f.TokensLeft = at, at
		return f
	}
	v := vote(node, mark.Era, rapid.Bool().Draw(t, "value"))
	m := v.Message.(casper.Vote)
	m.Chainspec = casper.Hash{rapid.Byte().Draw(t, "spec")}
	m.ID, m.Validator = uint32(rapid.IntRange(0, 3).Draw(t, "round")), uint32(rapid.IntRange(0, 1).Draw(t, "index"))
	v.Message, v.At, v.TokensLeft = m, at, at
	if rapid.Bool().Draw(t, "echo") {
		v.Message = casper.Echo{Round: m.Round, Proposal: casper.Hash{rapid.Byte().Draw(t, "proposal")}}
	}
	return v
}

// TestSameLogSameBytes: three copies of a log, one of them through Encode and Decode, end
// in one snapshot.
func TestSameLogSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawLog(t)
		decoded := []entry{}
		for _, e := range log {
			b, err := machine.Encode(e.Command, e.Version)
			if err != nil {
				t.Fatal(err)
			}
			d, version, err := machine.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			decoded = append(decoded, entry{d, machine.Place{Index: e.Index, Version: version}})
		}
		one, two, three := machine.New(), machine.New(), machine.New()
		run(one, log)
		run(two, log)
		run(three, decoded)
		if a := snapshot(t, one); !bytes.Equal(a, snapshot(t, two)) || !bytes.Equal(a, snapshot(t, three)) {
			t.Fatal("the snapshots differ")
		}
	})
}

// TestSnapshotMidway: a copy that was restored on the way answers and ends as the one
// that never was.
func TestSnapshotMidway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawLog(t)
		cut := rapid.IntRange(0, len(log)).Draw(t, "cut")
		straight, other := machine.New(), machine.New()
		run(straight, log[:cut])
		run(other, log[:cut])
		other = restored(t, snapshot(t, other))
		if a, b := snapshot(t, straight), snapshot(t, other); !bytes.Equal(a, b) {
			t.Fatal("the snapshot of the restored copy differs")
		}
		for _, e := range log[cut:] {
			if a, b := straight.ApplyAt(e.Place, e.Command), other.ApplyAt(e.Place, e.Command); a != b {
				t.Fatalf("%+v: %+v, restored copy %+v", e, a, b)
			}
		}
		if !bytes.Equal(snapshot(t, straight), snapshot(t, other)) {
			t.Fatal("the copies ended differently")
		}
		ae, ah := straight.Advances()
		be, bh := other.Advances()
		if ae != be || ah != bh {
			t.Fatal("the advances differ")
		}
	})
}

// someState has a bit of everything.
func someState() *machine.State {
	s := machine.New()
	for _, c := range []machine.Command{
		machine.Genesis{First: watermark.Mark{Era: 3, Height: 30}, Active: "a", At: 1000},
		vote("a", 4, true), vote("a", 5, false), vote("b", 5, true), final("a", 31, 1), final("b", 33, 2),
		machine.Register{Node: "a", Point: casper.TLSPoint{2, 1}, At: 2000},
		machine.Register{Node: "a", Point: casper.TLSPoint{2, 2}, At: 92000},
		machine.Register{Node: "b", Point: casper.TLSPoint{3, 1}, At: 2000},
		machine.Suspend{Node: "x", Suspended: true, Change: failover.Change{At: 3000}}, machine.Suspend{Node: "c",
			Suspended: true, Change: failover.Change{Epoch: 1, At: 3000}},
		machine.SetMode{Mode: failover.Fenced, Change: failover.Change{Epoch: 2, Cause: failover.Operator,
			Reason: "maintenance", At: 4000}},
		machine.Hold{Until: 9000, Change: failover.Change{Epoch: 3, Cause: failover.Operator, Reason: "network", At: 5000}},
		machine.SetFloor{Floor: watermark.Mark{Era: 4, Height: 31}},
	} {
		s.Apply(c)
	}
	return s
}

// TestSnapshotCutOrExtended: at every byte offset, and with anything behind it.
func TestSnapshotCutOrExtended(t *testing.T) {
	for name, s := range map[string]*machine.State{"empty": machine.New(), "full": someState()} {
		b := snapshot(t, s)
		for n := range len(b) {
			if _, err := machine.ReadState(bytes.NewReader(b[:n])); err == nil {
				t.Errorf("%s: %d of %d bytes do", name, n, len(b))
			}
		}
		for _, tail := range [][]byte{{0}, {1, 2, 3}, b} {
			if _, err := machine.ReadState(bytes.NewReader(append(b[:len(b):len(b)], tail...))); err == nil {
				t.Errorf("%s: %d more bytes do", name, len(tail))
			}
		}
	}
}

type (
	header = cosignerv1.SnapshotHeader
	claim  = cosignerv1.ClaimCommand
)

// edit changes a snapshot before it is read; claim 0 is its first.
type edit struct {
	name string
	edit func(h *header, claims []*claim)
	ok   bool
}

func edits() []edit {
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)
	return []edit{
		{"nothing", func(*header, []*claim) {}, true},
		{"version in force", func(h *header, _ []*claim) { h.Version = machine.Version }, true},
		{"a date before there were any", func(_ *header, c []*claim) { c[0].AskedAt = 1 }, false},
		{"a date in a later version", func(h *header, c []*claim) { h.Version, c[0].AskedAt = machine.Version, 1 }, true},
		{"next version", func(h *header, _ []*claim) { h.Version = machine.Version + 1 }, false},
		{"a version before the oldest", func(h *header, _ []*claim) { h.Version = machine.Oldest - 1 }, false},
		{"no version", func(h *header, _ []*claim) { h.Version = 0 }, false},
		{"not started", func(h *header, _ []*claim) { h.Started = false }, false},
		{"unknown field", func(h *header, _ []*claim) { h.ProtoReflect().SetUnknown(unknown) }, false},
		{"unknown field in a mark", func(h *header, _ []*claim) { h.Floor.ProtoReflect().SetUnknown(unknown) }, false},
		{"unknown field in a point", func(h *header, _ []*claim) { h.Points[0].ProtoReflect().SetUnknown(unknown) }, false},
		{"unknown field in a claim", func(_ *header, c []*claim) { c[0].ProtoReflect().SetUnknown(unknown) }, false},
		{"no pruned mark", func(h *header, _ []*claim) { h.Pruned = nil }, false},
		{"no floor", func(h *header, _ []*claim) { h.Floor = nil }, false},
		{"no newest mark", func(h *header, _ []*claim) { h.Newest = nil }, false},
		{"no era advance", func(h *header, _ []*claim) { h.Eras = nil }, false},
		{"no height advance", func(h *header, _ []*claim) { h.Heights = nil }, false},
		{"floor below pruned", func(h *header, _ []*claim) { h.Floor.Era = 2 }, false},
		{"newest below a claim", func(h *header, _ []*claim) { h.Newest.Height = 32 }, false},
		{"pruned above a claim", func(h *header, _ []*claim) { h.Pruned.Era, h.Floor.Era = 5, 5 }, false},
		{"window too wide", func(h *header, _ []*claim) { h.Newest.Era = 99 }, false},
		{"no mode", func(h *header, _ []*claim) { h.Mode = 0 }, false},
		{"unknown mode", func(h *header, _ []*claim) { h.Mode = 257 }, false},
		{"hold until before 1970", func(h *header, _ []*claim) { h.HoldUntil = -1 }, false},
		{"no history", func(h *header, _ []*claim) { h.History = nil }, false},
		{"a change less", func(h *header, _ []*claim) { h.History = h.History[1:] }, false},
		{"a change more", func(h *header, _ []*claim) { h.History = append(h.History[:1:1], h.History...) }, false},
		{"an epoch more", func(h *header, _ []*claim) { h.Epoch++ }, false},
		{"changes in another order", func(h *header, _ []*claim) { h.History[0], h.History[1] = h.History[1], h.History[0] },
			false},
		{"a change of epoch 0", func(h *header, _ []*claim) { h.History[0].Epoch = 0 }, false},
		{"an unknown change", func(h *header, _ []*claim) { h.History[0].What = "demote" }, false},
		{"unknown field in a change", func(h *header, _ []*claim) { h.History[0].ProtoReflect().SetUnknown(unknown) }, false},
		{"last change at another time", func(h *header, _ []*claim) { h.Since++ }, false},
		{"last change of another cause", func(h *header, _ []*claim) { h.Cause = failover.Silent }, false},
		{"last change for another reason", func(h *header, _ []*claim) { h.Reason = "" }, false},
		{"suspended nodes unsorted", func(h *header, _ []*claim) { h.Suspended = []string{"x", "c"} }, false},
		{"short point", func(h *header, _ []*claim) { h.Points[0].TlsPoint = make([]byte, 66) }, false},
		{"a node's fifth point", func(h *header, _ []*claim) {
			more := h.Points[:1:1]
			for n := range byte(3) {
				p := proto.CloneOf(h.Points[0])
				p.TlsPoint[2] = 100 + n
				more = append(more, p)
			}
			h.Points = append(more, h.Points[1:]...)
		}, false},
		{"a node's point twice", func(h *header, _ []*claim) { h.Points[1].TlsPoint = h.Points[0].TlsPoint }, false},
		{"a point of two nodes", func(h *header, _ []*claim) { h.Points[2].TlsPoint = h.Points[0].TlsPoint }, false},
		{"one claim less", func(h *header, _ []*claim) { h.Claims-- }, false},
		{"one claim more", func(h *header, _ []*claim) { h.Claims++ }, false},
		{"claim twice", func(_ *header, c []*claim) { c[1] = c[0] }, false},
		{"slot twice", func(_ *header, c []*claim) { c[1].Message = bytes.Clone(c[0].Message); c[1].Message[82] ^= 1 },
			false},
		{"claim without a message", func(_ *header, c []*claim) { c[0].Message = nil }, false},
		{"claim with a short signature", func(_ *header, c []*claim) { c[0].RequestSignature = c[0].RequestSignature[1:] },
			false},
	}
}

// TestSnapshotIsStrict edits one place of a good snapshot.
func TestSnapshotIsStrict(t *testing.T) {
	for _, tt := range edits() {
		t.Run(tt.name, func(t *testing.T) {
			in := bytes.NewReader(snapshot(t, someState()))
			h := &header{}
			if err := protodelim.UnmarshalFrom(in, h); err != nil {
				t.Fatal(err)
			}
			claims := make([]*claim, h.Claims)
			for i := range claims {
				claims[i] = &claim{}
				if err := protodelim.UnmarshalFrom(in, claims[i]); err != nil {
					t.Fatal(err)
				}
			}
			tt.edit(h, claims)
			var out bytes.Buffer
			if _, err := protodelim.MarshalTo(&out, h); err != nil {
				t.Fatal(err)
			}
			for _, c := range claims {
				if _, err := protodelim.MarshalTo(&out, c); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := machine.ReadState(&out); (err == nil) != tt.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestSnapshotOfNewerProgram: the error names both versions, since the way out is to run
// the newer one.
func TestSnapshotOfNewerProgram(t *testing.T) {
	var b bytes.Buffer
	if _, err := protodelim.MarshalTo(&b, &cosignerv1.SnapshotHeader{Version: machine.Version + 1}); err != nil {
		t.Fatal(err)
	}
	_, err := machine.ReadState(&b)
	want := fmt.Sprintf("version %d, this program knows %d to %d", machine.Version+1, machine.Oldest, machine.Version)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q in it", err, want)
	}
}

// TestWriteFails: a snapshot whose writing failed is never reported as written.
func TestWriteFails(t *testing.T) {
	s := someState()
	for era := range uint64(2000) { // more than one buffer
		s.Apply(final("a", 100+era, 1))
	}
	whole := len(snapshot(t, s))
	for room := 0; room < whole; room += whole/7 + 1 {
		if _, err := s.WriteTo(&narrow{room: room}); !errors.Is(err, errFull) {
			t.Errorf("room for %d of %d bytes: %v", room, whole, err)
		}
	}
}

var errFull = errors.New("full")

// narrow takes so many bytes and then fails.
type narrow struct{ room int }

func (n *narrow) Write(b []byte) (int, error) {
	if len(b) > n.room {
		return n.room, errFull
	}
	n.room -= len(b)
	return len(b), nil
}
