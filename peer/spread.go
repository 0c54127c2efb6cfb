package peer

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

const (
	// spreadQueue bounds the finished signatures that wait for one cosigner.
	spreadQueue = 256
	// spreadLimit bounds one call that hands them over.
	spreadLimit = time.Second
	// spreadPause is for what is finished next, to go with the same call. Nobody waits for it: a
	// leader that follows one which died meanwhile signs again if it is asked.
	spreadPause = 20 * time.Millisecond
)

// Spread hands finished signatures to the other cosigners, so that a next leader can answer
// without another round. What cannot be sent is dropped: a leader that lacks one signs again.
// NewSpread makes one.
type Spread struct{ queues []queue }

// queue is what waits for one cosigner.
type queue struct {
	client  cosignerv1.PeerServiceClient
	waiting chan *cosignerv1.KeptSignature
}

// NewSpread returns a Spread to the given cosigners.
func NewSpread(others map[string]cosignerv1.PeerServiceClient) *Spread {
	s := &Spread{}
	for _, client := range others {
		s.queues = append(s.queues, queue{client, make(chan *cosignerv1.KeptSignature, spreadQueue)})
	}
	return s
}

// Offer queues a signature for each of them, or drops it where too many wait. It does not block.
func (s *Spread) Offer(digest casper.Hash, signature casper.Signature) {
	kept := &cosignerv1.KeptSignature{Digest: digest[:], Signature: signature[:]}
	for _, q := range s.queues {
		select {
		case q.waiting <- kept:
		default:
		}
	}
}

// Run sends what is queued until ctx ends.
func (s *Spread) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, q := range s.queues {
		g.Go(func() error { q.run(ctx); return nil })
	}
	return g.Wait()
}

// run sends what came meanwhile together.
func (q queue) run(ctx context.Context) {
	for {
		r := &cosignerv1.KeepRequest{}
		select {
		case <-ctx.Done():
			return
		case k := <-q.waiting:
			r.Signatures = append(r.Signatures, k)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(spreadPause):
		}
		for more := true; more && len(r.Signatures) < spreadQueue; {
			select {
			case k := <-q.waiting:
				r.Signatures = append(r.Signatures, k)
			default:
				more = false
			}
		}
		call, cancel := context.WithTimeout(ctx, spreadLimit)
		_, _ = q.client.Keep(call, r)
		cancel()
	}
}
