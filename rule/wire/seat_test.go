package wire

import (
	"math"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/seat"
)

// TestSeat: what a cosigner says of itself arrives, and forgets no field.
func TestSeat(t *testing.T) {
	w := seat.Word{Reach: map[string]time.Duration{"c1": 1500 * time.Microsecond, "c2": 80 * time.Millisecond}, Fit: true,
		Up: at(2), Handed: at(7)}
	for i, v := 0, reflect.ValueOf(w); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not tried", v.Type().Field(i).Name)
		}
	}
	r := &cosignerv1.GatherResponse{ListeningMs: 8000, Seat: Seat(w, at(10))}
	if got := Word(r, at(10)); !reflect.DeepEqual(got, w) {
		t.Errorf("got  %+v\nwant %+v", got, w)
	}
}

// TestWordOfOthers: one that says nothing, as an older version does, would not lead and measured
// nothing; and no number overflows.
func TestWordOfOthers(t *testing.T) {
	got := Word(&cosignerv1.GatherResponse{ListeningMs: 1000}, at(10))
	if want := (seat.Word{Up: at(9), Reach: map[string]time.Duration{}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	got = Word(&cosignerv1.GatherResponse{ListeningMs: math.MaxUint64, Seat: &cosignerv1.Seat{
		HandedAgoMs: proto.Uint64(math.MaxUint64), Reach: []*cosignerv1.Reach{{Name: "c1", RttUs: math.MaxUint64}}}}, at(10))
	if got.Reach["c1"] != time.Hour || got.Up.After(at(10)) || got.Handed.After(at(10)) || got.Handed.IsZero() {
		t.Errorf("got %+v", got)
	}
}

// TestReached: of an agent's round trips those to members count that it has reached lately.
func TestReached(t *testing.T) {
	got := Reached(&cosignerv1.NodeReport{Reach: []*cosignerv1.Reach{
		{Name: "c1", AnsweredAgoMs: proto.Uint64(0), RttUs: 700}, {Name: "c2", AnsweredAgoMs: proto.Uint64(10000), RttUs: 1},
		{Name: "c3", AnsweredAgoMs: proto.Uint64(10001), RttUs: 1}, {Name: "c4", RttUs: 1},
	}})
	if want := map[string]time.Duration{"c1": 700 * time.Microsecond, "c2": time.Microsecond}; !reflect.DeepEqual(got,
		want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Reached(nil); len(got) != 0 {
		t.Errorf("of a node that was never heard: %v", got)
	}
}
