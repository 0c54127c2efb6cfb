package world

import (
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/turn"
	"casper-cosigner/rule/watermark"
)

// brokenRule is a rule of the product, broken, part of what the referee says of it, and the plan
// in which it does.
type brokenRule struct {
	name  string
	rules Rules
	sees  string
	plan  *Plan // nil: the one that the seed draws
}

// mainDies is a plan in which main is away from the 41st second on for a minute, and
// failover is as given.
func mainDies(policy failover.Policy, faults ...Fault) *Plan {
	p := calm(append(faults, Fault{Kind: KillHost, At: 41 * time.Second, For: time.Minute})...)
	p.Failover = policy
	return p
}

// powerCuts is a plan in which all cosigners die in the midst of a claim, and the node that
// asked with them.
func powerCuts() *Plan {
	var faults []Fault
	for at := 13 * time.Second; at < time.Minute; at += 12 * time.Second {
		faults = append(faults, Fault{Kind: Trap, At: at, For: 2 * time.Second, Step: stepSigned, Count: 1, All: true,
			Keep: true})
	}
	return calm(faults...)
}

// brokenClaims are broken rules of what a slot may hold and whose claim is served.
func brokenClaims() []brokenRule {
	return []brokenRule{
		{"a bound slot takes another value", rebound(false), "a slot changed", nil},
		{"the same, and no cosigner looks into its ledger", rebound(true), "two values were signed", nil},
		{"a leader answers before the commit", Rules{Early: true}, "which the log does not hold", nil},
		{"a cosigner forgets on restart", Rules{Forgets: true}, "stores another founding", powerCuts()},
		{"a claim of the passive node binds in fenced mode", boundAfter(refusal.NotActive), "fenced:",
			mainDies(failover.Manual, Fault{Kind: SlipFence, At: 40 * time.Second, For: time.Minute})},
		{"a claim of a suspended node binds", boundAfter(refusal.Suspended), "is suspended and bound",
			mainDies(failover.Manual, Fault{Kind: SlipSuspend, At: 40 * time.Second, For: time.Minute})},
		{"nobody is preferred", served(func(turn.Facts, casper.Slot) bool {
			return true
		}), "the hostile standby went ahead of main", flooded()},
		{"main is not preferred for the newest round", served(func(f turn.Facts, s casper.Slot) bool {
			return s.Era == f.Bound.Era && s.Round <= f.Bound.Round
		}), "the hostile standby took our slots", flooded()},
		{"a cosigner that was paused works off what piled up", Rules{Hasty: true}, "an asker that gave up",
			pauses(PauseLeader)},
		{"the active is served only", Rules{
			Decide: func(d *turn.Desk, f turn.Facts, r turn.Request, now time.Time) turn.Decision {
				if f.Would.Outcome == machine.Done && r.Node != f.Roles.Active {
					return turn.Decision{Do: turn.Refuse, Why: refusal.NotPreferred}
				}
				return d.Decide(f, r, now)
			},
		}, "no vote of ours", mainDies(failover.Manual)},
		{"no echo is signed", neverSigned(casper.KindEcho), "was ours to lead, and was skipped", calm()},
		{"no finality signature is made", neverSigned(casper.KindFinality), "has no finality signature of ours", calm()},
	}
}

// pauses is a plan in which a cosigner stands still for less than an election takes, whenever
// a round begins.
func pauses(k Kind) *Plan {
	var faults []Fault
	for at := 40900 * time.Millisecond; at < 80*time.Second; at += 4 * time.Second {
		faults = append(faults, Fault{Kind: k, At: at, For: 700 * time.Millisecond})
	}
	return calm(faults...)
}

// served are rules by which whoever comes first is served, where that holds, of those who would
// have to wait for another.
func served(first func(turn.Facts, casper.Slot) bool) Rules {
	return Rules{Decide: func(d *turn.Desk, f turn.Facts, r turn.Request, now time.Time) turn.Decision {
		decision := d.Decide(f, r, now)
		if later := decision.Do == turn.Wait || decision.Why == refusal.NotPreferred; later && first(f, r.Slot) {
			return turn.Decision{Do: turn.Claim, Left: decision.Left}
		}
		return decision
	}}
}

// neverSigned are rules by which one kind of message is refused.
func neverSigned(k casper.Kind) Rules {
	return Rules{Decide: func(d *turn.Desk, f turn.Facts, r turn.Request, now time.Time) turn.Decision {
		if f.Would.Outcome == machine.Done && r.Slot.Kind == k {
			return turn.Decision{Do: turn.Refuse, Why: refusal.NotPreferred}
		}
		return d.Decide(f, r, now)
	}}
}

// brokenCopies are broken rules of what the log holds and its copies come to.
func brokenCopies() []brokenRule {
	calls := int64(0)
	both := func(rounds uint32) func(s *machine.State, p machine.Place, c machine.Command) machine.Result {
		return func(s *machine.State, p machine.Place, c machine.Command) machine.Result {
			r := s.ApplyAt(p, c)
			if claim, ok := c.(machine.Claim); ok && r.Outcome == machine.Done {
				s.Table().Claim(laterRound(claim, rounds))
			}
			return r
		}
	}
	return []brokenRule{
		{"what a copy comes to depends on more than the log",
			Rules{Apply: func(s *machine.State, p machine.Place, c machine.Command) machine.Result {
				if claim, ok := c.(machine.Claim); ok {
					calls++
					claim.TokensLeft = calls
					c = claim
				}
				return s.ApplyAt(p, c)
			}}, "entries and differ", calm()},
		{"a claim binds the next round's slot too",
			Rules{Apply: both(1), Check: rebound(false).Check}, "it was never claimed", calm()},
		{"a claim binds a slot too that nobody asks for", Rules{Apply: both(50)}, "and the log another value", calm()},
		{"a claim is answered with another slot", Rules{Apply: elsewhere}, "was answered with", calm()},
	}
}

// laterRound is the vote so many rounds on.
func laterRound(c machine.Claim, rounds uint32) watermark.Claim {
	if v, ok := c.Message.(casper.Vote); ok {
		v.ID += rounds
		c.Message = v
	}
	return c.Claim
}

// elsewhere answers a claim with another slot than it was for.
func elsewhere(s *machine.State, p machine.Place, c machine.Command) machine.Result {
	r := s.ApplyAt(p, c)
	if claim, ok := c.(machine.Claim); ok && r.Outcome == machine.Done {
		r.Held = laterRound(claim, 1)
	}
	return r
}

// rebound are rules by which a bound slot takes whatever is claimed.
func rebound(noLedger bool) Rules {
	return Rules{
		Check: func(s *machine.State, p machine.Place, c watermark.Claim) machine.Result {
			if r := s.Check(p, c); r.Outcome != machine.Held {
				return r
			}
			return machine.Result{Outcome: machine.Done, Held: c}
		},
		Apply: func(s *machine.State, p machine.Place, c machine.Command) machine.Result {
			r := s.ApplyAt(p, c)
			if claim, ok := c.(machine.Claim); ok && r.Outcome == machine.Held {
				r.Held = claim.Claim
			}
			return r
		},
		Ledger: noLedger,
	}
}

// boundAfter are rules by which the log binds what it should refuse. Its leader does not propose
// such a claim, so only one that a change of roles overtakes shows it.
func boundAfter(why refusal.Reason) Rules {
	return Rules{Apply: func(s *machine.State, p machine.Place, c machine.Command) machine.Result {
		r := s.ApplyAt(p, c)
		if claim, ok := c.(machine.Claim); ok && r.Why == why {
			s.Table().Claim(claim.Claim)
			return machine.Result{Outcome: machine.Done, Held: claim.Claim}
		}
		return r
	}}
}

// brokenRoles are broken rules of who is active.
func brokenRoles() []brokenRule {
	return []brokenRule{
		{"a node is taken to be ready that is not", Rules{
			Judge: func(j *failover.Judge, s failover.State, o failover.Observation, now time.Time) failover.Judgement {
				for name, n := range o.Nodes {
					if name == s.Active {
						continue
					}
					n.Rounds = failover.Progress{Asked: now, Advanced: now}
					n.Place, n.Heard = o.Bound, now
					o.Nodes[name] = n
				}
				return j.Judge(s, o, now)
			},
		}, "is not ready", mainDies(failover.Auto, Fault{Kind: KillHost, Host: 1, At: 21 * time.Second, For: time.Minute})},
		{"nobody is ever replaced", Rules{
			Judge: func(*failover.Judge, failover.State, failover.Observation, time.Time) failover.Judgement {
				return failover.Judgement{Code: failover.Well}
			},
		}, "nobody took over", mainDies(failover.Auto)},
		{"a hold is overlooked", Rules{
			Judge: func(j *failover.Judge, s failover.State, o failover.Observation, now time.Time) failover.Judgement {
				s.HoldUntil = 0
				return j.Judge(s, o, now)
			},
		}, "were held", mainDies(failover.Auto, Fault{Kind: Hold, At: 30 * time.Second, For: time.Minute})},
		{"a change of roles is made on whatever epoch", Rules{
			Apply: func(s *machine.State, p machine.Place, c machine.Command) machine.Result {
				if a, ok := c.(machine.Activate); ok {
					a.Epoch = s.Roles().Epoch
					c = a
				}
				return s.ApplyAt(p, c)
			},
		}, "were held", mainDies(failover.Auto, Fault{Kind: SlipHold, At: 40 * time.Second, For: time.Minute})},
		{"main never becomes active again", judged(func(j failover.Judgement) failover.Judgement {
			if j.Code == failover.Return {
				return failover.Judgement{Code: failover.Well}
			}
			return j
		}), "at the end main has been well", calm(Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second})},
		{"failover is manual, and made", judged(func(j failover.Judgement) failover.Judgement {
			if j.Code == failover.NodeDown || j.Code == failover.Silent {
				j.Act, j.Node, j.Due = failover.Activate, names[standbyHost], time.Time{}
			}
			return j
		}), "which is left to operators", mainDies(failover.Manual)},
		{"who asks furthest is to be active", Rules{
			Judge: func(j *failover.Judge, s failover.State, o failover.Observation, now time.Time) failover.Judgement {
				if name := names[standbyHost]; s.Active != name && further(o.Nodes[name].Place, o.Nodes[s.Active].Place) {
					return failover.Judgement{Code: failover.Behind, Act: failover.Activate, Node: name}
				}
				return j.Judge(s, o, now)
			},
		}, "the hostile standby is to become active", flooded()},
	}
}

// judged are rules by which what is judged becomes something else.
func judged(change func(failover.Judgement) failover.Judgement) Rules {
	return Rules{Judge: func(j *failover.Judge, s failover.State, o failover.Observation,
		now time.Time) failover.Judgement {
		return change(j.Judge(s, o, now))
	}}
}

// brokenEvidence are broken rules of what an equivocation that a node tells of comes to.
func brokenEvidence() []brokenRule {
	tells := Fault{Kind: Evidence, Host: 1, At: 20 * time.Second, For: 10 * time.Second}
	return []brokenRule{
		{"an equivocation is overlooked", Rules{
			Judge: func(j *failover.Judge, s failover.State, o failover.Observation, now time.Time) failover.Judgement {
				for name, n := range o.Nodes {
					n.Fault = time.Time{}
					o.Nodes[name] = n
				}
				return j.Judge(s, o, now)
			},
		}, "nobody held the roles", calm(tells)},
		{"an equivocation that is told again counts again", Rules{
			Judge: func(j *failover.Judge, s failover.State, o failover.Observation, now time.Time) failover.Judgement {
				s.History = nil
				return j.Judge(s, o, now)
			},
		}, "roles are held again", calm(tells, Fault{Kind: KillAgent, Host: 1, At: 40 * time.Second, For: time.Second})},
		{"a node's word is taken for proof", Rules{
			Judge: func(j *failover.Judge, s failover.State, o failover.Observation, now time.Time) failover.Judgement {
				for name, f := range o.Findings {
					f.Proof = failover.Proven
					o.Findings[name] = f
				}
				return j.Judge(s, o, now)
			},
		}, "nobody but us has the key", calm(Fault{Kind: Faked, Host: 1, At: 20 * time.Second})},
		{"a hold by a node's word outlasts its era", judged(func(j failover.Judgement) failover.Judgement {
			if j.Code == failover.Unread && j.Until == 0 {
				j.Act = failover.Nothing
			}
			return j
		}), "has been over for", calm(Fault{Kind: Unread, Host: 1, At: 20 * time.Second})},
	}
}

// noRest are plans of which something does not end, and so nothing that a product could
// keep up with.
func noRest() []brokenRule {
	long := time.Hour
	return []brokenRule{
		{"two cosigners never come back", Rules{}, "at the end the cosigners cannot sign", calm(
			Fault{Kind: KillCosigner, Host: 1, At: 41 * time.Second, For: long},
			Fault{Kind: KillCosigner, Host: 2, At: 41 * time.Second, For: long})},
		{"the standby never comes back", Rules{}, "at the end standby takes no part", calm(
			Fault{Kind: KillNode, Host: standbyHost, At: 41 * time.Second, For: long})},
		{"a foreign validator never comes back", Rules{}, "stands still", calm(
			Fault{Kind: KillNode, Host: firstForeign, At: 41 * time.Second, For: long})},
	}
}

// TestBrokenRules: the referee sees each rule that is broken.
func TestBrokenRules(t *testing.T) {
	for _, c := range slices.Concat(brokenClaims(), brokenCopies(), brokenRoles(), brokenEvidence(), noRest(),
		brokenSeats()) {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(100) {
				r := Run(seed, Options{Rules: c.rules, Plan: c.plan})
				for _, f := range r.Failures {
					if strings.Contains(f, c.sees) {
						t.Logf("seed %d: %s", seed, f)
						return
					}
				}
			}
			t.Errorf("no seed shows %q", c.sees)
		})
	}
}
