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
	if r.due(what) {
		r.log.Error().Bool("alarm", true).Str("cosigner", leader).Err(err).Msg("ALARM: that cosigner is hostile, or its " +
			"program or its disk is broken: take it out of service. Nothing of it was stored here, and until another one " +
			"leads this one falls behind")
	}
	return err
}

// founding tells now and then that this member does not follow a founding yet, and returns the
// error with whose that is. That one need not be hostile: it may not have been shown the same.
func (r *refusals) founding(leader string, err error) error {
	err = fmt.Errorf("not following the founding that cosigner %s leads, until nothing stands against it: %w", leader, err)
	if r.due("founding") {
		r.log.Error().Str("cosigner", leader).Err(err).Msg("the cluster is being founded, and this cosigner " +
			"holds something against that: unless it is a mistake, stop all cosigners")
	}
	return err
}

// impostor tells now and then of a message that names another member than the one that sent it, and
// returns the error with whom it is about.
func (r *refusals) impostor(peer, kind string, err error) error {
	err = fmt.Errorf("refusing a %s of cosigner %s, as no honest one sends: %w", kind, peer, err)
	if r.due(peer + ": " + kind) {
		r.log.Error().Bool("alarm", true).Str("cosigner", peer).Err(err).Msg("ALARM: that cosigner is hostile, or its " +
			"program is broken: take it out of service. It speaks in another one's name, and was not heard")
	}
	return err
}

// pretender tells now and then of a member that acts as the leader and is not known as that, and
// returns the error with whom it is about. One that led until a moment ago need not be hostile.
func (r *refusals) pretender(peer string, err error) error {
	err = fmt.Errorf("refusing what cosigner %s says: %w", peer, err)
	if r.due(peer + ": not the leader") {
		r.log.Warn().Str("cosigner", peer).Err(err).Msg("a cosigner that does not lead hands the lead over, and " +
			"was not heard: once, after a change of the leader, that is nothing; again and again it is hostile")
	}
	return err
}

// due reports whether that is to be told now.
func (r *refusals) due(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if at, ok := r.said[what]; ok && now.Sub(at) < refusedEach {
		return false
	}
	r.said[what] = now
	return true
}

// forget has the next one told at once.
func (r *refusals) forget(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.said, what)
}
