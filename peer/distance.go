package peer

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
)

const (
	// enough answers tell how far away a cosigner is: the first takes in the connection and its TLS,
	// and the one in the middle of three does not.
	enough = 3
	// remembered is how many answers the middle is taken of: half a minute, asked each second. So a
	// stall of the network or of a disk moves it little, and a new route shows soon.
	remembered = 30
	// forgottenAfter so many calls in a row that failed. A cosigner that is started anew is known
	// still, one that is gone for a minute or two no longer counts.
	forgottenAfter = 60
)

// distances are the round trips to the other cosigners. The zero value is ready for use.
type distances struct {
	mu sync.Mutex
	to map[string]*distance
}

// distance is how long one cosigner took to answer.
type distance struct {
	recent []time.Duration // oldest first
	median time.Duration   // zero while there are too few
	failed int             // calls in a row
}

// note takes in that the named cosigner took so long, or gave no answer that is used.
func (d *distances) note(name string, took time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	of := d.to[name]
	switch {
	case err == nil && of == nil:
		if d.to == nil {
			d.to = map[string]*distance{}
		}
		d.to[name] = &distance{recent: []time.Duration{took}}
	case err == nil:
		of.answered(took)
	case of != nil:
		if of.failed++; of.failed >= forgottenAfter {
			delete(d.to, name)
		}
	}
}

func (d *distance) answered(took time.Duration) {
	d.failed, d.recent = 0, append(d.recent, took)
	if len(d.recent) > remembered {
		d.recent = d.recent[1:]
	}
	if len(d.recent) >= enough {
		sorted := slices.Sorted(slices.Values(d.recent))
		d.median = sorted[len(sorted)/2]
	}
}

func (d *distances) of(name string) (time.Duration, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	of := d.to[name]
	if of == nil || of.median == 0 {
		return 0, false
	}
	return of.median, true
}

// measure times the calls to the named cosigner that tell how far away it is.
func (a *Admission) measure(name string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		asked := time.Now()
		err := invoke(ctx, method, request, answer, conn, options...)
		if calls[method].measures {
			a.distances.note(name, time.Since(asked), err)
		}
		return err
	}
}

// Distance returns how long the named cosigner takes for an answer that costs it nothing, which is
// the round trip to it: the median of the last half minute. It is false for one that has not
// answered three times yet, or no more for a minute. The other can answer late and seem further
// away than it is, never nearer.
func (a *Admission) Distance(name string) (time.Duration, bool) { return a.distances.of(name) }
