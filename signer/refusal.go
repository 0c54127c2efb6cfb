package signer

import (
	"errors"
	"fmt"

	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/wire"
)

// ErrUnavailable says that nothing is known: no leader, no quorum, or an outcome that did not come
// in time. What was asked for may or may not be bound; asking again finds out.
var ErrUnavailable = errors.New("unavailable")

// ErrDisputed says that other cosigners refuse a claim that the log holds. Somebody must look; see
// their logs.
var ErrDisputed = errors.New("other cosigners refuse to sign what the log holds")

// Refusal is a definite no. It never leaves a signature of the refused message behind.
type Refusal struct {
	Reason refusal.Reason // a definite one
	Detail string         // for people: what happened and what to do
}

// Error returns reason and detail.
func (r *Refusal) Error() string {
	return fmt.Sprintf("refused, %v: %s", wire.Reason(r.Reason), r.Detail)
}

// Label is the reason as metrics write it: "refused_below_floor".
func (r *Refusal) Label() string { return "refused_" + r.Reason.Label() }

// refuse is a definite no of which there is more to say than its reason.
func refuse(why refusal.Reason, format string, args ...any) error {
	return &Refusal{Reason: why, Detail: fmt.Sprintf(format, args...)}
}

// unserved tells an asker why it gets nothing: a Refusal if that is definite, else an error that
// wraps ErrUnavailable.
func unserved(why refusal.Reason) error {
	if why.Definite() {
		return &Refusal{Reason: why, Detail: why.String()}
	}
	return fmt.Errorf("%v: %w", why, ErrUnavailable)
}
