package watermark

import "time"

// The bucket's limits: what may be left over after an advance, and how much faster than the chain's
// own minimum the marks may move.
const (
	burstEras    = 2
	burstHeights = 64
	speedup      = 4
	milli        = 1000
)

// Bucket is the token bucket that lets a mark move no faster than the chain could, so that a
// hostile node cannot walk it past the honest one. Tokens are counted in thousandths of an era or
// height. Only the leader asks it, before it proposes; what is left then goes into the log.
type Bucket struct {
	Burst  int64         // most that may be left over from the last advance, thousandths
	Period time.Duration // least duration of one era or one block, at least a millisecond
}

// EraBucket bounds eras that last at least period.
func EraBucket(period time.Duration) Bucket {
	return Bucket{Burst: burstEras * milli, Period: period}
}

// HeightBucket bounds blocks that are at least period apart.
func HeightBucket(period time.Duration) Bucket {
	return Bucket{Burst: burstHeights * milli, Period: period}
}

// Spend returns what remains after moving a mark up by distance, given what was left after the last
// advance and the time since; it reports false, and spends nothing, when the tokens do not suffice.
func (b Bucket) Spend(left int64, since time.Duration, distance uint64) (int64, bool) {
	tokens := max(0, min(left, b.Burst))
	if since > 0 {
		tokens += since.Milliseconds() * speedup * milli / max(1, b.Period.Milliseconds())
	}
	if distance > uint64(tokens)/milli {
		return tokens, false
	}
	return tokens - int64(distance)*milli, true
}

// MostRounds returns the first round that an era cannot have yet which began so long ago, in a
// chain whose blocks are at least that far apart: as far as Zug takes messages beyond the round
// that the chain can be in. So an era may have any number of rounds, as in Zug, and a hostile node
// can make us keep no more of them than time passes for.
func MostRounds(since, block time.Duration) uint64 {
	passed := max(0, since.Milliseconds()) / max(1, block.Milliseconds())
	return MaxRounds + uint64(passed)*speedup
}
