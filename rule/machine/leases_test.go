package machine_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/custody"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
)

func nodeStart(node string, number uint64, recipient byte) machine.Start {
	return machine.Start{Signed: custody.Signed{Start: custody.Start{Node: node, Number: number,
		Recipient: [32]byte{31: recipient}}, Signature: [64]byte{63: 7}}, At: 9000}
}

func at(index uint64) machine.Place { return machine.Place{Index: index, Version: machine.Version} }

// TestStart: a lease is granted to the next start of a node, one a number, and names its entry; a
// suspended node has none.
func TestStart(t *testing.T) {
	first := nodeStart("a", 1, 1)
	if r := machine.New().ApplyAt(at(1), first); r != refused(refusal.NotStarted) {
		t.Errorf("before Genesis: %+v", r)
	}
	s := started()
	for _, tt := range []struct {
		index uint64
		c     machine.Command
		why   refusal.Reason
	}{
		{7, first, refusal.None},
		{8, first, refusal.StartMoved},
		{9, nodeStart("a", 1, 2), refusal.StartMoved},
		{10, nodeStart("a", 3, 2), refusal.StartMoved},
		{11, nodeStart("b", 0, 2), refusal.StartMoved},
		{12, nodeStart("b", 1, 2), refusal.None},
		{13, nodeStart(strings.Repeat("x", 33), 1, 2), refusal.StartMoved},
		{14, machine.Suspend{Node: "b", Suspended: true}, refusal.None},
		{15, nodeStart("b", 2, 3), refusal.Suspended},
		{16, nodeStart("a", 2, 3), refusal.None},
	} {
		check := machine.Result{Outcome: machine.Done}
		if c, ok := tt.c.(machine.Start); ok {
			check = s.CheckStart(c)
		}
		if r := s.ApplyAt(at(tt.index), tt.c); r.Why != tt.why || check.Why != tt.why {
			t.Errorf("entry %d: %+v, checked %+v, want %v", tt.index, r, check, tt.why)
		}
	}
	for name, s := range map[string]*machine.State{"": s, "copied": s.Clone(), "restored": restored(t, snapshot(t, s))} {
		if a, b := s.Lease("a"), s.Lease("b"); a != (custody.Lease{Signed: nodeStart("a", 2, 3).Signed, Granted: 16}) ||
			b != (custody.Lease{Signed: nodeStart("b", 1, 2).Signed, Granted: 12}) || s.Lease("c") != (custody.Lease{}) {
			t.Errorf("%s: %+v, %+v", name, a, b)
		}
	}
	c := s.Clone()
	if c.ApplyAt(at(17), nodeStart("a", 3, 4)); s.Lease("a").Number != 2 || c.Lease("a").Number != 3 {
		t.Error("a copy shares its leases")
	}
}

// TestStartsBounded: a leader that makes up names fills no memory.
func TestStartsBounded(t *testing.T) {
	s := started()
	granted := 0
	for i := range 200 {
		if s.ApplyAt(at(uint64(7+i)), nodeStart(fmt.Sprint("n", i), 1, 1)).Outcome == machine.Done {
			granted++
		}
	}
	if granted != 64 || s.ApplyAt(at(300), nodeStart("n0", 2, 1)).Outcome != machine.Done {
		t.Errorf("%d names are kept", granted)
	}
}

// TestStartEntry: its bytes stand, and a release that does not know it is never given one.
func TestStartEntry(t *testing.T) {
	c := nodeStart("a", 2, 9)
	want := "080448a84672690a0161" + "1002" + "1a20" + strings.Repeat("00", 31) + "09" +
		"2240" + strings.Repeat("00", 63) + "07"
	if got := hex.EncodeToString(encoded(t, c)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := machine.Encode(c, 3); !errors.Is(err, machine.ErrVersion) {
		t.Errorf("written for version 3: %v", err)
	}
	if _, _, err := machine.Decode(append([]byte{8, 3}, encoded(t, c)[2:]...)); err == nil {
		t.Error("read in version 3")
	}
	s := started()
	if r := s.ApplyAt(machine.Place{Index: 7, Version: 3}, c); r != refused(refusal.UnknownCommand) {
		t.Errorf("applied in version 3: %+v", r)
	}
	for name, m := range map[string]*cosignerv1.NodeStart{
		"no recipient":     {Node: "a", Number: 1, Signature: make([]byte, 64)},
		"a long one":       {Node: "a", Number: 1, Recipient: make([]byte, 33), Signature: make([]byte, 64)},
		"a short one":      {Node: "a", Number: 1, Recipient: make([]byte, 31), Signature: make([]byte, 64)},
		"no signature":     {Node: "a", Number: 1, Recipient: make([]byte, 32)},
		"a long signature": {Node: "a", Number: 1, Recipient: make([]byte, 32), Signature: make([]byte, 65)},
	} {
		b, err := proto.Marshal(&cosignerv1.Command{Version: machine.Version,
			Change: &cosignerv1.Command_Start{Start: m}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := machine.Decode(b); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

// TestSnapshotOfLeases: one that no log can have come to is refused.
func TestSnapshotOfLeases(t *testing.T) {
	s := started()
	s.ApplyAt(at(7), nodeStart("b", 1, 1))
	s.ApplyAt(at(8), nodeStart("a", 1, 2))
	for name, tt := range map[string]struct {
		edit func(h *header)
		ok   bool
	}{
		"as it is":                   {func(*header) {}, true},
		"a later entry":              {func(h *header) { h.Leases[0].Granted = 9 }, true},
		"not sorted":                 {func(h *header) { h.Leases[0], h.Leases[1] = h.Leases[1], h.Leases[0] }, false},
		"one node twice":             {func(h *header) { h.Leases[1] = h.Leases[0] }, false},
		"number 0":                   {func(h *header) { h.Leases[0].Start.Number = 0 }, false},
		"no start":                   {func(h *header) { h.Leases[0].Start = nil }, false},
		"a recipient cut short":      {func(h *header) { h.Leases[0].Start.Recipient = make([]byte, 31) }, false},
		"in a version that has none": {func(h *header) { h.Version = 3 }, false},
	} {
		in := bytes.NewReader(snapshot(t, s))
		h := &header{}
		if err := protodelim.UnmarshalFrom(in, h); err != nil {
			t.Fatal(err)
		}
		tt.edit(h)
		var out bytes.Buffer
		if _, err := protodelim.MarshalTo(&out, h); err != nil {
			t.Fatal(err)
		}
		if _, err := in.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		if _, err := machine.ReadState(&out); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
