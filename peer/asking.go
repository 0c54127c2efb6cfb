package peer

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// This file keeps a stream of shares open to each other cosigner. While there is none, shares are
// asked for by calls: so a cosigner that is being started, has gone or does not serve streams is
// asked, and fails, as ever.

const (
	// reopenAfter is how long after a stream broke the next one is opened.
	reopenAfter = 200 * time.Millisecond
	// sendQueue bounds what waits to be sent to one cosigner; who comes later waits to wait.
	sendQueue = 64
)

// Run keeps a stream of shares open to each of the cosigners, by its name, until ctx ends; then it
// ends those that are served too. Their connections must have been made with DialOptions. It is
// called once.
func (a *Admission) Run(ctx context.Context, others map[string]*grpc.ClientConn) error {
	defer close(a.stopping)
	var g errgroup.Group
	for name, conn := range others {
		g.Go(func() error { a.keepStream(ctx, name, conn); return nil })
	}
	return g.Wait()
}

func (a *Admission) keepStream(ctx context.Context, name string, conn *grpc.ClientConn) {
	for ctx.Err() == nil {
		a.openStream(ctx, name, conn)
		select {
		case <-ctx.Done():
		case <-time.After(reopenAfter):
		}
	}
}

type ownStreamKey struct{} // marks the streams that openStream opens; no others are let out

// openStream opens a stream and uses it until it breaks.
func (a *Admission) openStream(ctx context.Context, name string, conn *grpc.ClientConn) {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, ownStreamKey{}, true))
	defer cancel()
	stream, err := conn.NewStream(ctx, &cosignerv1.CosignerService_ServiceDesc.Streams[0], sharesMethod,
		grpc.MaxCallRecvMsgSize(calls[shareMethod].answer+framing))
	if err != nil || stream.RecvMsg(&cosignerv1.SharesResponse{}) != nil { // it does not serve streams, or not us
		return
	}
	s := &asking{stream: stream, queue: make(chan *asked, sendQueue), broken: make(chan struct{}),
		waiting: map[uint64]*asked{}}
	a.streams.Store(name, s)
	var g errgroup.Group
	g.Go(func() error { defer cancel(); s.send(ctx); return nil })
	s.receive()
	a.streams.Delete(name)
	close(s.broken) // all that is under way fails
	cancel()
	_ = g.Wait()
}

// stream returns how shares are asked for over the stream to the named cosigner, or nil.
func (a *Admission) stream(name, method string) grpc.UnaryInvoker {
	if method != shareMethod {
		return nil
	}
	if s, open := a.streams.Load(name); open {
		return s.(*asking).overStream
	}
	return nil
}

// overStream is a grpc.UnaryInvoker of shares: what stands behind a call, the terms of ask, stands
// behind this too.
func (s *asking) overStream(ctx context.Context, _ string, request, answer any, _ *grpc.ClientConn,
	options ...grpc.CallOption) error {
	sent, _ := metadata.FromOutgoingContext(ctx)
	call := &cosignerv1.SharesRequest{Request: request.(*cosignerv1.ShareRequest)}
	for _, text := range sent.Get(header) {
		call.Presence = []byte(text)
	}
	got, err := s.ask(ctx, call)
	if err != nil {
		return err
	}
	if r := got.GetRefused(); r != nil {
		return refusal(r)
	}
	for _, o := range options {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = metadata.MD{header: []string{string(got.GetPresence())}}
		case grpc.MaxRecvMsgSizeCallOption:
			if size := proto.Size(got.GetShare()); size > o.MaxRecvMsgSize {
				return status.Errorf(codes.ResourceExhausted, "an answer of %d bytes, at most %d are taken", size, o.MaxRecvMsgSize)
			}
		}
	}
	answer.(*cosignerv1.ShareResponse).Share = got.GetShare().GetShare()
	return nil
}

// refusal is the error of a call on a stream, as it would be that of a call.
func refusal(r *cosignerv1.CallRefused) error {
	code := codes.Code(r.GetCode())
	if code == codes.OK || code > codes.Unauthenticated {
		code = codes.Unknown
	}
	return status.Error(code, r.GetMessage())
}

// asking is the asking side of one open stream.
type asking struct {
	stream grpc.ClientStream
	queue  chan *asked   // to be sent
	broken chan struct{} // closed when the stream has ended

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]*asked
}

// asked is a call that waits for its answer.
type asked struct {
	ctx    context.Context
	call   *cosignerv1.SharesRequest
	answer chan *cosignerv1.SharesResponse // with room for it
}

var errBroken = status.Error(codes.Unavailable, "the stream to that cosigner has broken")

// ask makes one call. It ends when ctx does, whatever the other side or the stream is at: an answer
// that comes later is dropped.
func (s *asking) ask(ctx context.Context, call *cosignerv1.SharesRequest) (*cosignerv1.SharesResponse, error) {
	one := &asked{ctx: ctx, call: call, answer: make(chan *cosignerv1.SharesResponse, 1)}
	s.expect(one)
	defer s.forget(call.Call)
	select {
	case s.queue <- one:
	case <-s.broken:
		return nil, errBroken
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	select {
	case answer := <-one.answer:
		return answer, nil
	case <-s.broken:
		return nil, errBroken
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// expect gives a call its number.
func (s *asking) expect(one *asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	one.call.Call = s.last
	s.waiting[s.last] = one
}

func (s *asking) forget(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, number)
}

// send sends what is queued and still wanted, until ctx ends or the stream does.
func (s *asking) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-s.queue:
			if one.ctx.Err() == nil && s.stream.SendMsg(one.call) != nil {
				return
			}
		}
	}
}

// receive hands out answers until the stream ends. An answer to what nobody waits for is dropped.
func (s *asking) receive() {
	for {
		answer := &cosignerv1.SharesResponse{}
		if s.stream.RecvMsg(answer) != nil {
			return
		}
		s.mu.Lock()
		one := s.waiting[answer.GetCall()]
		delete(s.waiting, answer.GetCall())
		s.mu.Unlock()
		if one != nil {
			one.answer <- answer
		}
	}
}
