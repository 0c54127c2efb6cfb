package ear

import (
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// ms is an age in milliseconds that is told.
func ms(n uint64) *uint64 { return proto.Uint64(n) }

// report is what one cosigner tells of one node.
func report(name string, heardAgo *uint64, height uint64) *cosignerv1.NodeReport {
	return &cosignerv1.NodeReport{Name: name, HeardAgoMs: heardAgo,
		Health: &cosignerv1.NodeHealth{Heights: &cosignerv1.Asked{AgoMs: ms(0), Height: height}}}
}

func tells(at time.Time, listening uint64, nodes ...*cosignerv1.NodeReport) Told {
	return Told{At: at, Report: &cosignerv1.GatherResponse{ListeningMs: listening, Nodes: nodes}}
}

func before(n uint64) time.Time { return noon.Add(-time.Duration(n) * time.Millisecond) }

var twoOfThree = failover.Settings{Main: "a", Nodes: []string{"a", "b"}, Threshold: 2, PingInterval: time.Second}

func mergeAll(all ...Told) failover.Observation {
	o, _ := New(twoOfThree).Observe(all, Here{Now: noon})
	return o
}

// TestHear: a cosigner believes its own ears while a node pings it, and else what two others have
// heard at the least, however late they answered.
func TestHear(t *testing.T) {
	nothing := tells(noon, 0)
	heard := func(ago, height uint64) Told { return tells(noon, 0, report("a", ms(ago), height)) }
	for _, c := range []struct {
		name   string
		all    []Told // the first is the cosigner that hears
		height uint64 // of node a; 0: nobody heard it
		heard  time.Time
	}{
		{"nobody heard it", []Told{nothing, nothing, nothing}, 0, time.Time{}},
		{"it alone tells", []Told{heard(300, 7)}, 7, before(300)},
		{"others heard it later", []Told{heard(300, 7), heard(200, 8), heard(100, 9)}, 7, before(300)},
		{"others heard it later, and it did long ago", []Told{heard(3001, 7), heard(200, 8), heard(100, 9)}, 8, before(200)},
		{"the others the other way round", []Told{heard(3001, 7), heard(100, 9), heard(200, 8)}, 8, before(200)},
		{"one other heard it later", []Told{heard(3001, 7), heard(0, 9), heard(5000, 8)}, 7, before(3001)},
		{"one other tells", []Told{heard(3001, 7), heard(0, 9)}, 7, before(3001)},
		{"it heard nothing, and one other tells", []Told{nothing, heard(0, 9), nothing}, 0, time.Time{}},
		{"it heard nothing, and both others tell", []Told{nothing, heard(0, 9), heard(50, 8)}, 8, before(50)},
		{"a less age in an older answer", []Told{nothing, tells(before(500), 0, report("a", ms(0), 7)), heard(300, 8)}, 7,
			before(500)},
		{"one that never heard it lists it", []Told{tells(noon, 0, report("a", nil, 9)), heard(0, 9), heard(300, 7)}, 7,
			before(300)},
		{"only an unknown node was heard", []Told{tells(noon, 0, report("c", ms(0), 9))}, 0, time.Time{}},
		{"an age without end", []Told{heard(math.MaxUint64, 9)}, 9, noon.Add(-365 * 24 * time.Hour)},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := mergeAll(c.all...)
			n, heard := o.Nodes["a"]
			if heard != (c.height > 0) || n.Place.Height != c.height || !n.Heard.Equal(c.heard) {
				t.Errorf("got %+v, want height %d heard at %v", n, c.height, c.heard)
			}
			if o.Reporting != len(c.all) {
				t.Errorf("%d report, want %d", o.Reporting, len(c.all))
			}
		})
	}
}

// TestListening: it counts from the latest start of as many as are needed; a cosigner that was
// started just now does not spoil what the others have listened to.
func TestListening(t *testing.T) {
	for _, c := range []struct {
		name string
		all  []Told
		want time.Time
	}{
		{"one of the two that are needed", []Told{tells(noon, 5000)}, before(5000)},
		{"two", []Told{tells(noon, 5000), tells(noon, 3000)}, before(3000)},
		{"the third has just started", []Told{tells(noon, 0), tells(noon, 5000), tells(noon, 3000)}, before(3000)},
		{"two have just started", []Told{tells(noon, 10), tells(noon, 5000), tells(noon, 20)}, before(20)},
		{"an answer that is a while ago", []Told{tells(before(1000), 5000), tells(noon, 5500)}, before(5500)},
	} {
		if o := mergeAll(c.all...); !o.Listening.Equal(c.want) {
			t.Errorf("%s: since %v, want %v", c.name, o.Listening, c.want)
		}
	}
}

// TestReach: what one agent says of another counts from its own ping, and from no ping of
// the node itself.
func TestReach(t *testing.T) {
	b := report("b", ms(400), 1)
	b.Reach = []*cosignerv1.Reach{
		{Name: "a", AnsweredAgoMs: ms(100)},
		{Name: "b", AnsweredAgoMs: ms(0)},          // itself
		{Name: "cosigner-1", AnsweredAgoMs: ms(0)}, // no node
		{Name: "c"}, // never answered
	}
	o := mergeAll(tells(noon, 0, report("a", ms(9000), 1), b), tells(noon, 0, report("b", ms(0), 1)))
	if a := o.Nodes["a"]; !a.HeardByAgent.Equal(before(500)) || !a.Heard.Equal(before(9000)) {
		t.Errorf("node a: got %+v", a)
	}
	if b := o.Nodes["b"]; !b.HeardByAgent.IsZero() {
		t.Errorf("node b reaches itself: %+v", b)
	}
	o = mergeAll(tells(noon, 0, b))
	if a, ok := o.Nodes["a"]; !ok || !a.Heard.IsZero() || !a.HeardByAgent.Equal(before(500)) || len(o.Nodes) != 2 {
		t.Errorf("a node that only another agent reaches: got %+v", o.Nodes)
	}
}

// TestAges: each age in a node's account counts from the ping that brought it, and one that is
// not told is never.
func TestAges(t *testing.T) {
	full := &cosignerv1.NodeReport{Name: "a", HeardAgoMs: ms(1000), Health: &cosignerv1.NodeHealth{
		StatusAgoMs: ms(10), StatusError: "timeout", ReactorState: "Validate", Block: &cosignerv1.Block{Era: 3, Height: 77},
		RoundLengthMs: 8000, PublicKey: "01ab", LowestHeight: 5, Peers: 9, UpgradeEra: ms(12), Version: "2.0.3",
		Rounds:    &cosignerv1.Asked{AgoMs: ms(20), AdvancedAgoMs: 30, Era: 4, Round: 6},
		Heights:   &cosignerv1.Asked{AgoMs: ms(40), AdvancedAgoMs: 50, Height: 78},
		BlockedMs: ms(60), ShutdownAgoMs: ms(70), FaultAgoMs: ms(80), FaultEra: 2, LeftoverKey: "/etc/casper/key.pem",
		LostLeadsAgoMs: []uint64{90, 100, 110, 120},
	}}
	want := failover.Node{
		Heard: before(1000), Asks: failover.Asks{Place: failover.Place{Era: 4, Round: 6, Height: 78},
			Rounds:  failover.Progress{Asked: before(1020), Advanced: before(1030)},
			Heights: failover.Progress{Asked: before(1040), Advanced: before(1050)}},
		Status: failover.Status{At: before(1010), Error: "timeout", Reactor: "Validate",
			Era: 3, Height: 77, Lowest: 5, Round: 8 * time.Second, Key: "01ab", Peers: 9, Version: "2.0.3", UpgradeEra: 12},
		Blocked: before(1060), Shutdown: before(1070), Fault: before(1080), FaultEra: 2, LeftoverKey: "/etc/casper/key.pem",
		LostLeads: [failover.Leads]time.Time{before(1090), before(1100), before(1110)},
	}
	if got := mergeAll(tells(noon, 0, full)).Nodes["a"]; got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for name, r := range map[string]*cosignerv1.NodeReport{
		"no account": {Name: "a", HeardAgoMs: ms(0)},
		"an empty account": {Name: "a",
			HeardAgoMs: ms(0), Health: &cosignerv1.NodeHealth{Rounds: &cosignerv1.Asked{AdvancedAgoMs: 5}}},
	} {
		if got := mergeAll(tells(noon, 0, r)).Nodes["a"]; got != (failover.Node{Heard: noon}) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
