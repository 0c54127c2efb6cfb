package peer

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	"casper-cosigner/rule/call"
	"casper-cosigner/rule/timing"
)

// distances are the round trips to the other cosigners. The zero value is ready for use.
type distances struct {
	mu sync.Mutex
	to map[string]*timing.Distance
}

// note takes in that the named cosigner took so long, or gave no answer that is used.
func (d *distances) note(name string, took time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.to == nil {
		d.to = map[string]*timing.Distance{}
	}
	if d.to[name] == nil {
		d.to[name] = &timing.Distance{}
	}
	if err != nil {
		d.to[name].Failed()
		return
	}
	d.to[name].Answered(took)
}

func (d *distances) of(name string) (time.Duration, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.to[name] == nil {
		return 0, false
	}
	return d.to[name].RoundTrip()
}

// measure times the calls to the named cosigner that tell how far away it is.
func (a *Admission) measure(name string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		asked := time.Now()
		err := invoke(ctx, method, request, answer, conn, options...)
		if terms, _ := call.Of(method); terms.Measures {
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
