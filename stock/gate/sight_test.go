package gate

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/failover"
)

// TestPassedIsTold: that a gate let something pass is told, though it is gone before the agent
// hears of it; what else was seen meanwhile is not.
func TestPassedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []failover.GateSight
		gone := errors.New("nobody is there")
		w := Watch{Tell: func(_ context.Context, s failover.GateSight) error {
			if gone == nil {
				told = append(told, s)
			}
			return gone
		}}
		w.sight.news = make(chan struct{}, 1)
		ctx, end := context.WithCancel(t.Context())
		defer end()
		go w.tell(ctx)
		time.Sleep(3500 * time.Millisecond)
		for _, s := range []failover.GateSight{failover.GateStands, failover.GateHangs, failover.GatePasses,
			failover.GateGone} {
			w.sight.sees(s)
			synctest.Wait()
		}
		gone = nil
		time.Sleep(2 * time.Second)
		if synctest.Wait(); len(told) != 2 || told[0] != failover.GatePasses || told[1] != failover.GateGone {
			t.Errorf("told is %v", told)
		}
		told = nil
		w.sight.sees(failover.GateStands)
		if synctest.Wait(); !slices.Equal(told, []failover.GateSight{failover.GateStands}) {
			t.Errorf("at once it tells %v", told)
		}
	})
}
