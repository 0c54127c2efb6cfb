package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/call"
	"casper-cosigner/rule/presence"
	"casper-cosigner/statedir"
)

// Admission lets calls between cosigners through, or refuses them: the two interceptors that it
// gives out belong on every server that cosigners call, and on every connection from one to
// another. Its methods may be called concurrently. New makes one.
type Admission struct {
	name     string
	cosigner func(context.Context) (string, bool)
	state    State

	shown     atomic.Pointer[shown] // presence that was shown last
	distances distances
	refusals  refusals

	mu      sync.Mutex
	running map[flow]int // calls that are being answered
}

// shown is a presence as it travels. It is marshalled once for each change, not for each call.
type shown struct {
	presence statedir.Presence
	text     string
}

// flow is the calls of one method by one cosigner.
type flow struct{ caller, method string }

// New returns the admission of the named cosigner. The function must return which cosigner is at
// the other end of a call, as its TLS key proves, and false if it is none.
func New(name string, cosigner func(context.Context) (name string, ok bool), state State) *Admission {
	return &Admission{name: name, cosigner: cosigner, state: state, running: map[flow]int{}}
}

// ServerOptions are for a server that other cosigners call.
func (a *Admission) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(a.serve),
		grpc.ChainStreamInterceptor(
			func(any, grpc.ServerStream, *grpc.StreamServerInfo, grpc.StreamHandler) error { return errStream }),
	}
}

// DialOptions are for a connection to the named cosigner, whom TLS must prove to be the one
// at its other end.
func (a *Admission) DialOptions(name string) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(a.measure(name), a.ask(name)),
		grpc.WithChainStreamInterceptor(func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string,
			grpc.Streamer, ...grpc.CallOption) (grpc.ClientStream, error) {
			return nil, errStream
		}),
	}
}

// errStream is the answer to every stream: a presence holds for one request and one answer, and
// what a peer has become since would go unseen on a stream that stays open.
var errStream = status.Error(codes.PermissionDenied,
	"cosigners do not stream to each other: make it a call, or let package peer compare presences along the stream")

// ask stands behind every call to the named cosigner: what it shows, what its answer may come to,
// and from which state the answer must come to be used.
func (a *Admission) ask(name string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		terms, known := call.Of(method)
		if !known {
			return errUnlisted(method)
		}
		// Not append: the options may be the connection's own, which calls share.
		options = slices.Concat(options, []grpc.CallOption{grpc.MaxCallRecvMsgSize(terms.Answer)})
		if !terms.Compares() {
			return invoke(ctx, method, request, answer, conn, options...)
		}
		ours, err := a.show()
		if err != nil {
			return err
		}
		asked, _ := a.state.Seen(name) // before the request leaves: what answers it is later
		var theirs metadata.MD
		ctx = metadata.AppendToOutgoingContext(ctx, header, ours)
		err = invoke(ctx, method, request, answer, conn, append(options, grpc.Header(&theirs))...)
		if terms.Measures {
			a.refusals.note(name, err)
		}
		if err != nil {
			return err
		}
		if err := a.admit(name, theirs.Get(header), asked); err != nil {
			return fmt.Errorf("not using the answer of cosigner %s: %w", name, err)
		}
		return nil
	}
}

// serve stands in front of every handler. The order is: who, what, how much, on which state; then
// the call is served, and its answer shows the state as it is by then.
func (a *Admission) serve(ctx context.Context, request any, info *grpc.UnaryServerInfo,
	next grpc.UnaryHandler) (any, error) {
	terms, known := call.Of(info.FullMethod)
	caller, ok := a.cosigner(ctx)
	switch {
	case !ok && known && !terms.Passes, ok && caller == a.name:
		return nil, errNotOther
	case !ok:
		return next(ctx, request) // an agent, at what its role may call
	case !known:
		return nil, errUnlisted(info.FullMethod)
	}
	if size := proto.Size(request.(proto.Message)); size > terms.Request {
		return nil, status.Errorf(codes.ResourceExhausted, "%s with %d bytes, at most %d are taken: send it in parts",
			info.FullMethod, size, terms.Request)
	}
	f := flow{caller, info.FullMethod}
	if err := a.enter(f, terms.AtOnce); err != nil {
		return nil, err
	}
	defer a.leave(f)
	if terms.Passes { // without a name: its state was not compared
		return next(ctx, request)
	}
	named := context.WithValue(ctx, callerKey{}, caller)
	if !terms.Compares() {
		return next(named, request)
	}
	if err := a.admit(caller, metadata.ValueFromIncomingContext(ctx, header), statedir.Sighting{}); err != nil {
		return nil, admitStatus(err)
	}
	answer, err := next(named, request)
	if err != nil {
		return nil, err
	}
	ours, err := a.show()
	if err != nil {
		return nil, err
	}
	return answer, grpc.SetHeader(ctx, metadata.Pairs(header, ours))
}

var errNotOther = status.Error(codes.PermissionDenied, "only the other cosigners may call this; "+
	"if this is a cosigner, its certificate or its name is in use on a second host: stop that one")

// errUnlisted is the answer to a call that admission knows nothing of.
func errUnlisted(method string) error {
	return status.Errorf(codes.PermissionDenied, "%s is not among the calls between cosigners: run the same version "+
		"on all of them; if it is new, say in package peer how much may be sent by it", method)
}

// enter counts a call in, or refuses it. Each that was let in must leave.
func (a *Admission) enter(f flow, most int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running[f] >= most {
		return status.Errorf(codes.ResourceExhausted, "%d calls of %s by cosigner %s are being answered, which is all "+
			"that it may have at a time: wait for some of them", most, f.method, f.caller)
	}
	a.running[f]++
	return nil
}

func (a *Admission) leave(f flow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running[f]--; a.running[f] == 0 {
		delete(a.running, f)
	}
}

// show returns our presence as it travels.
func (a *Admission) show() (string, error) {
	now := a.state.Presence()
	if last := a.shown.Load(); last != nil && last.presence == now {
		return last.text, nil
	}
	b, err := proto.Marshal(now.Proto())
	if err != nil {
		return "", status.Errorf(codes.Internal, "showing our presence: %v", err)
	}
	a.shown.Store(&shown{presence: now, text: string(b)})
	return string(b), nil
}

// errUnreadable is returned for what is no presence: whoever sent it runs another version.
var errUnreadable = errors.New("run the same version of this program on all cosigners")

// admit compares the presence that came with a request or an answer of a cosigner with what
// was seen of it; asked is what was seen of it before the question, and zero for a request.
func (a *Admission) admit(from string, texts []string, asked statedir.Sighting) error {
	if len(texts) != 1 {
		return fmt.Errorf("cosigner %s shows %d presences, want one: %w", from, len(texts), errUnreadable)
	}
	p := &cosignerv1.Presence{}
	if err := proto.Unmarshal([]byte(texts[0]), p); err != nil {
		return fmt.Errorf("cosigner %s: reading its presence: %w: %w", from, err, errUnreadable)
	}
	shown, err := presence.Parse(p)
	if err != nil {
		return fmt.Errorf("cosigner %s: %w: %w", from, err, errUnreadable)
	}
	return a.state.Admit(from, shown, asked)
}

// admitStatus tells a caller that was refused from one that could not be judged.
func admitStatus(err error) error {
	var refused *statedir.PeerError
	switch {
	case errors.As(err, &refused):
		return status.Error(codes.PermissionDenied, err.Error())
	case errors.Is(err, errUnreadable):
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return status.Errorf(codes.Unavailable, "%v; nothing is taken from it until that is written: see to the disk", err)
}
