package wire

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

// TestOrder: an order is told with its age, and is one of that age on the other's clock.
func TestOrder(t *testing.T) {
	o := failover.Order{Epoch: 4, Era: 7, Cause: failover.RearmWorth, Why: "an hour is left", At: at(5)}
	told := Order(o, at(7.5))
	want := &cosignerv1.RestartOrder{Epoch: 4, Era: 7, Cause: "worth", Why: "an hour is left", AgoMs: 2500}
	if !proto.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	o.At = at(97.5)
	if got := ToldOrder(told, at(100)); got != o {
		t.Errorf("%+v, want %+v", got, o)
	}
	if Order(failover.Order{}, at(1)) != nil || ToldOrder(nil, at(1)) != (failover.Order{}) {
		t.Error("no order is one")
	}
	if got := Order(failover.Order{Epoch: 1, At: at(8)}, at(7)); got.GetAgoMs() != 0 {
		t.Errorf("%v", got)
	}
	told.AgoMs = 1<<64 - 1
	if got := ToldOrder(told, at(100)); at(100).Sub(got.At) != 365*24*time.Hour {
		t.Errorf("%v", got.At)
	}
}
