package gate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/failover"
)

// TestPassedIsTold: that a gate let something pass is told, though it is gone before the agent
// hears of it; what else was seen meanwhile is not.
func TestPassedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards what follows
		var told []failover.GateSight
		gone := errors.New("nobody is there")
		w := Watch{Tell: func(_ context.Context, s failover.GateSight) error {
			mu.Lock()
			defer mu.Unlock()
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
		mu.Lock()
		gone = nil
		mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		mu.Lock()
		if len(told) != 2 || told[0] != failover.GatePasses || told[1] != failover.GateGone {
			t.Errorf("told is %v", told)
		}
		told = nil
		mu.Unlock()
		w.sight.sees(failover.GateStands)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(told, []failover.GateSight{failover.GateStands}) {
			t.Errorf("at once it tells %v", told)
		}
	})
}
