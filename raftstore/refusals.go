package raftstore

import (
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// refusedEach is how long what a leader sends is refused without another word: it tries again many
// times a second.
const refusedEach = time.Minute

// refusals tells the operator of what a leader sent that no honest one sends.
type refusals struct {
	log zerolog.Logger
	now func() time.Time

	mu   sync.Mutex
	said map[string]time.Time // by what was sent
}

func newRefusals(l zerolog.Logger, now func() time.Time) *refusals {
	return &refusals{log: l, now: now, said: map[string]time.Time{}}
}

// about tells of it now and then, and returns the error with whom it is about.
func (r *refusals) about(leader, what string, err error) error {
	err = fmt.Errorf("refusing what cosigner %s sends as the leader, and no honest one would: a %s: %w", leader, what, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if at, ok := r.said[what]; !ok || now.Sub(at) >= refusedEach {
		r.said[what] = now
		r.log.Error().Bool("alarm", true).Str("cosigner", leader).Err(err).Msg("ALARM: that cosigner is hostile, or its " +
			"program or its disk is broken: take it out of service. Nothing of it was stored here, and until another one " +
			"leads this one falls behind")
	}
	return err
}

// forget has the next one told at once.
func (r *refusals) forget(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.said, what)
}
