package peer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// raw is a stream to c2 that shows what the test says.
func (p *pair) raw(t *testing.T) grpc.BidiStreamingClient[cosignerv1.SharesRequest, cosignerv1.SharesResponse] {
	t.Helper()
	stream, err := cosignerv1.NewCosignerServiceClient(p.bare).Shares(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// open has c1 keep its streams until the test ends, and returns once one is open.
func (p *pair) open(t *testing.T) cosignerv1.CosignerServiceClient {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.a1.Run(ctx, map[string]*grpc.ClientConn{"c2": p.conn}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	p.awaitStream(t)
	return cosignerv1.NewCosignerServiceClient(p.conn)
}

func (p *pair) awaitStream(t *testing.T) {
	t.Helper()
	until(t, func() bool { return p.a1.stream("c2", shareMethod) != nil })
}

func until(t *testing.T, holds func() bool) {
	t.Helper()
	for !holds() {
		select {
		case <-t.Context().Done():
			t.Fatal("it never did")
		case <-time.After(time.Millisecond):
		}
	}
}

// answer reads the next answer, which must be to that call.
func answer(t *testing.T, stream grpc.BidiStreamingClient[cosignerv1.SharesRequest, cosignerv1.SharesResponse],
	call uint64) *cosignerv1.SharesResponse {
	t.Helper()
	got, err := stream.Recv()
	if err != nil || got.GetCall() != call {
		t.Fatalf("answer to call %d: %v, %v", call, got, err)
	}
	return got
}

// TestStreamIsAdmitted: each call on a stream is admitted by the presence that came with that call,
// whatever was admitted before it; and its answer shows one.
func TestStreamIsAdmitted(t *testing.T) {
	p := newPair(t)
	good := text(t, p.c1.Presence())
	stream := p.raw(t)
	answer(t, stream, 0)
	for i, c := range []struct {
		name   string
		shows  string
		refuse error
		want   codes.Code
	}{
		{"a sound state", good, nil, codes.OK},
		{"no presence", "", nil, codes.InvalidArgument},
		{"half a presence", good[:10], nil, codes.InvalidArgument},
		{"an older state", good, errOlder, codes.PermissionDenied},
		{"could not be judged", good, errNoWrite, codes.Unavailable},
		{"a sound state again", good, nil, codes.OK},
	} {
		p.taken()
		p.c2.set(func(s *side) { s.refuse, s.seen = c.refuse, nil; s.shows.LastIndex++ })
		call := uint64(i + 1)
		if err := stream.Send(&cosignerv1.SharesRequest{Call: call, Presence: []byte(c.shows)}); err != nil {
			t.Fatal(err)
		}
		got := answer(t, stream, call)
		reached, callers := p.taken()
		if c.want != codes.OK {
			if codes.Code(got.GetRefused().GetCode()) != c.want || reached != nil {
				t.Errorf("%s: %v, reached %v", c.name, got, reached)
			}
			continue
		}
		if got.GetShare() == nil || !slices.Equal(reached, []string{overStream}) || !slices.Equal(callers, []string{"c1"}) {
			t.Errorf("%s: %v, reached %v as %v", c.name, got, reached, callers)
		}
		if string(got.GetPresence()) != text(t, p.c2.Presence()) {
			t.Errorf("%s: the answer does not show the state of who answers", c.name)
		}
	}
}

// TestStreamOfStrangers: a stream is for other cosigners, and for shares.
func TestStreamOfStrangers(t *testing.T) {
	p := newPair(t)
	for _, caller := range []string{"", "c2"} {
		p.from(caller)
		_, err := p.raw(t).Recv()
		wantCode(t, "a stream of "+caller, err, codes.PermissionDenied)
	}
	p.from("c1")
	_, err := cosignerv1.NewCosignerServiceClient(p.conn).Shares(t.Context())
	wantCode(t, "a stream whose answers nobody would compare", err, codes.PermissionDenied)
}

// TestStreamAnswerIsAdmitted: no answer on a stream is used before the state of who answered was
// compared.
func TestStreamAnswerIsAdmitted(t *testing.T) {
	p := newPair(t)
	client := p.open(t)
	for _, refuse := range []error{errOlder, errNoWrite, nil} {
		p.c1.set(func(s *side) { s.refuse, s.seen = refuse, nil })
		p.c2.set(func(s *side) { s.seen = nil })
		got, err := client.Share(t.Context(), &cosignerv1.ShareRequest{})
		if !errors.Is(err, refuse) || (err == nil) != (got != nil) {
			t.Errorf("answered on a state that is refused with %v: %v, %v", refuse, got, err)
		}
		if !slices.Equal(p.c1.seen, []string{"c2"}) || !slices.Equal(p.c2.seen, []string{"c1"}) {
			t.Errorf("%v and %v were compared", p.c1.seen, p.c2.seen)
		}
		if p.c1.last != p.c2.Presence() || p.c2.last != p.c1.Presence() {
			t.Errorf("compared were %v and %v, which neither shows", p.c1.last, p.c2.last)
		}
	}
	p.c2.set(func(s *side) { s.refuse = errOlder })
	_, err := client.Share(t.Context(), &cosignerv1.ShareRequest{})
	wantCode(t, "asked on a state that is refused", err, codes.PermissionDenied)
	if reached, _ := p.taken(); !slices.Equal(reached, []string{overStream, overStream, overStream}) {
		t.Errorf("reached %v", reached)
	}
}

// TestStreamIsBounded: what a call may come to is the same on a stream.
func TestStreamIsBounded(t *testing.T) {
	p := newPair(t)
	client := p.open(t)
	_, err := client.Share(t.Context(), &cosignerv1.ShareRequest{Message: make([]byte, 9*kib)})
	wantCode(t, "a huge request", err, codes.ResourceExhausted)
	p.share = func(*cosignerv1.ShareRequest) (*cosignerv1.ShareResponse, error) {
		return &cosignerv1.ShareResponse{Share: make([]byte, 2*kib)}, nil
	}
	_, err = client.Share(t.Context(), &cosignerv1.ShareRequest{})
	wantCode(t, "a large answer", err, codes.ResourceExhausted)

	f := flow{"c1", shareMethod} // as many calls as there may be, on streams or not
	for range manyAtOnce {
		if err := p.a2.enter(f, manyAtOnce); err != nil {
			t.Fatal(err)
		}
	}
	_, err = client.Share(t.Context(), &cosignerv1.ShareRequest{})
	wantCode(t, "one too many", err, codes.ResourceExhausted)
	if n := p.a2.running[flow{"c1", sharesMethod}]; n != 1 {
		t.Errorf("%d streams are counted", n)
	}
	for range fewAtOnce - 1 {
		answer(t, p.raw(t), 0)
	}
	_, err = p.raw(t).Recv()
	wantCode(t, "a stream too many", err, codes.ResourceExhausted)
}

// TestStreamRefusals: a refusal on a stream is the one that a call would have got, cut to size.
func TestStreamRefusals(t *testing.T) {
	p := newPair(t)
	client := p.open(t)
	long := strings.Repeat("x", 3*mostSaid)
	for _, want := range []error{status.Error(codes.FailedPrecondition, "held"), status.Error(codes.NotFound, long),
		errors.New("no status"), status.Error(99, "no code")} {
		p.share = func(*cosignerv1.ShareRequest) (*cosignerv1.ShareResponse, error) { return nil, want }
		_, err := client.Share(t.Context(), &cosignerv1.ShareRequest{})
		said := status.Convert(want).Message()
		code := min(status.Code(want), codes.Unauthenticated+1)
		if code > codes.Unauthenticated {
			code = codes.Unknown
		}
		if status.Code(err) != code || status.Convert(err).Message() != said[:min(len(said), mostSaid)] {
			t.Errorf("got %.100v, want %.100v", err, want)
		}
	}
}

// TestGivenUpOnStream: a call that is given up returns at once and holds up no other.
func TestGivenUpOnStream(t *testing.T) {
	p := newPair(t)
	client := p.open(t)
	hold := make(chan struct{})
	p.share = func(r *cosignerv1.ShareRequest) (*cosignerv1.ShareResponse, error) {
		if r.GetTerm() == 1 {
			<-hold
		}
		return &cosignerv1.ShareResponse{}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := client.Share(ctx, &cosignerv1.ShareRequest{Term: 1})
		ended <- err
	}()
	if _, err := client.Share(t.Context(), &cosignerv1.ShareRequest{Term: 2}); err != nil {
		t.Errorf("beside one that hangs: %v", err)
	}
	cancel()
	wantCode(t, "given up", <-ended, codes.Canceled)
	open, _ := p.a1.streams.Load("c2")
	if s := open.(*asking); s.waits() != 0 {
		t.Error("it is waited for still")
	}
	close(hold) // its answer is dropped
	if _, err := client.Share(t.Context(), &cosignerv1.ShareRequest{Term: 2}); err != nil {
		t.Errorf("after one that was given up: %v", err)
	}
}

// waits returns how many calls wait for an answer.
func (s *asking) waits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// TestBrokenStream: what is under way on a stream that breaks fails at once, and another is opened;
// meanwhile shares are asked for by calls.
func TestBrokenStream(t *testing.T) {
	p := newPair(t)
	client := p.open(t)
	hold := make(chan struct{})
	p.share = func(r *cosignerv1.ShareRequest) (*cosignerv1.ShareResponse, error) {
		if r.GetTerm() == 1 {
			<-hold
		}
		return &cosignerv1.ShareResponse{Share: make([]byte, 64*kib)}, nil // more than the stream takes
	}
	first, _ := p.a1.streams.Load("c2")
	ended := make(chan error)
	go func() {
		_, err := client.Share(t.Context(), &cosignerv1.ShareRequest{Term: 1})
		ended <- err
	}()
	_, err := client.Share(t.Context(), &cosignerv1.ShareRequest{Term: 2})
	wantCode(t, "what broke it", err, codes.Unavailable)
	wantCode(t, "what was under way", <-ended, codes.Unavailable)
	p.taken()
	if _, err := client.Share(t.Context(), &cosignerv1.ShareRequest{}); err != nil {
		t.Errorf("without a stream: %v", err)
	}
	if reached, _ := p.taken(); !slices.Equal(reached, []string{"Share"}) {
		t.Errorf("reached %v", reached)
	}
	close(hold)
	p.share = nil
	p.awaitStream(t)
	if again, _ := p.a1.streams.Load("c2"); again == first {
		t.Error("the broken stream is used still")
	}
	if _, err := client.Share(t.Context(), &cosignerv1.ShareRequest{}); err != nil {
		t.Errorf("on the next stream: %v", err)
	}
}

// TestStoppingEndsStreams: a server that stops in order answers what it serves, and does not wait
// for those who keep streams to it.
func TestStoppingEndsStreams(t *testing.T) {
	p := newPair(t)
	p.hold = make(chan struct{})
	stream := p.raw(t)
	answer(t, stream, 0)
	if err := stream.Send(&cosignerv1.SharesRequest{Call: 1, Presence: []byte(text(t, p.c1.Presence()))}); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { reached, _ := p.taken(); return reached != nil })
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := p.a2.Run(stopped, nil); err != nil {
		t.Fatal(err)
	}
	close(p.hold)
	answer(t, stream, 1)
	_, err := stream.Recv()
	wantCode(t, "a stream to one that stops", err, codes.Unavailable)
}

// stuck is a stream that takes nothing until it is let.
type stuck struct {
	grpc.ClientStream
	let  chan struct{}
	sent []uint64
}

func (s *stuck) SendMsg(m any) error {
	<-s.let
	s.sent = append(s.sent, m.(*cosignerv1.SharesRequest).GetCall())
	return nil
}

// TestStuckStream: a stream that takes nothing keeps nobody beyond his time, and what was given up
// meanwhile is not sent any more.
func TestStuckStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &stuck{let: make(chan struct{})}
		s := &asking{stream: stream, queue: make(chan *asked, sendQueue), broken: make(chan struct{}),
			waiting: map[uint64]*asked{}}
		life, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.send(life); close(ended) }()
		const most = 3 * sendQueue // more than are queued
		gaveUp := make(chan error, most)
		for range most {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := s.ask(ctx, &cosignerv1.SharesRequest{})
				gaveUp <- err
			}()
		}
		start := time.Now()
		for range most {
			wantCode(t, "on a stuck stream", <-gaveUp, codes.DeadlineExceeded)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("they were kept %v", took)
		}
		close(stream.let)
		synctest.Wait()
		if len(stream.sent) > 1 || s.waits() != 0 { // the one that was being sent
			t.Errorf("%d were sent, %d wait", len(stream.sent), s.waits())
		}
		end()
		<-ended
	})
}
