package peer

import (
	"context"
	"strings"
	"sync"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// This file serves the one stream between cosigners. A presence holds for one request and one
// answer, so each message on it is served as the call that it stands for, by the same function as a
// call that came alone, and is on its own in everything else too.

const (
	shareMethod  = cosignerv1.CosignerService_Share_FullMethodName
	sharesMethod = cosignerv1.CosignerService_Shares_FullMethodName
	// mostSaid bounds the text of a refusal on a stream, and framing what a message has besides
	// request or answer.
	mostSaid = kib
	framing  = 2 * kib
)

// errStream is the answer to every other stream: what a peer has become since would go unseen on a
// stream that stays open.
var errStream = status.Error(codes.PermissionDenied,
	"cosigners do not stream this to each other: make it a call, or let package peer compare presences along the stream")

// serveStream serves the calls on a stream of shares, each as if it had come alone.
func (a *Admission) serveStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo,
	_ grpc.StreamHandler) error {
	service, ok := server.(cosignerv1.CosignerServiceServer)
	if info.FullMethod != sharesMethod || !ok {
		return errStream
	}
	caller, ok := a.cosigner(stream.Context())
	if !ok || caller == a.name {
		return errNotOther
	}
	f := flow{caller, sharesMethod}
	if err := a.enter(f, fewAtOnce); err != nil {
		return err
	}
	defer a.leave(f)
	s := &serving{admission: a, service: service, stream: stream, room: make(chan struct{}, manyAtOnce)}
	defer s.close()
	ended := make(chan error, 1)
	go func() { ended <- s.run() }() // it ends when the stream does, which is when this returns
	select {
	case err := <-ended:
		return err
	case <-a.stopping: // else a server that stops in order would wait for the caller to hang up
		return errStopping
	}
}

var errStopping = status.Error(codes.Unavailable, "this cosigner is stopping")

// serving is one stream that is served.
type serving struct {
	admission *Admission
	service   cosignerv1.CosignerServiceServer
	stream    grpc.ServerStream
	room      chan struct{} // for calls that are not answered yet; who does not take answers is not read further

	mu sync.Mutex // held to send
}

// close returns once no call is being served, and lets none begin.
func (s *serving) close() {
	for range cap(s.room) {
		s.room <- struct{}{}
	}
}

func (s *serving) run() error {
	if err := s.send(&cosignerv1.SharesResponse{}); err != nil {
		return err
	}
	for {
		call := &cosignerv1.SharesRequest{}
		if err := s.stream.RecvMsg(call); err != nil {
			return err
		}
		select {
		case s.room <- struct{}{}:
		case <-s.stream.Context().Done():
			return s.stream.Context().Err()
		}
		go func() {
			defer func() { <-s.room }()
			_ = s.send(s.answer(s.stream.Context(), call)) // if it fails the stream has ended, and the caller knows
		}()
	}
}

func (s *serving) send(answer *cosignerv1.SharesResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.SendMsg(answer)
}

// answer serves one call as Admission serves any.
func (s *serving) answer(ctx context.Context, call *cosignerv1.SharesRequest) *cosignerv1.SharesResponse {
	answer := &cosignerv1.SharesResponse{Call: call.GetCall()}
	head := &answerHead{}
	ctx = grpc.NewContextWithServerTransportStream(ctx, head)
	ctx = metadata.NewIncomingContext(ctx, metadata.MD{header: []string{string(call.GetPresence())}})
	info := &grpc.UnaryServerInfo{Server: s.service, FullMethod: shareMethod}
	share, err := s.admission.serve(ctx, call.GetRequest(), info, func(ctx context.Context, r any) (any, error) {
		return s.service.Share(ctx, r.(*cosignerv1.ShareRequest))
	})
	if err != nil {
		said := status.Convert(err)
		answer.Outcome = &cosignerv1.SharesResponse_Refused{Refused: &cosignerv1.CallRefused{
			Code: uint32(said.Code()), Message: strings.ToValidUTF8(said.Message()[:min(len(said.Message()), mostSaid)], "")}}
		return answer
	}
	answer.Presence = head.presence
	answer.Outcome = &cosignerv1.SharesResponse_Share{Share: share.(*cosignerv1.ShareResponse)}
	return answer
}

// answerHead stands for the header of an answer on a stream. It holds a presence, and nothing else.
type answerHead struct{ presence []byte }

func (h *answerHead) Method() string { return shareMethod }

func (h *answerHead) SetHeader(md metadata.MD) error {
	for _, text := range md.Get(header) {
		h.presence = []byte(text)
	}
	return nil
}

func (h *answerHead) SendHeader(md metadata.MD) error { return h.SetHeader(md) }

func (h *answerHead) SetTrailer(metadata.MD) error { return nil }
