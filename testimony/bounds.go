package testimony

import (
	"time"

	"casper-cosigner/rule/witness"
)

// most is how many statements of one ping or answer are looked at: all that are kept of the
// members, which come first, and what was stated in some earlier clusters.
func most(m witness.Members) int { return max(128, ofMembers(m)+64) }

// checks is how many signatures are verified for one member in a second: all that are kept of the
// members, so that one ping suffices, and no more. Whoever sends false ones must not keep this
// process busy.
func checks(m witness.Members) int { return max(64, ofMembers(m)) }

// ofMembers is how many statements a book shows of all members.
func ofMembers(m witness.Members) int { return len(m.Keys) * witness.Each }

// budgets are how many signatures were verified for whom lately.
type budgets map[string]*budget

// budget is how many were in the second that began at from.
type budget struct {
	from time.Time
	used int
}

// may reports whether another signature may be verified for that member now.
func (b budgets) may(m witness.Members, from string, now time.Time) bool {
	left := b[from]
	if left == nil || now.Sub(left.from) >= time.Second {
		left = &budget{from: now}
		b[from] = left
	}
	left.used++
	return left.used <= checks(m)
}
