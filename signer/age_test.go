package signer

import (
	"context"
	"testing"
	"testing/synctest"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

const stale = cosignerv1.RefusalReason_REFUSAL_REASON_STALE

// asked has the request asked at that index, by node-a.
func (r *rig) asked(m casper.Message, at uint64) (Answer, error) {
	return r.Sign(r.t.Context(), watermark.Claim{Message: m, Node: "node-a", AskedAt: at,
		Signature: r.cluster.Dated(r.t, "node-a", m, at)})
}

// TestAge: what was asked too many entries ago, later than now, or without a date binds nothing and
// costs no entry. What a slot holds is finished whatever the age of the request, its own or
// another.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.log.skipped = 2 * machine.MaxAge
		last := r.log.Next().Index - 1
		for name, at := range map[string]uint64{
			"one too old": last - machine.MaxAge, "kept for long": 3, "in the future": last + 1, "without a date": 0,
		} {
			_, err := r.asked(vote(10, 1, true), at)
			t.Log(name)
			wantReason(t, err, stale)
		}
		if n := r.log.claims(); n != 0 {
			t.Errorf("%d entries", n)
		}
		if _, err := r.asked(vote(10, 1, true), last+1-machine.MaxAge); err != nil {
			t.Errorf("as old as may be: %v", err)
		}
		r.log.skipped += 9 * machine.MaxAge
		for value, at := range map[bool]uint64{true: last, false: 3} {
			if a, err := r.asked(vote(10, 1, value), at); err != nil || a.Message != casper.Message(vote(10, 1, true)) {
				t.Errorf("asked at %d for a slot that is bound: %v, %v", at, a, err)
			}
		}
	})
}

// TestKeptByCosigner: a request that went astray at a compromised cosigner is passed on by it, as
// it is, when the node has long voted otherwise elsewhere.
func TestKeptByCosigner(t *testing.T) {
	s := newServed(t)
	kept := s.request(vote(10, 1, true))
	s.rig.log.skipped += machine.MaxAge + 1
	s.caller, kept.Forwarded = cluster.Member{Name: "cosigner-1", Role: cluster.Cosigner}, true
	if r, err := s.Sign(t.Context(), kept); err != nil || r.GetRefused().GetReason() != stale {
		t.Errorf("got %v, %v", r, err)
	}
	fresh := s.request(vote(10, 1, false))
	fresh.Forwarded = true
	if r, err := s.Sign(t.Context(), fresh); err != nil || r.GetSigned() == nil {
		t.Errorf("got %v, %v", r, err)
	}
}

// TestBeforeDates: while a cosigner may not be able to read dates, requests are taken by the
// signature that has none, of agents of both releases, and bound without.
func TestBeforeDates(t *testing.T) {
	s := newServed(t)
	s.rig.log.state = machine.New()
	s.rig.log.state.Apply(machine.Genesis{First: watermark.Mark{Era: 10}, Active: "node-a"})
	both, old := s.request(vote(10, 1, true)), s.request(vote(10, 2, true))
	old.AskedAt, old.DatedSignature = 0, nil
	for _, request := range []*cosignerv1.SignRequest{both, old} {
		if r, err := s.Sign(t.Context(), request); err != nil || r.GetSigned() == nil {
			t.Errorf("got %v, %v", r, err)
		}
	}
	for _, c := range s.rig.log.applied {
		if c.(machine.Claim).AskedAt != 0 {
			t.Errorf("the log has %+v", c)
		}
	}
}

// TestRegistrationAge: an old registration would have the node's present TLS point forgotten.
func TestRegistrationAge(t *testing.T) {
	r := newRig(t, nil)
	points := testPoints(t)
	kept := r.registration("node-a", "node-a", points[0])
	if err := r.Register(context.Background(), kept); err != nil {
		t.Fatal(err)
	}
	r.log.skipped += machine.MaxAge + 1
	if err := r.Register(context.Background(), kept); err != nil {
		t.Errorf("of a point that is registered: %v", err)
	}
	other := kept
	other.Point = points[1]
	other.Signature = r.cluster.File.SignRegistration(r.cluster.Keys["node-a"], "node-a", points[1], other.AskedAt)
	wantReason(t, r.Register(context.Background(), other), stale)
	if err := r.Register(context.Background(), r.registration("node-a", "node-a", points[1])); err != nil {
		t.Error(err)
	}
}
