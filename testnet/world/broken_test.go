package world

import (
	"strings"
	"testing"
	"time"

	"casper-cosigner/signer/failover"
	"casper-cosigner/signer/machine"
	"casper-cosigner/signer/watermark"
)

// brokenRule is a rule of the product, broken, part of what the referee says of it, and the plan in which it does.
type brokenRule struct {
	name  string
	rules Rules
	sees  string
	plan  *Plan // nil: the one that the seed draws
}

// mainDies is a plan in which main is away from the 41st second on for a minute, and failover is as given.
func mainDies(policy failover.Policy, faults ...Fault) *Plan {
	p := calm(append(faults, Fault{Kind: KillHost, At: 41 * time.Second, For: time.Minute})...)
	p.Failover = policy
	return p
}

// powerCuts is a plan in which all cosigners die in the midst of a claim, and the node that asked with them.
func powerCuts() *Plan {
	var faults []Fault
	for at := 13 * time.Second; at < time.Minute; at += 12 * time.Second {
		faults = append(faults, Fault{Kind: Trap, At: at, For: 2 * time.Second, Step: stepSigned, Count: 1, All: true, Keep: true})
	}
	return calm(faults...)
}

// brokenClaims are broken rules of what a slot may hold and whose claim is served.
func brokenClaims() []brokenRule {
	return []brokenRule{
		{"a bound slot takes another value", rebound(false), "a slot changed", nil},
		{"the same, and no cosigner looks into its ledger", rebound(true), "two values were signed", nil},
		{"a leader answers before the commit", Rules{Early: true}, "which the log does not hold", nil},
		{"a cosigner forgets on restart", Rules{Forgets: true}, "a slot changed", powerCuts()},
		{"a claim of the passive node binds in fenced mode", boundAfter(machine.NotActive), "fenced:",
			mainDies(failover.Manual, Fault{Kind: SlipFence, At: 40 * time.Second, For: time.Minute})},
		{"a claim of a suspended node binds", boundAfter(machine.Suspended), "is suspended and bound",
			mainDies(failover.Manual, Fault{Kind: SlipSuspend, At: 40 * time.Second, For: time.Minute})},
		{"nobody is preferred", Rules{
			Decide: func(p *failover.Preference, q Question) failover.Decision {
				if d := p.Decide(q.Roles, q.Node, q.Slot, q.Bound, q.Now); d.Verdict == failover.NotActive {
					return d
				}
				return failover.Decision{Verdict: failover.Serve}
			},
		}, "hostile", flooded()},
		{"the active is served only", Rules{
			Decide: func(p *failover.Preference, q Question) failover.Decision {
				if q.Node != q.Roles.Active {
					return failover.Decision{Verdict: failover.NotPreferred}
				}
				return p.Decide(q.Roles, q.Node, q.Slot, q.Bound, q.Now)
			},
		}, "no vote of ours", mainDies(failover.Manual)},
	}
}

// rebound are rules by which a bound slot takes whatever is claimed.
func rebound(noLedger bool) Rules {
	return Rules{
		Check: func(s *machine.State, c watermark.Claim) machine.Result {
			if r := s.Check(c); r.Outcome != machine.Held {
				return r
			}
			return machine.Result{Outcome: machine.Done, Held: c}
		},
		Apply: func(s *machine.State, c machine.Command) machine.Result {
			r := s.Apply(c)
			if claim, ok := c.(machine.Claim); ok && r.Outcome == machine.Held {
				r.Held = claim.Claim
			}
			return r
		},
		Ledger: noLedger,
	}
}

// boundAfter are rules by which the log binds what it should refuse. Its leader does not propose such a claim, so only one
// that a change of roles overtakes shows it.
func boundAfter(refused machine.Outcome) Rules {
	return Rules{Apply: func(s *machine.State, c machine.Command) machine.Result {
		r := s.Apply(c)
		if claim, ok := c.(machine.Claim); ok && r.Outcome == refused {
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
			Apply: func(s *machine.State, c machine.Command) machine.Result {
				if a, ok := c.(machine.Activate); ok {
					a.Epoch = s.Roles().Epoch
					c = a
				}
				return s.Apply(c)
			},
		}, "were held", mainDies(failover.Auto, Fault{Kind: SlipHold, At: 40 * time.Second, For: time.Minute})},
	}
}

// TestBrokenRules: the referee sees each rule that is broken.
func TestBrokenRules(t *testing.T) {
	for _, c := range append(brokenClaims(), brokenRoles()...) {
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
