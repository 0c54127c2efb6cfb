package peer

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/presence"
	"casper-cosigner/statedir"
)

// side is one cosigner's state, and what it thinks of others.
type side struct {
	mu     sync.Mutex
	shows  statedir.Presence
	refuse error
	known  statedir.Sighting
	seen   []string            // whom it was asked to admit
	asked  []statedir.Sighting // after what was seen of each
}

func newSide(id byte) *side {
	return &side{shows: statedir.Presence{
		Cluster: statedir.ID{9}, Directory: statedir.ID{id}, Session: statedir.ID{id}, Boot: 1, LastIndex: 7,
		AppliedIndex: 5}}
}

func (s *side) Presence() statedir.Presence {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shows
}

func (s *side) Seen(string) (statedir.Sighting, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known, true
}

func (s *side) Admit(name string, _ statedir.Presence, asked statedir.Sighting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.asked = append(s.seen, name), append(s.asked, asked)
	return s.refuse
}

func (s *side) set(change func(*side)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

var (
	errOlder   = &statedir.PeerError{Peer: "c1", Reason: presence.ReasonBoot}
	errNoWrite = errors.New("recording a presence: no space left")
)

// pair is c1, who calls, and c2, who answers, over a real server with real interceptors. Who calls
// is what the test says.
type pair struct {
	t      testing.TB
	c1, c2 *side
	conn   *grpc.ClientConn // of c1, with its admission
	bare   *grpc.ClientConn // without one
	dial   func(...grpc.DialOption) *grpc.ClientConn

	mu      sync.Mutex
	caller  string // empty: no cosigner
	reached []string
	callers []string
	answer  func() (proto.Message, error)                                 // nil: an empty answer
	hold    chan struct{}                                                 // handlers wait for it, if it is there
	serve   func(ctx context.Context, request any) (proto.Message, error) // in the place of answer
}

// methods returns every method of the services of our API.
func methods(t testing.TB) (all []protoreflect.MethodDescriptor) {
	t.Helper()
	pkg := cosignerv1.File_casper_cosigner_v1_peer_proto.Package()
	protoregistry.GlobalFiles.RangeFilesByPackage(pkg, func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				all = append(all, f.Services().Get(i).Methods().Get(j))
			}
		}
		return true
	})
	if len(all) < 10 {
		t.Fatalf("found %d methods", len(all))
	}
	return all
}

func fullName(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

func message(t testing.TB, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	found, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return found.New().Interface()
}

// newPair serves every method of our API, and one that nobody thought of.
func newPair(t testing.TB) *pair {
	t.Helper()
	p := &pair{t: t, c1: newSide(1), c2: newSide(2), caller: "c1"}
	whoCalls := func(context.Context) (string, bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.caller, p.caller != ""
	}
	server := grpc.NewServer(New("c2", whoCalls, p.c2).ServerOptions()...)
	services := map[protoreflect.FullName]*grpc.ServiceDesc{}
	for _, m := range methods(t) {
		name := m.Parent().FullName()
		if services[name] == nil {
			services[name] = &grpc.ServiceDesc{ServiceName: string(name), HandlerType: (*any)(nil)}
		}
		if m.IsStreamingServer() || m.IsStreamingClient() {
			services[name].Streams = append(services[name].Streams, grpc.StreamDesc{StreamName: string(m.Name()),
				ServerStreams: true, Handler: func(any, grpc.ServerStream) error { p.reach(string(m.Name()), ""); return nil }})
			continue
		}
		services[name].Methods = append(services[name].Methods, p.method(m, string(m.Name())))
	}
	services["casper.cosigner.v1.PeerService"].Methods = append(services["casper.cosigner.v1.PeerService"].Methods,
		p.method(cosignerv1.File_casper_cosigner_v1_peer_proto.Services().Get(0).Methods().Get(0), "Forgotten"))
	for _, s := range services {
		server.RegisterService(s, nil)
	}
	listener := bufconn.Listen(1 << 20)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	p.dial = func(more ...grpc.DialOption) *grpc.ClientConn {
		conn, err := grpc.NewClient("passthrough:///c2", append(more,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				return listener.DialContext(ctx)
			}))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	p.conn = p.dial(New("c1", whoCalls, p.c1).DialOptions("c2")...)
	p.bare = p.dial()
	return p
}

// method is a handler that notes that it was reached.
func (p *pair) method(m protoreflect.MethodDescriptor, name string) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error,
		interceptor grpc.UnaryServerInterceptor) (any, error) {
		request := message(p.t, m.Input())
		if err := decode(request); err != nil {
			return nil, err
		}
		handle := func(ctx context.Context, _ any) (any, error) {
			caller, _ := Caller(ctx)
			p.reach(name, caller)
			p.mu.Lock()
			answer, hold, serve := p.answer, p.hold, p.serve
			p.mu.Unlock()
			if hold != nil {
				<-hold
			}
			if serve != nil {
				return serve(ctx, request)
			}
			if answer != nil {
				return answer()
			}
			return message(p.t, m.Output()), nil
		}
		info := &grpc.UnaryServerInfo{FullMethod: "/" + string(m.Parent().FullName()) + "/" + name}
		return interceptor(ctx, request, info, handle)
	}}
}

func (p *pair) reach(name, caller string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached, p.callers = append(p.reached, name), append(p.callers, caller)
}

// taken returns which methods were reached since the last look, and as whose.
func (p *pair) taken() (reached, callers []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reached, callers, p.reached, p.callers = p.reached, p.callers, nil, nil
	return reached, callers
}

func (p *pair) from(caller string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.caller = caller
}

// ask calls a method with an empty request.
func (p *pair) ask(ctx context.Context, conn *grpc.ClientConn, m protoreflect.MethodDescriptor) error {
	return conn.Invoke(ctx, fullName(m), message(p.t, m.Input()), message(p.t, m.Output()))
}

// showing is a call that shows texts as presences.
func showing(ctx context.Context, texts ...string) context.Context {
	for _, text := range texts {
		ctx = metadata.AppendToOutgoingContext(ctx, header, text)
	}
	return ctx
}

// text is a presence as it travels.
func text(t testing.TB, p statedir.Presence) string {
	t.Helper()
	b, err := proto.Marshal(p.Proto())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
