package daemon

import (
	"reflect"
	"testing"
	"time"

	"casper-cosigner/rule/seat"
)

// TestSeatSettings: where the lead is goes by the cluster file's cosigners, threshold and pings.
func TestSeatSettings(t *testing.T) {
	c := unusual(t)
	want := seat.Settings{Self: "cosigner-2", Members: []string{"cosigner-1", "cosigner-2", "cosigner-3"},
		Majority: 2, Threshold: c.File.Threshold, PingInterval: time.Duration(c.File.Failover.PingInterval),
		Steady: time.Minute, Rest: 10 * time.Minute}
	if got := seatSettings(c.File, "cosigner-2"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
