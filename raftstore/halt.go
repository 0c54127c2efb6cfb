package raftstore

import "sync"

// halt is the store's end, after which nothing is applied or reported as done.
type halt struct {
	fatal func(error)
	once  sync.Once
	done  chan struct{} // closed once err is set
	err   error
}

func newHalt(fatal func(error)) *halt { return &halt{fatal: fatal, done: make(chan struct{})} }

// stop ends the store. Only the first call counts.
func (h *halt) stop(err error) {
	h.once.Do(func() {
		h.err = err
		close(h.done)
		h.fatal(err)
	})
}

func (h *halt) stopped() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}
