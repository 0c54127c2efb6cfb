package link

import (
	"math/rand/v2"
	"time"
)

// Distance is how far apart the two ends of a link are, and how good the way between them is.
// The zero Distance adds nothing.
type Distance struct {
	Delay  time.Duration // that a piece takes, each way
	Jitter float64       // part of Delay by which a piece may take less, or more
	// A piece that is lost on the way comes this much later, since TCP has to send it again. What was
	// sent behind it waits for it.
	Stall time.Duration
	Lost  float64 // part of all pieces to which that happens
	Seed  uint64  // of jitter and losses
}

// way is one direction of a connection: where it stands in the sequence of its chances. Each has a
// sequence of its own, so that the seed fixes which of its pieces is lost whatever others do.
type way struct{ random *rand.Rand }

// newWay returns the way with this number among those of a link.
func newWay(seed, number uint64) *way { return &way{rand.New(rand.NewPCG(seed, number))} }

// takes draws how long the next piece is on its way.
func (w *way) takes(d Distance) time.Duration {
	shift, lost := 2*w.random.Float64()-1, w.random.Float64() < d.Lost
	took := d.Delay + time.Duration(shift*d.Jitter*float64(d.Delay))
	if lost {
		took += d.Stall
	}
	return took
}

// Part puts the ends of the link so far apart. A connection that there is already takes on the new
// distance from its next piece on, but keeps its sequence of chances.
func (l *Link) Part(d Distance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.distance = d
}

// handshake is how long a call waits for the answer that makes it a connection.
func (l *Link) handshake() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 2 * l.distance.Delay
}
