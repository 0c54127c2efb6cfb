package testimony

import "casper-cosigner/rule/witness"

// most is how many statements of one ping or answer are looked at: all that are kept of the
// members, which come first, and what was stated in some earlier clusters.
func most(m witness.Members) int { return max(128, ofMembers(m)+64) }

// checks is how many signatures are verified for one member in a second: all that are kept of the
// members, so that one ping suffices, and no more. Whoever sends false ones must not keep this
// process busy.
func checks(m witness.Members) int { return max(64, ofMembers(m)) }

// ofMembers is how many statements a book shows of all members.
func ofMembers(m witness.Members) int { return len(m.Keys) * witness.Each }
