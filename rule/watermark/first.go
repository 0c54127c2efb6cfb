package watermark

// How far above the chain a first era and height, or a floor, may lie before their number is to be
// typed again. What lies further is more likely a mistake than meant, and costs most: a slot below
// is refused for good.
const (
	farEras    = 2
	farHeights = 256 // half an hour of finality signatures, at 8 s a block

	// firstAhead is how far above the chain First is: the chain goes on while the other cosigners are
	// told the same number, and they are to find it above the chain still.
	firstAhead = 64
)

// Chain is where the chain is, as a node that follows it says.
type Chain struct {
	Last Mark // era and height of the last block
	Ends bool // whether that ended its era: the next block is of the next one
}

// Next returns the era and the height of the next block.
func (c Chain) Next() Mark {
	next := Mark{Era: c.Last.Era, Height: after(c.Last.Height, 1)}
	if c.Ends {
		next.Era = after(next.Era, 1)
	}
	return next
}

// First returns the first era and height for cosigners that are made now. Whoever held the whole
// key has been stopped, so it signed nothing in the era after the next block's.
func (c Chain) First() Mark {
	next := c.Next()
	return Mark{Era: after(next.Era, 1), Height: after(next.Height, firstAhead)}
}

// Doubt is what speaks against a first era or height, or a floor.
type Doubt uint8

// The doubts.
const (
	NoDoubt  Doubt = iota
	TooLow         // whoever held the whole key may have signed there: refused
	FarAbove       // further than anybody means: the number is to be typed again
)

// Judge returns what speaks against the era and against the height of the mark. The next block's
// are too low: while it is being agreed on, it is voted for, and it may be signed by those that
// have it before the node that was asked.
func (c Chain) Judge(m Mark) (era, height Doubt) {
	next := c.Next()
	return doubt(m.Era, next.Era, farEras), doubt(m.Height, next.Height, farHeights)
}

func doubt(n, next, far uint64) Doubt {
	switch {
	case n <= next:
		return TooLow
	case n-next > far:
		return FarAbove
	}
	return NoDoubt
}

// after adds without passing the end.
func after(n, by uint64) uint64 {
	return n + min(by, ^n)
}
