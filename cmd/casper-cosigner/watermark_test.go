package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
		{"--era 10 --again 10/1200 --from-node " + fresh, exitRefused, "is not above the next block's, era 10"},
		{"--height 900 --again 11/900 --from-node " + fresh, exitRefused, "is not above the next block's, era 10"},
		{"--height 1100 --again 11/1100 --from-node " + fresh, 0, "floor era 11 height 1100, was era 11 height 1200"},
		{"--era 10 --again 10/1100", 0, "floor era 10 height 1100"},
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
// node shows that the network did not go back, or a mark covers more than was taken back.
func TestResetCommand(t *testing.T) {
	f := startFakes(t)
	f.view.Newest.Height = 1100
	url, _ := fakeNode(t, time.Hour) // the last block is 1000
	floor := uint64(0)
	f.edit = func(v *cosignerv1.StatusResponse) { v.Floor = &cosignerv1.Mark{Height: floor} }
	for _, tt := range []struct {
		args  string
		floor uint64
		code  int
		want  string
	}{
		{"--height 1101 --until 1200 --again 1101/1200", 0, exitRefused, "fewer state the same"},
		{"--height 990 --until 989 --again 990/989", 0, exitUsage, "--until 989 is below --height 990"},
		{"--height 990 --again 990/1100", 0, exitUsage, "until"},
		{"--height 990 --until 1100 --network-version 2.0", 0, exitUsage, `"2.0" is no protocol version`},
		{"--height 1002 --until 1100 --again 1002/1100 --from-node " + url, 0, exitRefused,
			"the chain's next block is 1001: from there to 1001"},
		{"--height 990 --until 1100", 0, exitUsage, "Of the heights 990 to 1100 will be free: 2 heights that were signed.\n"},
		{"--height 990 --until 1100", 0, exitUsage, "1100 must be the last block of the OLD chain, as the network announced"},
		{"--height 990 --until 1100", 0, exitUsage, "no node of ours may have run on the\nnew chain yet"},
		{"--height 990 --until 1100", 0, exitUsage, "give --again 990/1100"},
		{"--height 990 --until 990", 0, exitUsage, "Of the heights 990 to 990 will be free: 1 height that"},
		{"--height 990 --until 1100 --again 990", 0, exitRefused, `--again says "990"`},
		{"--height 990 --until 1100 --again 990/1101", 0, exitRefused, `--again says "990/1101"`},
		{"--height 990 --until 1100 --again 990/1100", 1102, exitRefused, "nothing is signed below 1102, which is above " +
			"the last block of the old chain, 1100"},
		{"--height 990 --until 1100", 1102, exitRefused, "`watermark floor --height 1101`"},
		{"--height 990 --until 1100 --again 990/1100 --without c3,c4", 0, exitUsage, "no cosigner \"c4\""},
		{"--height 1001 --until 1100 --again 1001/1100 --from-node " + url, 1101, 0,
			"Done: of the heights 1001 to 1100 what was shown may be signed again, reset 1 by operator"},
		{"--height 1000 --until 1090 --again 1000/1090 --network-version 2.0.6", 0, 0, "reset 2 by operator"},
		{"--height 900 --until 1000 --again 900/1000 --network-version 2.0.7 --from-node " + url, 0, exitRefused,
			"the chain is at height 1000, " +
				"and 1000 is the last of the old one: the network did not go back"},
	} {
		floor = tt.floor
		args := append([]string{"watermark", "reset-heights", "--reason", "restart"}, strings.Fields(tt.args)...)
		if !strings.Contains(tt.args, "--network-version") {
			args = append(args, "--network-version", "2.0.5")
		}
		code, out, errOut := f.operate(args...)
		if code != tt.code || !strings.Contains(out+errOut, tt.want) {
			t.Errorf("%s: code %d, %s%s, want %d and %q", tt.args, code, out, errOut, tt.code, tt.want)
		}
	}
	code, out, errOut := f.operate("watermark", "show")
	if code != 0 || !strings.Contains(out, "heights were reset 2 times, last 1000 to 1090, for protocol version 2.0.6, "+
		"by operator: restart") {
		t.Errorf("code %d, %s%s", code, out, errOut)
	}
}

// TestResetIsNoOnesWord: what an operator signs is what enough ledgers hold, and goes to the leader
// that more than half of the cosigners name, whatever one of them makes up.
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
	bits := func(v *view, b byte) {
		if v.Seen != nil {
			v.Seen.Bits[0] = b
		}
	}
	seen := watermark.Reset{Height: 260, Until: 266, Network: watermark.Version{Major: 2, Patch: 5}, SeenAt: 4000,
		Count: 1, Operator: "operator", Reason: "x", Seen: watermark.Seen{From: 260, Bits: "\x05"},
		First: watermark.Mark{Era: 20, Height: 30}}
	asked := 0
	for name, tt := range map[string]struct {
		edit func(*view)
		code int
		want string
	}{
		"all agree": {func(*view) {}, 0, "c3: its ledger holds 2 heights from 260 on, none is kept below 260, 0 resets so " +
			"far, and \"c2\" leads"},
		"one claims to lead in a high term":    {only("c1", func(v *view) { v.Leader, v.Term = "c1", 1<<40 }), 0, "Done"},
		"the leader's log has a higher height": {only("c2", func(v *view) { v.Newest.Height = 999 }), 0, "Done"},
		"one states an index far ahead":        {only("c2", func(v *view) { v.AppliedIndex = 1 << 40 }), 0, "Done"},
		"all differ": {func(v *view) { v.First.Height += uint64(v.Name[1]) }, exitRefused,
			"what is bound takes the word of 2 ledgers, and how the log stands that of 2 cosigners, and fewer"},
		"one ledger is behind": {func(v *view) {
			if v.Resets = 1; v.Name != "c3" {
				v.LedgerResets = 1
			}
		}, exitRefused, "nothing was done: the last reset is not followed yet: c3 has made 0 of 1"},
		"nobody leads by more than half": {func(v *view) { v.Leader = v.Name }, exitNoQuorum, "nothing was done"},
		"one was founded for another":    {only("c2", func(v *view) { v.First.Height++ }), 0, "Done"},
		"one ledger holds another height": {only("c2", func(v *view) { bits(v, 7) }), 0,
			"Too few ledgers hold 1 height of these: those stay as they are, and get no other signature.\nBring cosigners back"},
		"one ledger alone holds any": {func(v *view) {
			if v.Name != "c2" {
				bits(v, 0)
			}
		}, exitRefused, "so there is nothing to reset\n"},
		"none says which": {func(v *view) { v.Seen = nil }, exitRefused, "takes the word of 2 ledgers"},
		"one says which": {func(v *view) {
			if v.Name != "c1" {
				v.Seen = nil
			}
		}, exitRefused, "bring the cosigners back that do not answer"},
		"signed meanwhile, late": {func(v *view) {
			if asked++; asked > 3 {
				bits(v, 7)
			}
		}, exitRefused, "signed on meanwhile, nothing was done"},
	} {
		f.edit, f.reset, f.view.Newest.Height, asked = tt.edit, watermark.Reset{}, 266, 0
		f.view.Resets, f.view.LedgerResets = 0, 0
		if err := os.Remove(f.resetFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		code, out, errOut := f.operate("watermark", "reset-heights", "--height", "260", "--until", "266", "--again",
			"260/266", "--network-version", "2.0.5", "--reason", "x")
		if code != tt.code || !strings.Contains(out+errOut, tt.want) {
			t.Errorf("%s: code %d, %s%s, want %d and %q", name, code, out, errOut, tt.code, tt.want)
		}
		if all := (watermark.Seen{From: 260, Bits: "\x05"}); name == "all agree" && f.reset.Ledgers !=
			watermark.NewLedgers(map[string]watermark.Seen{"c1": all, "c2": all, "c3": all}) {
			t.Errorf("each ledger is said to hold %q", f.reset.Ledgers)
		}
		f.reset.Signature, f.reset.Ledgers = seen.Signature, ""
		if done := f.reset == seen; done != (code == 0) {
			t.Errorf("%s: the leader was asked for %+v", name, f.reset)
		}
	}
}

func (f *fakes) resetFile() string {
	return filepath.Join(f.dir, "operator", "reset-heights-2.0.5.json")
}

// TestResetKept: that a reset is made is not the word of the cosigner that leads. What was signed
// is asked for again as it was, whatever is bound by then, and nothing else for that restart.
func TestResetKept(t *testing.T) {
	f := startFakes(t)
	reset := func(height string) (int, string) {
		code, out, errOut := f.operate("watermark", "reset-heights", "--height", height, "--until", "266", "--again",
			height+"/266", "--network-version", "2.0.5", "--reason", "x", "--timeout", "1s")
		return code, out + errOut
	}
	f.keeps = true
	code, out := reset("260")
	first := f.reset
	if code != exitNoQuorum || first.Count != 1 || !strings.Contains(out, "start no node") {
		t.Errorf("kept: code %d, %s", code, out)
	}
	f.edit = func(v *cosignerv1.StatusResponse) {
		if v.Seen != nil {
			v.Seen.Bits[0] = 0x47
		}
	}
	f.keeps = false
	if code, out, errOut := f.operate("watermark", "reset-heights", "--height", "260", "--until", "266",
		"--again", "260/266", "--network-version", "2.0.4", "--reason", "x"); code != exitRefused || f.reset != first ||
		!strings.Contains(out+errOut, "holds a reset that is signed, for 2.0.5") {
		t.Errorf("another version: code %d, %s%s", code, out, errOut)
	}
	if code, out := reset("261"); code != exitRefused || !strings.Contains(out, "the heights 260 to 266 were signed") {
		t.Errorf("other heights: code %d, %s", code, out)
	}
	if code, out := reset("260"); code != 0 || f.reset != first || !strings.Contains(out, "Done: ") {
		t.Errorf("again: code %d, %s, %+v", code, out, f.reset)
	}
	if code, out := reset("260"); code != 0 || !strings.Contains(out, "Done: ") {
		t.Errorf("after it was made: code %d, %s", code, out)
	}
	f.edit = func(v *cosignerv1.StatusResponse) {
		if v.Name == "c3" && v.LastReset != nil {
			v.LastReset.Height--
		}
	}
	if code, out := reset("260"); code != 0 || !strings.Contains(out, "Done: ") {
		t.Errorf("one says that it made another: code %d, %s", code, out)
	}
	f.edit = func(v *cosignerv1.StatusResponse) {
		if v.Name != "c1" && v.LastReset != nil {
			v.LastReset.Height--
		}
	}
	code, out = reset("260")
	if code != exitRefused || !strings.Contains(out, "c3 has made 1 reset, the last one from 259") {
		t.Errorf("two made another: code %d, %s", code, out)
	}
	text, err := os.ReadFile(f.resetFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.resetFile(), bytes.Replace(text, []byte(`"x"`), []byte(`"y"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out = reset("260")
	if code != exitRefused || !strings.Contains(out, "it was changed, or is another cluster's") {
		t.Errorf("changed: code %d, %s", code, out)
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
