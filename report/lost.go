package report

import "time"

// Fact is whether something is so, as far as it was seen.
type Fact uint8

// The facts. The zero value is no answer, which is never taken for one.
const (
	Unseen Fact = iota // whoever reports could not see it
	No
	Yes
)

// Seen is the fact of somebody who sees it.
func Seen(is bool) Fact {
	if is {
		return Yes
	}
	return No
}

// Round is a round of consensus that is over, as far as it was seen.
type Round struct {
	Era    uint64
	ID     uint32
	Led    Fact // by our validator
	Block  Fact // one came of it
	Vote   Fact // ours was with the others when it was due
	Struck bool // something of ours was killed, halted or cut off while it was open
}

// Fate is what became of a round for our validator. The package's documentation says what each one
// is.
type Fate uint8

// The fates of a round.
const (
	Kept        Fate = iota
	Unvoted          // lost: a block came of it without our Vote
	Unpublished      // lost: ours to lead, and no block came of it
	Died             // the same, with what of ours was struck: told apart
	Skipped          // another's to lead, and no block came of it
)

// Fate is what became of the round. What was not seen excuses nothing, and accuses of nothing.
func (r Round) Fate() Fate {
	switch {
	case r.Block == No && r.Led == Yes && r.Struck:
		return Died
	case r.Block == No && r.Led == Yes:
		return Unpublished
	case r.Block == No && r.Led == No:
		return Skipped
	case r.Vote == No:
		return Unvoted
	}
	return Kept
}

// Lost reports whether a round of that fate is lost.
func (f Fate) Lost() bool { return f == Unvoted || f == Unpublished }

// Unseen lists in words what of the round was not seen.
func (r Round) Unseen() (all []string) {
	if r.Led == Unseen {
		all = append(all, "who led it")
	}
	if r.Block == Unseen {
		all = append(all, "whether a block came of it")
	}
	if r.Vote == Unseen {
		all = append(all, "whether our vote came")
	}
	return all
}

// Height is a height of the chain, as far as it was seen.
type Height struct {
	Height uint64
	Signed Fact // our finality signature of its block was with the others when it was due
}

// Lost reports whether the height's finality signature is lost.
func (h Height) Lost() bool { return h.Signed == No }

// VoteDue is when our Vote in a round must be with the others that they decided at that time. One
// that is later by less than a block's time was on its way.
func VoteDue(ended time.Time, block time.Duration) time.Time { return ended.Add(block) }

// rewardedBlocks is for how many blocks a finality signature can still be rewarded (casper-node's
// chainspec, signature_rewards_max_delay).
const rewardedBlocks = 6

// FinalityDue is when our finality signature must be with the others of a block that came at that
// time.
func FinalityDue(added time.Time, block time.Duration) time.Time {
	return added.Add(rewardedBlocks * block)
}
