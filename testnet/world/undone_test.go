package world

import (
	"slices"
	"strings"
	"testing"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
)

// TestUndone plays worlds in which states of cosigners are put back, or made anew, one, two or all
// of them, or statements shown that nobody made, while one agent is honest, alive and heard.
// Nothing is signed twice, and who has lost nothing is not kept from signing.
func TestUndone(t *testing.T) {
	o := Options{Undone: true}
	if *seedFlag >= 0 {
		playOne(t, o)
		return
	}
	seeds := 60 // make hostile plays more
	if testing.Short() {
		seeds = 50
	}
	if *seedsFlag > 0 {
		seeds = *seedsFlag
	}
	sum := playAll(t, seeds, o)
	t.Logf("%d seeds: %v", seeds, sum)
	for _, c := range []Count{Claims, Votes, Finalities, Shares, Crashes, Elections, Undone} {
		if sum[c] < seeds/2 {
			t.Errorf("%v: %d in %d seeds; the worlds have become too tame", c, sum[c], seeds)
		}
	}
	if sum[Unindexed] < seeds/10 {
		t.Errorf("%d states were put back whose log showed nothing, in %d seeds; the worlds have become too tame",
			sum[Unindexed], seeds)
	}
	if sum[Hoarded] < seeds/5 {
		t.Errorf("%d requests were kept in %d seeds; the worlds have become too tame", sum[Hoarded], seeds)
	}
}

// TestUndoneBites: with a rule broken, it is found.
func TestUndoneBites(t *testing.T) {
	const most = 200
	judged := func(change func(h *witness.Holding, m *witness.Members, known []witness.Signed) []witness.Signed) Rules {
		return Rules{Witness: func(h witness.Holding, m witness.Members, known []witness.Signed) witness.Verdict {
			known = change(&h, &m, slices.Clone(known))
			return witness.Judge(h, m, known)
		}}
	}
	for _, c := range []struct {
		name  string
		rules Rules
		sees  string
	}{
		{"nothing is obeyed, nor any date, and any state taken", trusting(ageless(judged(func(*witness.Holding,
			*witness.Members, []witness.Signed) []witness.Signed {
			return nil
		}))), "two values were signed"},
		{"nobody obeys what a cosigner stated itself", unheld(judged(func(h *witness.Holding, _ *witness.Members,
			known []witness.Signed) []witness.Signed {
			return slices.DeleteFunc(known, func(s witness.Signed) bool { return s.Name == h.Name })
		})), "which the log does not hold"},
		{"no ledger is looked at", unheld(judged(func(_ *witness.Holding, _ *witness.Members,
			known []witness.Signed) []witness.Signed {
			for i := range known {
				known[i].Written = 0
			}
			return known
		})), "was put back"},
		{"one other cosigner is obeyed", judged(func(_ *witness.Holding, m *witness.Members,
			known []witness.Signed) []witness.Signed {
			m.Threshold = 1
			return known
		}), "ours"},
		{"a request never ages", ageless(Rules{}), "thousands of entries ago"},
		{"agents forget", Rules{Vague: true}, "two values were signed"},
		{"cosigners tell only whose states they take", Rules{Aloof: true}, "which the log does not hold"},
		{"a cosigner stores any founding", Rules{Follows: true}, "stores another founding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(most) {
				r := Run(seed, Options{Undone: true, Rules: c.rules})
				if slices.ContainsFunc(r.Failures, func(f string) bool { return strings.Contains(f, c.sees) }) {
					t.Logf("seed %d: %q", seed, r.Failures)
					return
				}
			}
			t.Errorf("nothing like %q is found in %d worlds", c.sees, most)
		})
	}
}

// trusting are rules by which a cosigner takes whatever state another one shows. That alone harms
// nothing here: who has lost what it stated takes no part in the log.
func trusting(r Rules) Rules {
	r.Trusting = true
	return r
}

// unheld are rules by which others do not refuse a cosigner either that does not obey itself.
func unheld(r Rules) Rules {
	r.Unheld = true
	return r
}

// ageless are rules by which the date of a request is nothing. Otherwise one of a log that was put
// back is refused by its date alone: it is ahead of that.
func ageless(r Rules) Rules {
	r.Check = func(s *machine.State, p machine.Place, c watermark.Claim) machine.Result {
		c.AskedAt = p.Index - 1
		return s.Check(p, c)
	}
	r.Apply = func(s *machine.State, p machine.Place, c machine.Command) machine.Result {
		p.Version = machine.Oldest
		return s.ApplyAt(p, c)
	}
	return r
}
