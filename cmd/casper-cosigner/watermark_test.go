package main

import (
	"strings"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
)

// TestFloor: what is raised far, or falls, is to be given twice; with a node, what is at or below
// the chain is refused.
func TestFloor(t *testing.T) {
	f := startFakes(t)
	url, _ := fakeNode(t, time.Hour) // the next block is 1001, in era 10; signed are era 23 and height 266
	fresh, _ := fakeNode(t, 0)       // the next block is always new, 1011, in era 10
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"--era 25", 0, "floor era 25 height 0, was era 0 height 0"},
		{"--era 26", exitUsage, "era 26 or height 0 is far above era 23 height 266, and nothing below is signed"},
		{"--era 10025", exitUsage, "give --again 10025/0"},
		{"--era 10025 --again 25/0", exitRefused, `--again says "25/0"`},
		{"--height 524", exitUsage, "far above"},
		{"--era 24", exitUsage, "the floor falls from era 25 height 0: what it refused may then be signed"},
		{"--era 24 --again 24/0", 0, "floor era 24 height 0, was era 25"},
		{"--era 10024 --again 10024/0", 0, "floor era 10024"},
		{"--era 3 --again 3/0", 0, "floor era 3 height 0, was era 10024"}, // a mistake is taken back
		{"--era 10 --from-node " + url, exitRefused, "is not above the next block's, era 10 height 1001"},
		{"--height 1001 --from-node " + url, exitRefused, "is not above the next block's, era 10 height 1001"},
		{"--height 1012 --from-node " + fresh, 0, "floor era 3 height 1012"},
		{"--era 13 --from-node " + url, exitUsage, "far above era 10 height 1000"},
		{"--from-node " + fresh, 0, "floor era 11 height 1075, was era 3 height 1012"},
		{"--height 1200 --from-node " + fresh, 0, "floor era 11 height 1200"},
		{"--from-node " + fresh, 0, "floor era 11 height 1200, was era 11 height 1200"}, // it does not fall by that
		{"--era 10 --again 10/1200 --from-node " + url, 0, "floor era 10 height 1200"},  // a block is not waited for
	} {
		code, out, errOut := f.operate(append([]string{"watermark", "floor", "--reason", "x"},
			strings.Fields(tt.args)...)...)
		if code != tt.code || !strings.Contains(out+errOut, tt.want) {
			t.Errorf("%s: code %d, %s%s, want %d and %q", tt.args, code, out, errOut, tt.code, tt.want)
		}
	}
}

// TestFloorOfNode: what a node says before it has a block that is newer than the command is not
// believed, be it filled in or held against what was given; and a floor that somebody moved
// meanwhile is not set over.
func TestFloorOfNode(t *testing.T) {
	f := startFakes(t)
	set := func(args ...string) (code int, all string) {
		code, out, errOut := f.operate(append([]string{"watermark", "floor", "--reason", "x", "--from-node"}, args...)...)
		return code, out + errOut
	}
	lags, _ := fakeChain(t, time.Second, 11) // it stands at era 10, and then is in era 11
	if code, all := set(lags); code != 0 || !strings.Contains(all, "floor era 12 height 1075, was era 0") {
		t.Errorf("code %d, %s", code, all)
	}
	lags, _ = fakeChain(t, time.Second, 13)
	if code, all := set(lags, "--era", "13", "--again", "13/1075"); code != exitRefused ||
		!strings.Contains(all, "is not above the next block's, era 13 height 1011") {
		t.Errorf("code %d, %s", code, all)
	}
	fresh, asked := fakeNode(t, 0)
	f.edit = func(v *cosignerv1.StatusResponse) {
		if asked.Load() > 0 {
			v.Floor = &cosignerv1.Mark{Era: 17}
		}
	}
	if code, all := set(fresh); code != exitRefused ||
		!strings.Contains(all, "somebody set the floor to era 17 height 0 meanwhile: nothing was done") {
		t.Errorf("code %d, %s", code, all)
	}
}

// TestResetCommand: a reset is given twice, signed with the operator's key, and refused where a
// node shows that the network did not go back.
func TestResetCommand(t *testing.T) {
	f := startFakes(t)
	f.view.Newest.Height = 1100
	url, _ := fakeNode(t, time.Hour) // the last block is 1000
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"--height 1101 --again 1101", exitRefused, "the highest that was signed is 1100"},
		{"--height 1002 --again 1002 --from-node " + url, exitRefused, "the chain's next block is 1001: from there to 1001"},
		{"--height 990", exitUsage, "Heights 990 to 1100 were signed and will be free"},
		{"--height 990", exitUsage, "give --again 990"},
		{"--height 990 --again 990 --without c3,c4", exitRefused, "no cosigner \"c4\""},
		{"--height 990 --again 991", exitRefused, `--again says "991"`},
		{"--height 1001 --again 1001 --from-node " + url, 0, "heights from 1001 on may be signed again, reset 1 by operator"},
		{"--height 1000 --again 1000", 0, "reset 2 by operator"},
		{"--height 900 --again 900 --from-node " + url, exitRefused, "the chain is at height 1000, and 1000 is the highest"},
	} {
		code, out, errOut := f.operate(append([]string{"watermark", "reset-heights", "--reason", "restart"},
			strings.Fields(tt.args)...)...)
		if code != tt.code || !strings.Contains(out+errOut, tt.want) {
			t.Errorf("%s: code %d, %s%s, want %d and %q", tt.args, code, out, errOut, tt.code, tt.want)
		}
	}
	code, out, errOut := f.operate("watermark", "show")
	if code != 0 || !strings.Contains(out, "heights were reset 2 times, last from 1000 on by operator: restart") {
		t.Errorf("code %d, %s%s", code, out, errOut)
	}
}

// TestResetIsNoOnesWord: what an operator signs is what enough cosigners state, and goes to the
// leader that more than half of them name, whatever one of them makes up.
func TestResetIsNoOnesWord(t *testing.T) {
	f := startFakes(t)
	type view = cosignerv1.StatusResponse
	only := func(name string, edit func(*view)) func(*view) {
		return func(v *view) {
			if v.Name == name {
				edit(v)
			}
		}
	}
	seen := watermark.Reset{Height: 260, Newest: 266, SeenAt: 4000, Count: 1, Operator: "operator", Reason: "x",
		Seen: watermark.Seen{From: 260, Bits: "\x05"}, First: watermark.Mark{Era: 20, Height: 30}}
	asked, stated := 0, "height 266 is the newest that was signed, and 2 heights from 260 on, 0 resets so far, and "+
		"\"c2\" leads"
	for name, tt := range map[string]struct {
		edit func(*view)
		code int
		want string
	}{
		"all agree":                         {func(*view) {}, 0, "c3: " + stated},
		"one claims to lead in a high term": {only("c1", func(v *view) { v.Leader, v.Term = "c1", 1<<40 }), 0, "Done"},
		"the leader states a higher height": {only("c2", func(v *view) { v.Newest.Height = 999 }), 0, "c2: height 999"},
		"one states an index far ahead":     {only("c2", func(v *view) { v.AppliedIndex = 1 << 40 }), 0, "Done"},
		"all differ": {func(v *view) { v.Newest.Height += uint64(v.Name[1]) }, exitRefused,
			"fewer than 2 cosigners state the same, nothing was done"},
		"one ledger is behind": {func(v *view) {
			if v.Resets = 1; v.Name != "c3" {
				v.LedgerResets = 1
			}
		}, exitRefused, "nothing was done: the last reset is not followed yet: c3 has made 0 of 1"},
		"nobody leads by more than half": {func(v *view) { v.Leader = v.Name }, exitNoQuorum, "nothing was done"},
		"one was founded for another":    {only("c2", func(v *view) { v.First.Height++ }), 0, "Done"},
		"one states another height": {only("c2", func(v *view) { v.Seen.Bits[0] = 7 }), 0, "c2: height 266 is the newest " +
			"that was signed, and 3 heights"},
		"none says which": {func(v *view) { v.Seen = nil }, exitRefused, "nothing was done: the reset of the"},
		"signed meanwhile, late": {func(v *view) {
			if asked++; asked > 3 {
				v.Seen.Bits[0] = 7
			}
		}, exitRefused, "signed on meanwhile, nothing was done"},
		"signed on meanwhile": {func(v *view) {
			if asked++; asked > 3 {
				v.Newest.Height++
			}
		}, exitRefused, "signed on meanwhile"},
	} {
		f.edit, f.reset, f.view.Newest.Height, asked = tt.edit, watermark.Reset{}, 266, 0
		f.view.Resets, f.view.LedgerResets = 0, 0
		code, out, errOut := f.operate("watermark", "reset-heights", "--height", "260", "--again", "260", "--reason", "x")
		if code != tt.code || !strings.Contains(out+errOut, tt.want) {
			t.Errorf("%s: code %d, %s%s, want %d and %q", name, code, out, errOut, tt.code, tt.want)
		}
		f.reset.Signature = seen.Signature
		if done := f.reset == seen; done != (code == 0) {
			t.Errorf("%s: the leader was asked for %+v", name, f.reset)
		}
	}
}

func TestInstanceCommand(t *testing.T) {
	f := startFakes(t)
	spec := strings.Repeat("5a", 32)
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"--era 23 --chainspec 5a", exitUsage, `--chainspec "5a": want 64 hex digits`},
		{"--era 23 --chainspec " + spec + " --without c4", exitRefused, "no cosigner \"c4\""},
		{"--era 23 --chainspec " + spec + " --without c3", 0, "Done: in era 23 each node may vote under chainspec " + spec},
	} {
		code, out, errOut := f.operate(append([]string{"watermark", "instance", "--reason", "restart"},
			strings.Fields(tt.args)...)...)
		if code != tt.code || !strings.Contains(out+errOut, tt.want) {
			t.Errorf("%s: code %d, %s%s, want %d and %q", tt.args, code, out, errOut, tt.code, tt.want)
		}
	}
	code, out, errOut := f.operate("watermark", "show", "-o", "json")
	if code != 0 || !strings.Contains(out, `"reruns":[{"era":23,"chainspec":"`+spec+`"}]`) {
		t.Errorf("code %d, %s%s", code, out, errOut)
	}
}
