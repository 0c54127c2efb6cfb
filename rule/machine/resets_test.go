package machine_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// network is the protocol version of the network's n-th restart.
func network(n uint32) watermark.Version { return watermark.Version{Major: 2, Patch: n} }

// reset is by an operator who saw all bound up to 70.
func reset(height, count uint64) machine.ResetHeights {
	return machine.ResetHeights{Reset: watermark.Reset{Height: height, Until: 70, SeenAt: 1, Count: count,
		Network: network(uint32(count)), Seen: watermark.Seen{From: 71, Bits: "\x00"}, Operator: "ops",
		Reason: "hard reset", Signature: [64]byte{7}}, At: 9000}
}

// later applies a command in the version in which there are resets. A claim is asked for just
// before.
func later(s *machine.State, c machine.Command) machine.Result {
	if claim, ok := c.(machine.Claim); ok {
		claim.AskedAt = 1
		c = claim
	}
	return s.ApplyAt(machine.Place{Index: 2, Version: machine.Version}, c)
}

func rerun(era uint64, chainspec byte) machine.SetInstance {
	return machine.SetInstance{Era: era, Chainspec: casper.Hash{chainspec}, Reason: "restart", At: 9500}
}

// TestNewCommands: what version 2 does not know is neither written nor read in it: a cosigner of
// that release would end at such an entry.
func TestNewCommands(t *testing.T) {
	full := reset(50, 1)
	full.Seen, full.First = watermark.Seen{From: 50, Bits: "\x01\x80\x00"}, watermark.Mark{Era: 3, Height: 20}
	for _, c := range []machine.Command{reset(50, 1), full, machine.ResetHeights{}, rerun(5, 2), machine.SetInstance{}} {
		if got, _, err := machine.Decode(encoded(t, c)); err != nil || got != c {
			t.Errorf("%#v: came back as %#v, %v", c, got, err)
		}
		if _, err := machine.Encode(c, machine.Oldest); err == nil || !strings.Contains(err.Error(), "not every cosigner") {
			t.Errorf("%T in version %d: %v", c, machine.Oldest, err)
		}
		old := &cosignerv1.Command{}
		if err := proto.Unmarshal(encoded(t, c), old); err != nil {
			t.Fatal(err)
		}
		old.Version = machine.Oldest
		b, err := proto.Marshal(old)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := machine.Decode(b); err == nil {
			t.Errorf("version %d was read as %#v", machine.Oldest, got)
		}
	}
	for name, c := range map[string]*cosignerv1.Command{
		"short signature": {Version: 3, Change: &cosignerv1.Command_ResetHeights{
			ResetHeights: &cosignerv1.ResetHeightsCommand{Signature: make([]byte, 63)}}},
		"long chainspec": {Version: 3, Change: &cosignerv1.Command_SetInstance{
			SetInstance: &cosignerv1.SetInstanceCommand{Chainspec: make([]byte, 33)}}},
	} {
		b, err := proto.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := machine.Decode(b); err == nil {
			t.Errorf("%s: %#v", name, got)
		}
	}
}

// TestResetHeights: a reset frees heights and no round, each only once, and is in the snapshot.
func TestResetHeights(t *testing.T) {
	s := started()
	if r := s.Apply(reset(50, 1)); r != refused(refusal.UnknownCommand) {
		t.Errorf("in version 2: %+v", r)
	}
	later(s, final("a", 50, 1))
	for _, c := range []machine.Command{vote("a", 7, true), final("a", 60, 1), final("a", 70, 1)} {
		if r := later(s, c); r.Outcome != machine.Done {
			t.Fatalf("%+v", r)
		}
	}
	again, earlier := reset(65, 2), reset(65, 2) // for the same restart of the network, and for one before
	again.Network, earlier.Network = network(1), watermark.Version{Major: 1, Minor: 9, Patch: 9}
	for _, tt := range []struct {
		c    machine.ResetHeights
		want machine.Result
	}{
		{reset(71, 1), refused(refusal.NothingAbove)},
		{reset(60, 0), refused(refusal.ResetMoved)},
		{reset(60, 2), refused(refusal.ResetMoved)},
		{reset(65, 1), machine.Result{Outcome: machine.Done}},
		{reset(60, 1), refused(refusal.ResetMoved)}, // recorded, and sent once more
		{reset(65, 1), refused(refusal.ResetMoved)},
		{again, refused(refusal.SameNetwork)},
		{earlier, refused(refusal.SameNetwork)},
	} {
		if got := later(s, tt.c); got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.c, got, tt.want)
		}
	}
	if s.LastReset() != reset(65, 1).Reset {
		t.Errorf("%+v", s.LastReset())
	}
	if _, height := s.Advances(); height != (machine.Advance{At: 9000, Left: 64000}) {
		t.Errorf("%+v", height)
	}
	for _, s := range []*machine.State{s, s.Clone(), restored(t, snapshot(t, s))} {
		if r := later(s, final("b", 60, 2)); r.Outcome != machine.Held {
			t.Errorf("below: %+v", r)
		}
		if r := later(s, vote("b", 7, false)); r.Outcome != machine.Held {
			t.Errorf("a vote: %+v", r)
		}
		if r := later(s, final("b", 70, 2)); r.Outcome != machine.Done {
			t.Errorf("above: %+v", r)
		}
		if r := later(s, reset(70, 2)); r.Outcome != machine.Done || s.LastReset().Count != 2 {
			t.Errorf("a second one: %+v", r)
		}
	}
}

// TestResetKept: a reset that came to nothing, and that somebody kept, frees nothing that was
// signed since the operator looked, be it above the old chain or late in a gap, and after a while
// nothing at all. What stays bound has its old value, and the pace goes on from it.
func TestResetKept(t *testing.T) {
	done, seen := machine.Result{Outcome: machine.Done}, "\x21" // 65 and 70
	both, none := []uint64{65, 70}, []uint64(nil)
	for name, tt := range map[string]struct {
		index  uint64
		seenAt uint64
		until  uint64
		bits   string
		want   machine.Result
		free   []uint64
	}{
		"at once":                {101, 100, 70, seen, done, both},
		"the last moment":        {100 + machine.MaxAge, 100, 70, seen, done, both},
		"later":                  {101 + machine.MaxAge, 100, 70, seen, refused(refusal.Stale), none},
		"without a date":         {101, 0, 70, seen, refused(refusal.Stale), none},
		"of a later index":       {101, 101, 70, seen, refused(refusal.Stale), none},
		"one is above":           {101, 100, 69, "\xff", done, []uint64{65}},
		"more was seen":          {101, 100, 71, "\xff", done, both},
		"signed late":            {101, 100, 70, "\x20", done, []uint64{70}},
		"ahead, late":            {101, 100, 70, "\x01", done, []uint64{65}},
		"it does not say which":  {101, 100, 70, "", done, none},
		"none of it was shown":   {101, 100, 90, "\x00", done, none},
		"below the highest bits": {101, 100, 90, seen, done, both},
	} {
		s := started()
		for _, height := range []uint64{60, 65, 70} { // 60 stays
			c := final("a", height, 1)
			c.At, c.TokensLeft = 4000, 5
			later(s, c)
		}
		r := reset(65, 1)
		r.SeenAt, r.Until, r.Seen = tt.seenAt, tt.until, watermark.Seen{From: 65, Bits: tt.bits}
		if got := s.ApplyAt(machine.Place{Index: tt.index, Version: machine.Version}, r); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
		pace := machine.Advance{At: 4000, Left: 5}
		if slices.Contains(tt.free, 70) {
			pace = machine.Advance{At: 9000, Left: 64000}
		}
		if _, height := s.Advances(); height != pace {
			t.Errorf("%s: the pace is from %+v on", name, height)
		}
		for _, s := range []*machine.State{restored(t, snapshot(t, s)), s} {
			for _, height := range both {
				old, got := final("a", height, 1), later(s, final("b", height, 2))
				if free := got.Outcome == machine.Done; free != slices.Contains(tt.free, height) ||
					!free && (got.Outcome != machine.Held || got.Held.Message != old.Message) {
					t.Errorf("%s: height %d: %+v", name, height, got)
				}
			}
		}
	}
}

// TestRemembered: a reset that the own ledger has not made takes nothing back; one that it has made
// does, and a log that is read back has none of it. What only the ledger holds counts all the
// while.
func TestRemembered(t *testing.T) {
	s := started()
	if m := s.Remembered(machine.Ledger{Empty: true}); m.Newest != (failover.Place{}) {
		t.Errorf("nothing was ever bound: %+v", m)
	}
	if m := s.Remembered(machine.Ledger{Newest: failover.Place{Height: 90}}); m.Newest.Height != 90 ||
		m.Newest.Era != s.Table().Newest().Era {
		t.Errorf("the first is in the ledger alone: %+v", m)
	}
	top := uint64(70 + watermark.KeptHeights)
	later(s, final("a", top, 1))
	later(s, vote("a", 7, true))
	before := s.Table().Pruned()
	r := reset(20, 1)
	r.Until, r.Seen = top, watermark.NewSeen(before.Height, slices.Values([]uint64{top}))
	round := s.Bound().Round
	place := func(height uint64) failover.Place { return failover.Place{Era: 7, Round: round, Height: height} }
	for _, tt := range []struct {
		when    string
		ledger  machine.Ledger
		want    machine.Memory
		applied bool
	}{
		{"no reset", machine.Ledger{Empty: true}, machine.Memory{Newest: place(top), Pruned: before}, false},
		{"the ledger is ahead", machine.Ledger{Newest: failover.Place{Era: 8, Round: 2, Height: top + 3}},
			machine.Memory{Newest: failover.Place{Era: 8, Round: 2, Height: top + 3}, Pruned: before}, false},
		{"in rounds alone", machine.Ledger{Newest: failover.Place{Era: 7, Round: round + 1, Height: 80}},
			machine.Memory{Newest: failover.Place{Era: 7, Round: round + 1, Height: top}, Pruned: before}, false},
		{"read back", machine.Ledger{Resets: 1, Floor: watermark.Mark{Height: 20}, Newest: failover.Place{Height: 19}},
			machine.Memory{Newest: place(top), Pruned: before}, false},
		{"not followed", machine.Ledger{Floor: before, Newest: failover.Place{Height: top}},
			machine.Memory{Newest: place(top), Pruned: before}, true},
		{"not followed, and idle", machine.Ledger{Floor: before, Empty: true},
			machine.Memory{Newest: place(before.Height), Pruned: before}, true},
		{"followed", machine.Ledger{Resets: 1, Floor: watermark.Mark{Height: 20}, Newest: failover.Place{Height: 19}},
			machine.Memory{Resets: 1, Newest: place(20), Pruned: watermark.Mark{Era: before.Era, Height: 20}}, true},
	} {
		if tt.applied && s.LastReset().Count == 0 {
			if got := later(s, r); got.Outcome != machine.Done || s.Table().Newest().Height != 20 {
				t.Fatalf("%+v, %v", got, s.Table().Newest())
			}
		}
		if m := s.Remembered(tt.ledger); m != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.when, m, tt.want)
		}
	}
}

// TestSetInstance: after it both runs of the era stay as they are, also in a snapshot.
func TestSetInstance(t *testing.T) {
	s := started()
	again := vote("a", 7, false)
	m := again.Message.(casper.Vote)
	m.Chainspec = casper.Hash{2}
	again.Message = m
	if r := s.Apply(rerun(7, 2)); r != refused(refusal.UnknownCommand) {
		t.Errorf("in version 2: %+v", r)
	}
	later(s, vote("a", 7, true))
	if r := later(s, again); r != refused(refusal.OtherInstance) {
		t.Fatalf("before: %+v", r)
	}
	if r := later(s, rerun(10, 2)); r != refused(refusal.EraUnknown) {
		t.Errorf("era 10: %+v", r)
	}
	if r := later(s, rerun(7, 2)); r.Outcome != machine.Done {
		t.Fatalf("%+v", r)
	}
	for _, s := range []*machine.State{s.Clone(), restored(t, snapshot(t, s)), s} {
		if r := later(s, again); r.Outcome != machine.Done {
			t.Errorf("after: %+v", r)
		}
		if r := later(s, vote("b", 7, false)); r.Outcome != machine.Held || r.Held.Message != vote("a", 7, true).Message {
			t.Errorf("the first run: %+v", r)
		}
	}
	if !bytes.Equal(snapshot(t, s), snapshot(t, restored(t, snapshot(t, s)))) {
		t.Error("the snapshot of a restored state differs")
	}
}

// TestRoundsOfVersion2: what a cosigner of the release before has no room for is refused in a log
// that one may have to read.
func TestRoundsOfVersion2(t *testing.T) {
	late := vote("a", 7, true)
	m := late.Message.(casper.Vote)
	m.ID = 7200
	late.Message = m
	s := started()
	if r := s.ApplyAt(machine.Place{Version: 2}, late); r != refused(refusal.RoundTooHigh) {
		t.Errorf("version 2: %+v", r)
	}
	if r := later(s, late); r.Outcome != machine.Done {
		t.Errorf("version 3: %+v", r)
	}
	if r := restored(t, snapshot(t, s)).Apply(late); r.Outcome != machine.Held {
		t.Errorf("restored: %+v", r)
	}
}

// TestSnapshotOfResets: a header that no state writes is refused.
func TestSnapshotOfResets(t *testing.T) {
	fresh := func() *machine.State {
		s := started()
		later(s, final("a", 70, 1))
		r := reset(65, 1)
		r.Seen, r.First = watermark.Seen{From: 65, Bits: "\x20"}, watermark.Mark{Height: 20}
		if got := later(s, r); got.Outcome != machine.Done {
			t.Fatalf("%+v", got)
		}
		later(s, rerun(6, 2))
		return s
	}
	for name, edit := range map[string]func(*header){
		"of version 2":         func(h *header) { h.Version = 2 },
		"short signature":      func(h *header) { h.LastReset.Signature = nil },
		"reset that never was": func(h *header) { h.LastReset.Count = 0 },
		"short chainspec":      func(h *header) { h.Reruns[0].Chainspec = nil },
		"era far ahead":        func(h *header) { h.Reruns[0].Era = 99 },
		"said twice":           func(h *header) { h.Reruns = append(h.Reruns, h.Reruns[0]) },
		"more than is ever allowed": func(h *header) {
			for i := range byte(3) {
				h.Reruns = append(h.Reruns, &cosignerv1.SnapshotRerun{Era: 6, Chainspec: bytes.Repeat([]byte{i}, 32)})
			}
		},
	} {
		if _, err := machine.ReadState(bytes.NewReader(edited(t, snapshot(t, fresh()), edit))); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
	if b := snapshot(t, fresh()); !bytes.Equal(edited(t, b, func(*header) {}), b) {
		t.Error("the test edits nothing and changes something")
	}
}

// edited returns the snapshot with its header edited; what follows the header stays.
func edited(t *testing.T, b []byte, edit func(*header)) []byte {
	t.Helper()
	in := bytes.NewReader(b)
	h := &header{}
	if err := protodelim.UnmarshalFrom(in, h); err != nil {
		t.Fatal(err)
	}
	edit(h)
	var out bytes.Buffer
	if _, err := (protodelim.MarshalOptions{MarshalOptions: proto.MarshalOptions{Deterministic: true}}).MarshalTo(&out,
		h); err != nil {
		t.Fatal(err)
	}
	if _, err := in.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
