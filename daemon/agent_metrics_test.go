package daemon

import (
	"maps"
	"strings"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// TestNodeMetrics: what is known of the node is told, what is not known is absent.
func TestNodeMetrics(t *testing.T) {
	ago := func(ms uint64) *cosignerv1.Asked { return &cosignerv1.Asked{AgoMs: &ms} }
	answered, long := uint64(300), uint64(3001)
	for name, c := range map[string]struct {
		health *cosignerv1.NodeHealth
		want   map[string]float64
	}{
		"nothing is known": {&cosignerv1.NodeHealth{},
			map[string]float64{"leftover_key": 0, "undrilled": 0, "unknown_instance": 0, "node_events": 1}},
		"well": {&cosignerv1.NodeHealth{StatusAgoMs: &answered, ReactorState: "Validate",
			Block: &cosignerv1.Block{Height: 42}, Rounds: ago(5000), Heights: ago(2500)},
			map[string]float64{"leftover_key": 0, "undrilled": 0, "unknown_instance": 0, "node_events": 1, "node_up": 1,
				"node_reactor_state Validate": 1, "node_height": 42, "last_signing_request_timestamp_seconds": 997.5}},
		"no answer any more": {&cosignerv1.NodeHealth{StatusAgoMs: &answered, StatusError: "refused", ReactorState: "CatchUp",
			Rounds: ago(0), EventsError: "refused"},
			map[string]float64{"leftover_key": 0, "undrilled": 0, "unknown_instance": 0, "node_events": 0, "node_up": 0,
				"node_reactor_state CatchUp": 1, "last_signing_request_timestamp_seconds": 1000}},
		"never answered": {&cosignerv1.NodeHealth{StatusError: "refused", LeftoverKey: "/etc/key.pem", Undrilled: "2.2.2",
			UnknownInstance: "chainspec", Rounds: &cosignerv1.Asked{}},
			map[string]float64{"leftover_key": 1, "undrilled": 1, "unknown_instance": 1, "node_events": 1, "node_up": 0}},
		"its gate stands": {&cosignerv1.NodeHealth{Gate: &cosignerv1.GateHealth{AgoMs: &answered}},
			map[string]float64{"leftover_key": 0, "undrilled": 0, "unknown_instance": 0, "node_events": 1,
				"gate_up": 1, "gate_passed": 0}},
		"its gate says nothing": {&cosignerv1.NodeHealth{Gate: &cosignerv1.GateHealth{StartedAgoMs: &answered}},
			map[string]float64{"leftover_key": 0, "undrilled": 0, "unknown_instance": 0, "node_events": 1,
				"gate_up": 0, "gate_passed": 0}},
		"its gate said something a while ago": {&cosignerv1.NodeHealth{Gate: &cosignerv1.GateHealth{AgoMs: &long}},
			map[string]float64{"leftover_key": 0, "undrilled": 0, "unknown_instance": 0, "node_events": 1,
				"gate_up": 0, "gate_passed": 0}},
		"its gate is not in the way": {&cosignerv1.NodeHealth{Gate: &cosignerv1.GateHealth{AgoMs: &answered,
			Error: "it lets pass", PassedAgoMs: &answered}},
			map[string]float64{"leftover_key": 0, "undrilled": 0, "unknown_instance": 0, "node_events": 1,
				"gate_up": 0, "gate_passed": 1}},
	} {
		m := newAgentMetrics("node-a", []string{"cosigner-1"})
		m.watch("node-a", func(time.Time) *cosignerv1.NodeHealth {
			return c.health
		}, func() time.Time { return time.Unix(1000, 0) })
		families, err := m.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			name, ours := strings.CutPrefix(f.GetName(), namespace+"_")
			for _, s := range f.GetMetric() {
				if !ours || s.GetGauge() == nil {
					continue // of the process, or a counter
				}
				for _, l := range s.GetLabel() {
					if l.GetName() != "node" {
						name += " " + l.GetValue()
					} else if l.GetValue() != "node-a" {
						t.Errorf("%s is of node %q", name, l.GetValue())
					}
				}
				got[name] = s.GetGauge().GetValue()
			}
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
