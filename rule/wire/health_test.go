package wire

import (
	"math"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

var epoch = time.Unix(1_900_000_000, 0)

// at is so many seconds after the epoch.
func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// full is a node of which all is known that an agent knows.
func full() failover.Node {
	return failover.Node{
		Asks: failover.Asks{Place: failover.Place{Era: 17, Round: 31, Height: 1205},
			Rounds: failover.Progress{Asked: at(5), Advanced: at(4)}, Heights: failover.Progress{Asked: at(6), Advanced: at(3)}},
		Status: failover.Status{At: at(1), Error: "no", Reactor: "Validate", Era: 16, EraAt: at(2.5), Height: 1204,
			Lowest: 200, Round: 8 * time.Second, Key: "01ab", Peers: 3, Version: "2.0.3", UpgradeEra: 18},
		Blocked: at(7), Refused: at(6.5), Shutdown: at(8), Fault: at(9), FaultEra: 15,
		Evidence: failover.Evidence{Error: "half of it",
			Ballots: [2]casper.Ballot{
				{Kind: casper.KindEcho, Instance: casper.Hash{1}, Validator: 2, Round: 3, Value: casper.Hash{4},
					Signature: casper.Signature{5}},
				{Kind: casper.KindVote, Instance: casper.Hash{6}, Validator: 7, Round: 8, Value: casper.Hash{1},
					Signature: casper.Signature{9}}}},
		EventsError: "404", LeftoverKey: "/key.pem", Undrilled: "2.2.2", Unknown: "chainspec",
		LostLeads: [failover.Leads]time.Time{at(10), at(9.5), at(8.5)},
		Gate: failover.Gate{At: at(9), Error: "hung", Refused: at(8), RefusedEra: 17, Voted: at(7), VotedEra: 16,
			Started: at(6), Took: 53 * time.Second, Ordered: at(5), OrderedEra: 15, Orders: 2,
			OrderError: "exit status 4", Passed: at(4), Failing: at(3)},
		Finals: [failover.Finals]failover.Final{{Finality: casper.Finality{Block: casper.Hash{1}, Height: 9, Era: 7,
			ChainName: casper.Hash{2}}, Signature: casper.Signature{3}}},
	}
}

// told is full at 10.5.
func told() *cosignerv1.NodeHealth {
	return &cosignerv1.NodeHealth{
		StatusAgoMs: proto.Uint64(9500), StatusError: "no", ReactorState: "Validate",
		Block:         &cosignerv1.Block{Era: 16, Height: 1204},
		RoundLengthMs: 8000, PublicKey: "01ab", LowestHeight: 200, Peers: 3, UpgradeEra: proto.Uint64(18), Version: "2.0.3",
		Rounds:    &cosignerv1.Asked{AgoMs: proto.Uint64(5500), AdvancedAgoMs: 6500, Era: 17, Round: 31},
		Heights:   &cosignerv1.Asked{AgoMs: proto.Uint64(4500), AdvancedAgoMs: 7500, Height: 1205},
		BlockedMs: proto.Uint64(3500), RefusedMs: proto.Uint64(4000),
		ShutdownAgoMs: proto.Uint64(2500), FaultAgoMs: proto.Uint64(1500), FaultEra: 15,
		FaultEvidence: &cosignerv1.FaultEvidence{Error: "half of it", Ballots: []*cosignerv1.Ballot{
			{Instance: bytes(32, 1), Validator: 2, Round: 3, Content: &cosignerv1.Ballot_Echo{Echo: bytes(32, 4)},
				Signature: bytes(64, 5)},
			{Instance: bytes(32, 6), Validator: 7, Round: 8, Content: &cosignerv1.Ballot_Vote{Vote: true},
				Signature: bytes(64, 9)}}},
		EventsError: "404", LeftoverKey: "/key.pem", Undrilled: "2.2.2", LostLeadsAgoMs: []uint64{500, 1000, 2000},
		UnknownInstance: "chainspec",
		EraAgoMs:        proto.Uint64(8000),
		Gate: &cosignerv1.GateHealth{AgoMs: proto.Uint64(1500), Error: "hung", RefusedAgoMs: proto.Uint64(2500),
			RefusedEra: 17, VotedAgoMs: proto.Uint64(3500), VotedEra: 16, StartedAgoMs: proto.Uint64(4500), TookMs: 53000,
			OrderedAgoMs: proto.Uint64(5500), OrderedEra: 15, Orders: 2, OrderError: "exit status 4",
			PassedAgoMs: proto.Uint64(6500), FailingMs: proto.Uint64(7500)},
		Finals: []*cosignerv1.FinalSeen{{Block: bytes(32, 1), Height: 9, Era: 7, ChainNameHash: bytes(32, 2),
			Signature: bytes(64, 3)}},
	}
}

// bytes is n bytes that begin with first.
func bytes(n int, first byte) []byte {
	b := make([]byte, n)
	b[0] = first
	return b
}

// TestBallot: what is not as long as it must be, or says nothing, is no ballot.
func TestBallot(t *testing.T) {
	good := func() *cosignerv1.Ballot {
		return &cosignerv1.Ballot{Instance: bytes(32, 1), Signature: bytes(64, 5),
			Content: &cosignerv1.Ballot_Vote{Vote: false}}
	}
	if b, ok := Ballot(good()); !ok || b.Kind != casper.KindVote || b.Value != (casper.Hash{}) {
		t.Errorf("%+v, %v", b, ok)
	}
	for name, spoil := range map[string]func(*cosignerv1.Ballot){
		"an instance that is short":  func(b *cosignerv1.Ballot) { b.Instance = bytes(31, 1) },
		"a signature that is long":   func(b *cosignerv1.Ballot) { b.Signature = bytes(65, 1) },
		"no content":                 func(b *cosignerv1.Ballot) { b.Content = nil },
		"an echo of no proposal":     func(b *cosignerv1.Ballot) { b.Content = &cosignerv1.Ballot_Echo{} },
		"an echo with more than one": func(b *cosignerv1.Ballot) { b.Content = &cosignerv1.Ballot_Echo{Echo: bytes(33, 1)} },
	} {
		b := good()
		spoil(b)
		n := Node(&cosignerv1.NodeHealth{FaultEvidence: &cosignerv1.FaultEvidence{Ballots: []*cosignerv1.Ballot{b, good(),
			good()}}}, at(1))
		if (n.Evidence.Ballots[0] != casper.Ballot{}) || n.Evidence.Ballots[1].Kind != casper.KindVote {
			t.Errorf("%s: %+v", name, n.Evidence)
		}
	}
	if _, ok := Ballot(nil); ok {
		t.Error("nothing is a ballot")
	}
}

func TestHealth(t *testing.T) {
	if got := Health(failover.Node{}, at(1)); !proto.Equal(got, &cosignerv1.NodeHealth{}) {
		t.Errorf("of a node that was never heard of: %v", got)
	}
	if got := Health(full(), at(10.5)); !proto.Equal(got, told()) {
		t.Errorf("got  %v\nwant %v", got, told())
	}
	if got := Health(full(), at(0)); got.GetStatusAgoMs() != 0 || got.StatusAgoMs == nil {
		t.Errorf("an age of less than nothing: %v", got.StatusAgoMs)
	}
	if got := Node(told(), at(10.5)); got != full() {
		t.Errorf("got  %+v\nwant %+v", got, full())
	}
}

// TestHealthForgetsNothing: no field of the message or of a node is left out above, so that a new
// one is not forgotten.
func TestHealthForgetsNothing(t *testing.T) {
	byPing := map[string]bool{"Heard": true, "HeardByAgent": true} // a ping says those by itself
	var look func(v reflect.Value, path string)
	look = func(v reflect.Value, path string) {
		if v.IsZero() && !byPing[path] {
			t.Errorf("%s is not tested", path)
		}
		if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				look(v.Field(i), f.Name)
			}
		}
	}
	look(reflect.ValueOf(told()).Elem(), "the message")
	look(reflect.ValueOf(full()), "the node")
}

// TestNode: each age counts from when it was told, one that is not told is never, and one
// without end is a year.
func TestNode(t *testing.T) {
	for name, h := range map[string]*cosignerv1.NodeHealth{
		"nothing":  nil,
		"empty":    {},
		"no asked": {Rounds: &cosignerv1.Asked{AdvancedAgoMs: 5}},
	} {
		if got := Node(h, at(1)); got != (failover.Node{}) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	got := Node(&cosignerv1.NodeHealth{BlockedMs: proto.Uint64(math.MaxUint64), LostLeadsAgoMs: []uint64{0, 0, 0, 9}},
		at(1))
	if got.Blocked != at(1).Add(-maxAge) || got.LostLeads != [failover.Leads]time.Time{at(1), at(1), at(1)} {
		t.Errorf("got %+v", got)
	}
}
