package machine_test

import (
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

func vote(node string, era uint64, value bool) machine.Claim {
	m := casper.Vote{Round: casper.Round{Chainspec: casper.Hash{1}, Era: era, KeyBlock: casper.Hash{2}, ID: 3,
		Validator: 4}, Value: value}
	return machine.Claim{Claim: watermark.Claim{Message: m, Node: node, Signature: [64]byte{5}}, TokensLeft: 600, At: 7000}
}

func final(node string, height uint64, block byte) machine.Claim {
	m := casper.Finality{Block: casper.Hash{block}, Height: height, Era: 9, ChainName: casper.Hash{3}}
	return machine.Claim{Claim: watermark.Claim{Message: m, Node: node, Signature: [64]byte{6}}, TokensLeft: 60000,
		At: 8000}
}

// everyCommand has one of each kind, with every field set, and each again with the zeros
// that are allowed.
func everyCommand() []machine.Command {
	mark := watermark.Mark{Era: 12, Height: 267}
	echo := vote("a", 13, true)
	echo.Message = casper.Echo{Round: echo.Message.(casper.Vote).Round, Proposal: casper.Hash{9}}
	late := vote("", 0, false)
	late.TokensLeft, late.At = -1, -1
	return []machine.Command{
		machine.Genesis{First: mark, Active: "a", At: 1000}, machine.Genesis{},
		vote("a", 13, true), echo, final("b", 1<<63, 1), late,
		machine.Activate{Node: "b", Change: failover.Change{Epoch: 3, Cause: failover.Silent, Reason: "main is down",
			At: 4000}}, machine.Activate{},
		machine.SetMode{Mode: failover.Fenced, Change: failover.Change{Epoch: 4, Cause: "operator", Reason: "maintenance",
			At: 5000}}, machine.SetMode{Mode: failover.Hot},
		machine.Suspend{Node: "a", Suspended: true, Change: failover.Change{Epoch: 5, Cause: "operator",
			Reason: "wrong state", At: 6000}}, machine.Suspend{},
		machine.Hold{Until: failover.ForGood, Change: failover.Change{Epoch: 6, Cause: failover.Fault, Reason: "era 7",
			At: 6500}}, machine.Hold{},
		machine.Register{Node: "a", Point: casper.TLSPoint{2, 66: 1}, At: 7000}, machine.Register{},
		machine.SetFloor{Floor: mark, Reason: "fork", At: 8000}, machine.SetFloor{},
	}
}

// commandsOf has one of each kind that the version knows.
func commandsOf(version uint32) []machine.Command {
	all := everyCommand()
	if version < 3 {
		return all
	}
	if version > 3 {
		all = append(all, nodeStart("a", 2, 9), machine.Start{})
	}
	late := final("b", 51, 2)
	late.AskedAt = 1<<64 - 1
	return append(all, datedVote(13, 1), late)
}

func datedVote(era, askedAt uint64) machine.Claim {
	c := vote("a", era, true)
	c.AskedAt = askedAt
	return c
}

func encoded(t testing.TB, c machine.Command) []byte {
	t.Helper()
	return encodedIn(t, machine.Version, c)
}

func encodedIn(t testing.TB, version uint32, c machine.Command) []byte {
	t.Helper()
	b, err := machine.Encode(c, version)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEncodeDecode(t *testing.T) {
	for version := machine.Oldest; version <= machine.Version; version++ {
		for _, c := range commandsOf(version) {
			got, as, err := machine.Decode(encodedIn(t, version, c))
			if err != nil || got != c || as != version {
				t.Errorf("%#v in version %d: came back as %#v in %d, %v", c, version, got, as, err)
			}
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	handshake := vote("a", 1, true)
	handshake.Message = casper.Handshake{}
	for name, c := range map[string]struct {
		machine.Command
		version uint32
	}{
		"message that nobody may sign": {handshake, 3},
		"name that is no text":         {machine.Activate{Node: "\xff"}, 3},
		"a version to come":            {machine.Hold{}, machine.Version + 1},
		"a version of long ago":        {machine.Hold{}, 1},
		"a date before there were any": {datedVote(13, 1), 2},
	} {
		if b, err := machine.Encode(c.Command, c.version); err == nil {
			t.Errorf("%s: %x", name, b)
		}
	}
}

// wellFormedHandshake returns the encoding of a message that may be signed but has no slot.
func wellFormedHandshake(t *testing.T) []byte {
	curve := elliptic.P521()
	var h casper.Handshake
	copy(h.Our[:], elliptic.MarshalCompressed(curve, curve.Params().Gx, curve.Params().Gy))
	h.Their = h.Our
	h.Their[0] ^= 1 // the other point of the same x
	b, err := h.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDecodeIsStrict edits a good entry in one place.
func TestDecodeIsStrict(t *testing.T) {
	claim := func(edit func(*cosignerv1.ClaimCommand)) func(*cosignerv1.Command) {
		return func(m *cosignerv1.Command) { edit(m.GetClaim()) }
	}
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)
	handshake := wellFormedHandshake(t)
	tests := []struct {
		name string
		from machine.Command
		edit func(*cosignerv1.Command)
	}{
		{"a version before the oldest", vote("a", 1, true), func(m *cosignerv1.Command) { m.Version = machine.Oldest - 1 }},
		{"no version", vote("a", 1, true), func(m *cosignerv1.Command) { m.Version = 0 }},
		{"next version", vote("a", 1, true), func(m *cosignerv1.Command) { m.Version++ }},
		{"nothing to do", vote("a", 1, true), func(m *cosignerv1.Command) { m.Change = nil }},
		{"unknown field", vote("a", 1, true), func(m *cosignerv1.Command) { m.ProtoReflect().SetUnknown(unknown) }},
		{"unknown field in the claim", vote("a", 1, true), claim(func(c *cosignerv1.ClaimCommand) {
			c.ProtoReflect().SetUnknown(unknown)
		})},
		{"unknown field in a mark", machine.Genesis{}, func(m *cosignerv1.Command) {
			m.GetGenesis().First.ProtoReflect().SetUnknown(unknown)
		}},
		{"a date before there were any", datedVote(1, 1), func(m *cosignerv1.Command) { m.Version = 2 }},
		{"no message", vote("a", 1, true), claim(func(c *cosignerv1.ClaimCommand) { c.Message = nil })},
		{"longer message", vote("a", 1, true), claim(func(c *cosignerv1.ClaimCommand) { c.Message = append(c.Message, 0) })},
		{"shorter message", vote("a", 1, true), claim(func(c *cosignerv1.ClaimCommand) { c.Message = c.Message[1:] })},
		{"vote of 2", vote("a", 1, true), claim(func(c *cosignerv1.ClaimCommand) { c.Message[len(c.Message)-1] = 2 })},
		{"message without a slot", vote("a", 1, true), claim(func(c *cosignerv1.ClaimCommand) { c.Message = handshake })},
		{"no signature", vote("a", 1, true), claim(func(c *cosignerv1.ClaimCommand) { c.RequestSignature = nil })},
		{"63 bytes of signature", vote("a", 1, true), claim(func(c *cosignerv1.ClaimCommand) {
			c.RequestSignature = make([]byte, 63)
		})},
		{"65 bytes of signature", vote("a", 1, true), claim(func(c *cosignerv1.ClaimCommand) {
			c.RequestSignature = make([]byte, 65)
		})},
		{"genesis without a mark", machine.Genesis{}, func(m *cosignerv1.Command) { m.GetGenesis().First = nil }},
		{"floor without a mark", machine.SetFloor{}, func(m *cosignerv1.Command) { m.GetSetFloor().Floor = nil }},
		{"no mode", machine.SetMode{Mode: failover.Hot}, func(m *cosignerv1.Command) { m.GetSetMode().Mode = 0 }},
		{"unknown mode", machine.SetMode{Mode: failover.Hot}, func(m *cosignerv1.Command) { m.GetSetMode().Mode = 3 }},
		{"mode that looks like hot in 8 bits", machine.SetMode{Mode: failover.Hot}, func(m *cosignerv1.Command) {
			m.GetSetMode().Mode = 257
		}},
		{"hold until before 1970", machine.Hold{Until: 1}, func(m *cosignerv1.Command) { m.GetHold().Until = -1 }},
		{"unknown field in the hold", machine.Hold{}, func(m *cosignerv1.Command) {
			m.GetHold().ProtoReflect().SetUnknown(unknown)
		}},
		{"66 bytes of point", machine.Register{}, func(m *cosignerv1.Command) {
			m.GetRegister().TlsPoint = make([]byte, 66)
		}},
		{"68 bytes of point", machine.Register{}, func(m *cosignerv1.Command) {
			m.GetRegister().TlsPoint = make([]byte, 68)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &cosignerv1.Command{}
			if err := proto.Unmarshal(encoded(t, tt.from), m); err != nil {
				t.Fatal(err)
			}
			tt.edit(m)
			b, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if c, _, err := machine.Decode(b); err == nil {
				t.Errorf("decoded as %#v", c)
			} else if !strings.HasPrefix(err.Error(), "decoding command: ") {
				t.Errorf("the error lacks its context: %v", err)
			}
		})
	}
}

// TestDecodeWholeEntry: an entry that was cut, or that goes on, is not taken for the one it was.
func TestDecodeWholeEntry(t *testing.T) {
	for _, c := range everyCommand() {
		b := encoded(t, c)
		for n := range len(b) {
			if got, _, err := machine.Decode(b[:n]); err == nil && got == c {
				t.Errorf("%#v: %d of %d bytes do", c, n, len(b))
			}
		}
		for _, tail := range [][]byte{{0}, {1}, {0xff}, {0x50, 0}, make([]byte, 8)} {
			if got, _, err := machine.Decode(append(b[:len(b):len(b)], tail...)); err == nil {
				t.Errorf("%#v and then %x decoded as %#v", c, tail, got)
			}
		}
	}
}

// FuzzDecode: what Decode takes, Encode writes so that it comes back the same.
func FuzzDecode(f *testing.F) {
	for _, c := range commandsOf(machine.Version) {
		f.Add(encoded(f, c))
	}
	f.Add(encodedIn(f, machine.Oldest, vote("a", 13, true)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, version, err := machine.Decode(b)
		if err != nil {
			return
		}
		if again, as, err := machine.Decode(encodedIn(t, version, c)); err != nil || again != c || as != version {
			t.Fatalf("%#v came back as %#v, %v", c, again, err)
		}
		s := machine.New()
		s.Apply(machine.Genesis{})
		s.Apply(c)
	})
}

// TestEncodingStands: what a log of this version holds is read for ever, so its bytes change with
// machine.Version only.
func TestEncodingStands(t *testing.T) {
	for version, want := range map[uint32]string{
		2: "5fea80781a064c6021c41083806418c16a38dfeea8500abf73b69e49b89b7e63",
		3: "53a7b89bbd89c16394343dfbd62d371cbeb8f1c74bf9465c12467d434553d0b9",
	} {
		h := sha256.New()
		for _, c := range commandsOf(version) {
			h.Write(encodedIn(t, version, c))
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("version %d encodes as %s, want %s; if the version has risen, write that down", version, got, want)
		}
	}
}
