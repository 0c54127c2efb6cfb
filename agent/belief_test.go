package agent_test

import (
	"context"
	"crypto/ed25519"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/lead"
	"casper-cosigner/rule/wire"
)

const refusesStale = cosignerv1.RefusalReason_REFUSAL_REASON_STALE

// no is a refusal that the named cosigner decided, as it says.
func no(by string, why cosignerv1.RefusalReason) *cosignerv1.SignResponse {
	return &cosignerv1.SignResponse{DecidedBy: by,
		Answer: &cosignerv1.SignResponse_Refused{Refused: &cosignerv1.Refused{Reason: why}}}
}

// signed is an answer with a signature of what was asked for.
func signed(key ed25519.PrivateKey, r *cosignerv1.SignRequest, by string) *cosignerv1.SignResponse {
	m, err := wire.Message(r)
	if err != nil {
		return nil
	}
	return &cosignerv1.SignResponse{DecidedBy: by, Answer: &cosignerv1.SignResponse_Signed{
		Signed: &cosignerv1.Signed{Signature: ed25519.Sign(key, m.SignBytes())}}}
}

// told is what an Agent told of a request.
type told struct {
	message  casper.Message
	answered bool
}

// name has all cosigners answer a ping: the first names itself, as one that is compromised does,
// and the others the leader.
func (r *rig) name(leader string) {
	for i, c := range r.cosigners {
		p := lead.Ping{Leader: leader, Term: 5}
		if i == 0 {
			p = lead.Ping{Leader: c.name, Term: 99}
		}
		r.Pinged(c.name, p, time.Now())
	}
}

// within asks for a signature as a node does, which gives up after that time.
func (r *rig) within(t *testing.T, d time.Duration) (*cosignerv1.SignResponse, error) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return r.Sign(ctx, wire.Request(vote))
}

// TestRefusedByOne: one cosigner refuses everything in its own name. Whatever the agent knows of
// who leads, every request is signed by the others.
func TestRefusedByOne(t *testing.T) {
	for name, pings := range map[string]func(*rig){
		"pings name the leader":            func(r *rig) { r.name("cosigner-2") },
		"they name it, and it is the last": func(r *rig) { r.name("cosigner-3") },
		"no pings":                         func(*rig) {},
		"the others' pings are lost": func(r *rig) {
			r.name("cosigner-2")
			r.Pinged("cosigner-2", lead.Ping{Lost: true}, time.Now())
			r.Pinged("cosigner-3", lead.Ping{Lost: true}, time.Now())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.cosigners[0].no = true
				for _, c := range r.cosigners[1:] {
					c.knows = "cosigner-2"
				}
				signed := 0
				for i := range 200 {
					if i%10 == 0 {
						pings(r)
					}
					if answer, err := r.within(t, 250*time.Millisecond); err == nil && answer.GetSigned() != nil {
						signed++
					}
					time.Sleep(10 * time.Millisecond)
				}
				if signed != 200 {
					t.Errorf("%d of 200 were signed", signed)
				}
			})
		})
	}
}

// TestRefusedByLeader: a refusal by the leader that the cosigners name is final: nobody else is
// asked. If they name nobody, or another, all are, and the node gets the refusal that there is.
func TestRefusedByLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for _, c := range r.cosigners {
			c.no, c.knows = true, "cosigner-2"
		}
		r.name("cosigner-2")
		for _, want := range [][3]int{{0, 1, 0}, {1, 1, 1}} {
			if answer, err := r.within(t, 250*time.Millisecond); err != nil || answer.GetRefused() == nil {
				t.Errorf("got %v, %v", answer, err)
			}
			if n := r.asked(); n != want {
				t.Errorf("asked %v, want %v", n, want)
			}
			r.Pinged("cosigner-3", lead.Ping{Leader: "cosigner-3", Term: 6}, time.Now())
		}
	})
}

// TestRefusedInTime: while others leave it unanswered, the node gets one's refusal before it gives
// up.
func TestRefusedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cosigners[0].no, r.cosigners[1].hang, r.cosigners[2].hang = true, true, true
		start := time.Now()
		answer, err := r.within(t, 250*time.Millisecond)
		if took := time.Since(start); err != nil || answer.GetRefused() == nil || took > 240*time.Millisecond {
			t.Errorf("got %v, %v after %v", answer, err, took)
		}
	})
}

// TestLies: an answer that is not what it claims to be counts as none: another cosigner is asked.
func TestLies(t *testing.T) {
	other, next := vote, vote
	other.Value = false
	next.ID++
	sign := func(key ed25519.PrivateKey, m casper.Message) casper.Signature {
		return casper.Signature(ed25519.Sign(key, m.SignBytes()))
	}
	bound := func(m casper.Message, s casper.Signature) *cosignerv1.SignResponse {
		return &cosignerv1.SignResponse{DecidedBy: "cosigner-1",
			Answer: &cosignerv1.SignResponse_Bound{Bound: wire.Bound(m, s)}}
	}
	thief := ed25519.NewKeyFromSeed(make([]byte, 32))
	for name, lie := range map[string]func(key ed25519.PrivateKey) *cosignerv1.SignResponse{
		"signed with another key": func(ed25519.PrivateKey) *cosignerv1.SignResponse {
			return signed(thief, wire.Request(vote), "cosigner-1")
		},
		"signed, of another message": func(k ed25519.PrivateKey) *cosignerv1.SignResponse {
			return signed(k, wire.Request(other), "cosigner-1")
		},
		"bound, never signed": func(ed25519.PrivateKey) *cosignerv1.SignResponse {
			return bound(other, casper.Signature{})
		},
		"bound, of another slot": func(k ed25519.PrivateKey) *cosignerv1.SignResponse {
			return bound(next, sign(k, next))
		},
		"bound, to what was asked for": func(k ed25519.PrivateKey) *cosignerv1.SignResponse {
			return bound(vote, sign(k, vote))
		},
		"neither signed, bound nor refused": func(ed25519.PrivateKey) *cosignerv1.SignResponse {
			return &cosignerv1.SignResponse{DecidedBy: "cosigner-1"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			lies := func(*cosignerv1.SignRequest) *cosignerv1.SignResponse { return lie(r.key) }
			r.cosigners[0].answers, r.cosigners[1].knows = lies, "cosigner-2"
			answer, err := r.within(t, time.Second)
			if err != nil || answer.GetDecidedBy() != "cosigner-2" || !slices.Equal(r.lied, []string{"cosigner-1"}) {
				t.Errorf("got %v, %v; lied: %v", answer, err, r.lied)
			}
			if n := r.asked(); n != [3]int{1, 1, 0} {
				t.Errorf("asked %v", n)
			}
			for _, c := range r.cosigners {
				c.answers = lies
			}
			if answer, err := r.within(t, time.Second); status.Code(err) != codes.Unavailable || len(r.lied) != 4 {
				t.Errorf("all lie: got %v, %v", answer, err)
			}
		})
	}
}

// TestStaleAgain: a request that is refused as stale is signed anew as soon as more is known of the
// log, and asked for once more; the node sees nothing of it.
func TestStaleAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.name("cosigner-2")
		for _, c := range r.cosigners {
			c.answers = func(q *cosignerv1.SignRequest) *cosignerv1.SignResponse {
				if q.GetAskedAt() < 9000 {
					return no("cosigner-2", refusesStale)
				}
				return signed(r.key, q, "cosigner-2")
			}
		}
		time.AfterFunc(60*time.Millisecond, func() { r.position.Store(9001) }) // the first ping after a partition
		answer, err := r.within(t, 250*time.Millisecond)
		if err != nil || answer.GetSigned() == nil || r.nudges.Load() == 0 {
			t.Fatalf("got %v, %v after %d nudges", answer, err, r.nudges.Load())
		}
		sent := r.cosigners[1].last
		verify := r.cluster.File.Verifier().VerifyRequest
		if err := verify("node-a", vote, 9001, [64]byte(sent.GetDatedSignature())); err != nil || sent.GetAskedAt() != 9001 {
			t.Errorf("asked at %d: %v", sent.GetAskedAt(), err)
		}
		if n := r.asked(); n != [3]int{0, 2, 0} || len(r.told) != 1 {
			t.Errorf("asked %v, told %v", n, r.told)
		}
	})
}

// TestStaleStays: without news the node is told, in time.
func TestStaleStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.name("cosigner-2")
		r.cosigners[1].answers = func(*cosignerv1.SignRequest) *cosignerv1.SignResponse {
			return no("cosigner-2", refusesStale)
		}
		start := time.Now()
		answer, err := r.within(t, 250*time.Millisecond)
		if took := time.Since(start); answer.GetRefused().GetReason() != refusesStale || took > 200*time.Millisecond {
			t.Errorf("got %v, %v after %v", answer, err, took)
		}
		if n := r.asked(); n != [3]int{0, 1, 0} {
			t.Errorf("asked %v", n)
		}
	})
}

// TestFirstPings: an agent that was just started waits for its first pings. Cosigners of the
// release before tell nothing: then it asks in the form of before.
func TestFirstPings(t *testing.T) {
	for name, known := range map[string]uint64{"cosigners of this release": 5, "of the one before": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.position.Store(0)
				time.AfterFunc(40*time.Millisecond, func() {
					r.position.Store(known)
					r.name("cosigner-2")
				})
				start := time.Now()
				answer, err := r.within(t, 250*time.Millisecond)
				if took := time.Since(start); err != nil || answer.GetSigned() == nil || took > 60*time.Millisecond {
					t.Errorf("got %v, %v after %v", answer, err, took)
				}
				sent := r.cosigners[1].last
				if sent.GetAskedAt() != known || (len(sent.GetDatedSignature()) > 0) != (known > 0) {
					t.Errorf("asked at %d, signature %x", sent.GetAskedAt(), sent.GetDatedSignature())
				}
			})
		})
	}
}
