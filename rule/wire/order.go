package wire

import (
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

// Order tells at the time now of a restart that the log orders, with its age instead of a time; nil
// if there is none.
func Order(o failover.Order, now time.Time) *cosignerv1.RestartOrder {
	if o.Epoch == 0 {
		return nil
	}
	return &cosignerv1.RestartOrder{Epoch: o.Epoch, Era: o.Era, Cause: o.Cause, Why: o.Why,
		AgoMs: uint64(max(now.Sub(o.At), 0).Milliseconds())}
}

// ToldOrder is the inverse of Order, on the clock of whoever was told it at the time now.
func ToldOrder(o *cosignerv1.RestartOrder, now time.Time) failover.Order {
	if o == nil {
		return failover.Order{}
	}
	return failover.Order{Epoch: o.GetEpoch(), Era: o.GetEra(), Cause: o.GetCause(), Why: o.GetWhy(),
		At: now.Add(-age(o.GetAgoMs()))}
}
