package gate

import (
	"context"
	"sync"

	"casper-cosigner/rule/failover"
)

// sighted is what was seen last.
type sighted struct {
	news chan struct{} // that it is something else

	mu     sync.Mutex // guards what follows
	sight  failover.GateSight
	passed bool // the agent was not told yet that something was let pass
}

// sees notes what is seen.
func (s *sighted) sees(now failover.GateSight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sight == now {
		return
	}
	s.sight, s.passed = now, s.passed || now == failover.GatePasses
	select {
	case s.news <- struct{}{}:
	default: // it will be told
	}
}

// next returns what is to be told: what was seen last, or that something passed while that was not
// told. A gate that lets it pass is aborted, and is gone a moment later.
func (s *sighted) next() (sight failover.GateSight, passed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passed {
		return failover.GatePasses, true
	}
	return s.sight, false
}

// toldPassed notes that the agent knows that something passed.
func (s *sighted) toldPassed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passed = false
}

// tell tells what is seen, each second and when it is something else.
func (w *Watch) tell(ctx context.Context) {
	again(ctx, w.sight.news, w.Log, func(ctx context.Context) error {
		s, passed := w.sight.next()
		if s == "" {
			return errNothing
		}
		err := w.Tell(ctx, s)
		if err == nil && passed {
			w.sight.toldPassed()
		}
		return err
	})
}
