package health

import (
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/signer/casper"
)

var epoch = time.Unix(1_900_000_000, 0)

// at is so many seconds after the epoch.
func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

func echo(era uint64, round uint32) casper.Message {
	return casper.Echo{Round: casper.Round{Era: era, ID: round}}
}

func vote(era uint64, round uint32) casper.Message {
	return casper.Vote{Round: casper.Round{Era: era, ID: round}}
}

func finality(height uint64) casper.Message { return casper.Finality{Height: height, Era: 99} }

// TestAsked: each kind of slot has a place of its own, which only moves up.
func TestAsked(t *testing.T) {
	messages := []casper.Message{echo(3, 7), vote(3, 7), casper.Handshake{}, finality(50), echo(3, 6), finality(50), finality(49),
		echo(2, 900), vote(3, 8), echo(4, 0), finality(51)}
	rounds := []Asked{
		{At: at(0), Advanced: at(0), Era: 3, Round: 7},
		{At: at(1), Advanced: at(0), Era: 3, Round: 7},
		{At: at(1), Advanced: at(0), Era: 3, Round: 7},
		{At: at(1), Advanced: at(0), Era: 3, Round: 7},
		{At: at(4), Advanced: at(0), Era: 3, Round: 7},
		{At: at(4), Advanced: at(0), Era: 3, Round: 7},
		{At: at(4), Advanced: at(0), Era: 3, Round: 7},
		{At: at(7), Advanced: at(0), Era: 3, Round: 7},
		{At: at(8), Advanced: at(8), Era: 3, Round: 8},
		{At: at(9), Advanced: at(9), Era: 4, Round: 0},
		{At: at(9), Advanced: at(9), Era: 4, Round: 0},
	}
	heights := []Asked{
		{}, {}, {},
		{At: at(3), Advanced: at(3), Height: 50},
		{At: at(3), Advanced: at(3), Height: 50},
		{At: at(5), Advanced: at(3), Height: 50},
		{At: at(6), Advanced: at(3), Height: 50},
		{At: at(6), Advanced: at(3), Height: 50},
		{At: at(6), Advanced: at(3), Height: 50},
		{At: at(6), Advanced: at(3), Height: 50},
		{At: at(10), Advanced: at(10), Height: 51},
	}
	var r Report
	for i, m := range messages {
		r.asked(m, true, at(float64(i)))
		if r.Rounds != rounds[i] {
			t.Errorf("after %d, %v: rounds %+v, want %+v", i, m.Kind(), r.Rounds, rounds[i])
		}
		if r.Heights != heights[i] {
			t.Errorf("after %d, %v: heights %+v, want %+v", i, m.Kind(), r.Heights, heights[i])
		}
	}
}

// TestAskedForTheFirst: the first round of the first era and the genesis block are places like others.
func TestAskedForTheFirst(t *testing.T) {
	var r Report
	r.asked(echo(0, 0), true, at(1))
	r.asked(finality(0), true, at(2))
	if r.Rounds.Advanced != at(1) || r.Heights.Advanced != at(2) {
		t.Errorf("rounds %+v, heights %+v", r.Rounds, r.Heights)
	}
}

func TestBlocked(t *testing.T) {
	var r Report
	steps := []struct {
		m        casper.Message
		answered bool
		want     time.Time
	}{
		{echo(1, 1), true, time.Time{}},
		{vote(1, 1), false, at(1)},
		{finality(5), false, at(1)},
		{casper.Handshake{}, false, at(1)},
		{echo(1, 2), true, time.Time{}},
		{casper.Handshake{}, false, at(5)},
		{casper.Handshake{}, true, time.Time{}},
	}
	for i, s := range steps {
		if r.asked(s.m, s.answered, at(float64(i))); r.Blocked != s.want {
			t.Errorf("after %d: blocked since %v, want %v", i, r.Blocked, s.want)
		}
	}
}

// TestShutdown: it is forgotten once the node runs again, and not by an answer that the ending process gave.
func TestShutdown(t *testing.T) {
	up := func(d time.Duration) func(*Report) { return func(r *Report) { r.answered(Status{Uptime: d}, at(10)) } }
	asks := func(seconds float64) func(*Report) {
		return func(r *Report) { r.asked(casper.Handshake{}, true, at(seconds)) }
	}
	tests := map[string]struct {
		then  func(*Report)
		known bool
	}{
		"an answer of before":          {up(time.Hour), true},
		"just older than the shutdown": {up(10*time.Second + time.Millisecond), true},
		"started since":                {up(3 * time.Second), false},
		"started at once":              {up(10 * time.Second), false},
		"a request of before":          {asks(2), true},
		"it asks again":                {asks(2.001), false},
	}
	for name, test := range tests {
		r := Report{Shutdown: at(0)}
		if test.then(&r); r.Shutdown.IsZero() == test.known {
			t.Errorf("%s: shutdown %v", name, r.Shutdown)
		}
	}
}

func TestFault(t *testing.T) {
	var r Report
	steps := []struct {
		era  uint64
		new  bool
		at   time.Time
		last uint64
	}{
		{7, true, at(0), 7}, {7, false, at(0), 7}, {6, false, at(0), 7}, {8, true, at(3), 8},
	}
	for i, s := range steps {
		if got := r.fault(s.era, at(float64(i))); got != s.new || r.Fault != s.at || r.FaultEra != s.last {
			t.Errorf("after %d: new %v, fault %v of era %d", i, got, r.Fault, r.FaultEra)
		}
	}
	r = Report{}
	if !r.fault(0, at(1)) || r.Fault != at(1) {
		t.Error("a fault in the first era does not count")
	}
}

func TestHealth(t *testing.T) {
	if got := (Report{}).Health(at(1)); !proto.Equal(got, &cosignerv1.NodeHealth{}) {
		t.Errorf("of a node that was never heard of: %v", got)
	}
	r := Report{
		Status: validating(), StatusAt: at(1), StatusError: "no",
		Rounds: Asked{At: at(5), Advanced: at(4), Era: 17, Round: 31}, Heights: Asked{At: at(6), Advanced: at(3), Height: 1205},
		Blocked: at(7), Shutdown: at(8), Fault: at(9), FaultEra: 16, LeftoverKey: "/key.pem",
	}
	want := &cosignerv1.NodeHealth{
		StatusAgoMs: proto.Uint64(9500), StatusError: "no", ReactorState: "Validate", Block: &cosignerv1.Block{Era: 17, Height: 1204},
		RoundLengthMs: 8000, PublicKey: validating().Key, LowestHeight: 200, Peers: 3, UpgradeEra: proto.Uint64(18),
		Version:   "2.0.3-0123abcde-cosigner1",
		Rounds:    &cosignerv1.Asked{AgoMs: proto.Uint64(5500), AdvancedAgoMs: 6500, Era: 17, Round: 31},
		Heights:   &cosignerv1.Asked{AgoMs: proto.Uint64(4500), AdvancedAgoMs: 7500, Height: 1205},
		BlockedMs: proto.Uint64(3500), ShutdownAgoMs: proto.Uint64(2500), FaultAgoMs: proto.Uint64(1500), FaultEra: 16,
		LeftoverKey: "/key.pem",
	}
	if got := r.Health(at(10.5)); !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	// No field of the message is left out above, so that a new one is not forgotten here.
	fields := reflect.TypeFor[cosignerv1.NodeHealth]()
	for i := range fields.NumField() {
		if f := fields.Field(i); f.IsExported() && reflect.ValueOf(want).Elem().Field(i).IsZero() {
			t.Errorf("%s is not tested", f.Name)
		}
	}
	if got := r.Health(at(0)); got.GetStatusAgoMs() != 0 || got.StatusAgoMs == nil {
		t.Errorf("an age of less than nothing: %v", got.StatusAgoMs)
	}
}
