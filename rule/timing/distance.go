package timing

import (
	"slices"
	"time"
)

const (
	// Enough answers tell how far away a cosigner is: the first takes in the connection and its TLS,
	// and the one in the middle of three does not.
	Enough = 3
	// Remembered is how many answers the middle is taken of: half a minute, asked each second. So a
	// stall of the network or of a disk moves it little, and a new route shows soon.
	Remembered = 30
	// ForgottenAfter so many calls in a row that failed. A cosigner that is started anew is known
	// still, one that is gone for a minute or two no longer counts.
	ForgottenAfter = 60
)

// Distance is the round trip to one cosigner, by the answers that cost it nothing. The zero value
// knows of none. It is not safe for concurrent use.
type Distance struct {
	recent []time.Duration // oldest first
	median time.Duration   // zero while there are too few
	failed int             // calls in a row
}

// Answered takes in that an answer took so long.
func (d *Distance) Answered(took time.Duration) {
	d.failed, d.recent = 0, append(d.recent, took)
	if len(d.recent) > Remembered {
		d.recent = d.recent[1:]
	}
	if len(d.recent) >= Enough {
		sorted := slices.Sorted(slices.Values(d.recent))
		d.median = sorted[len(sorted)/2]
	}
}

// Failed takes in that no answer came that is used.
func (d *Distance) Failed() {
	if d.failed++; d.failed >= ForgottenAfter {
		*d = Distance{}
	}
}

// RoundTrip returns the median of the recent answers, and false while there are too few.
func (d *Distance) RoundTrip() (time.Duration, bool) { return d.median, d.median > 0 }
