package machine_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
)

func restart(node string, era, epoch uint64) machine.Restart {
	return machine.Restart{Node: node, Era: era, Change: failover.Change{Epoch: epoch, Cause: failover.RearmSilent,
		Reason: "no message", At: 9}}
}

// TestRestartOrders: an order is in the history with its reason, whoever leads next; a node has two
// of an era at most, and none of one before its last.
func TestRestartOrders(t *testing.T) {
	s := started()
	if r := s.Apply(restart("a", 13, 0)); r != refused(refusal.UnknownCommand) {
		t.Errorf("before every copy knows it: %+v", r)
	}
	for i, step := range []struct {
		node string
		era  uint64
		want refusal.Reason
	}{
		{"a", 13, refusal.None},
		{"b", 12, refusal.None},
		{"a", 13, refusal.None},
		{"a", 13, refusal.RestartSpent},
		{"a", 12, refusal.RestartSpent},
		{"b", 13, refusal.None},
		{"b", 12, refusal.RestartSpent},
		{"a", 14, refusal.None},
		{"a", 13, refusal.RestartSpent},
	} {
		epoch := s.Roles().Epoch
		if r := later(s, restart(step.node, step.era, epoch+1)); r.Outcome != machine.Refused {
			t.Errorf("step %d, against another epoch: %+v", i, r)
		}
		want := machine.Result{Outcome: machine.Done, Epoch: epoch + 1}
		if step.want != refusal.None {
			want = refused(step.want)
		}
		if r := later(s, restart(step.node, step.era, epoch)); r != want {
			t.Errorf("step %d: %+v, want %+v", i, r, want)
		}
		s = restored(t, snapshot(t, s))
	}
	h := s.Roles().History
	want := failover.Event{Epoch: 5, At: 9, What: "restart", Subject: "a", Era: 14, Cause: failover.RearmSilent,
		Reason: "no message"}
	if len(h) != 5 || !reflect.DeepEqual(h[4], want) {
		t.Errorf("%+v", h)
	}
	if r := s.Roles(); r.Active != "a" || r.Mode != failover.Hot {
		t.Errorf("an order changed roles: %+v", r)
	}
}

// TestRestartEntry: its bytes stand, and a release that does not know it is never given one.
func TestRestartEntry(t *testing.T) {
	c := restart("a", 13, 5)
	const want = "080348096a1b0a0161100d1805220a6e6f206d6573736167652a0673696c656e74"
	if got := hex.EncodeToString(encodedIn(t, 3, c)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, version, err := machine.Decode(encodedIn(t, 3, c)); err != nil || version != 3 || got != machine.Command(c) {
		t.Errorf("%+v, version %d, %v", got, version, err)
	}
	if _, err := machine.Encode(c, 2); !errors.Is(err, machine.ErrVersion) {
		t.Errorf("written for version 2: %v", err)
	}
	if _, _, err := machine.Decode(append([]byte{8, 2}, encoded(t, c)[2:]...)); err == nil {
		t.Error("read in version 2")
	}
}

// TestRestartInSnapshot: a header that says what no log can lead to is refused.
func TestRestartInSnapshot(t *testing.T) {
	s := started()
	later(s, machine.Hold{Until: 1})
	later(s, restart("a", 13, 1))
	for name, edit := range map[string]func(*header){
		"an older version":   func(h *header) { h.Version = 2 },
		"the era of a hold":  func(h *header) { h.History[0].Era = 1 },
		"something else yet": func(h *header) { h.History[1].What = "reboot" },
	} {
		if _, err := machine.ReadState(bytes.NewReader(edited(t, snapshot(t, s), edit))); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	restored(t, snapshot(t, s))
}
