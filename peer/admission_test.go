package peer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/call"
	"casper-cosigner/statedir"
)

// notBetween are the services that are not for calls between cosigners. Any other service is.
var notBetween = map[protoreflect.Name]string{
	"AdminService":    "operators' alone, on a port of its own",
	"PingService":     "agents' alone",
	"SignerService":   "nodes'; what cosigners pass on of it is listed, and shows no presence",
	"ClaimService":    "likewise",
	"GateService":     "a gate's and its watch's, on their agent's socket",
	"InstanceService": "a gate's, on its agent's socket",
	"KeyService":      "likewise",
	"CustodyService":  "agents' alone",
}

// between returns every method of the services for calls between cosigners, but for the one that is
// answered on any state.
func between(t *testing.T) (all []protoreflect.MethodDescriptor) {
	for _, m := range methods(t) {
		if notBetween[m.Parent().Name()] == "" && fullName(m) != cosignerv1.PeerService_Tell_FullMethodName {
			all = append(all, m)
		}
	}
	return all
}

func wantCode(t *testing.T, what string, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("%s: %v (%v), want %v", what, got, err, want)
	}
}

// TestEveryCallIsListed: the table holds every method of every service between cosigners, and
// beside those only the three that pass a node's request on, and the one that is answered on any
// state.
func TestEveryCallIsListed(t *testing.T) {
	var want []string
	for _, m := range between(t) {
		if m.IsStreamingClient() || m.IsStreamingServer() {
			t.Errorf("%s is a stream: presences are not compared along it", m.FullName())
		}
		want = append(want, fullName(m))
	}
	var have []string
	for _, name := range call.Methods() {
		c, _ := call.Of(name)
		if c.Request == 0 || c.Answer == 0 || c.AtOnce == 0 {
			t.Errorf("%s: nothing may be sent by it", name)
		}
		switch {
		case c.AnyState != (name == cosignerv1.PeerService_Tell_FullMethodName):
			t.Errorf("%s is answered on any state: %v", name, c.AnyState)
		case !c.Passes && !c.AnyState:
			have = append(have, name)
		}
	}
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("the table holds %v\nof the services between cosigners, which have %v", have, want)
	}
	passes := map[string]bool{}
	for _, name := range call.Methods() {
		if c, _ := call.Of(name); c.Passes {
			passes[name] = true
		}
	}
	if len(passes) != 3 || !passes[cosignerv1.SignerService_Sign_FullMethodName] ||
		!passes[cosignerv1.ClaimService_Claim_FullMethodName] ||
		!passes[cosignerv1.SignerService_RegisterTLSPoint_FullMethodName] {
		t.Errorf("%v go without a presence", passes)
	}
}

// TestEveryCallIsAdmitted: no handler of a service between cosigners is reached before the caller
// is known and the state that it shows was admitted; and then it is told who calls, and its answer
// shows a presence.
func TestEveryCallIsAdmitted(t *testing.T) {
	p := newPair(t)
	good := text(t, p.c1.Presence())
	for _, m := range between(t) {
		for name, c := range map[string]struct {
			caller string
			shows  []string
			refuse error
			want   codes.Code
		}{
			"an agent":            {"", []string{good}, nil, codes.PermissionDenied},
			"our own name":        {"c2", []string{good}, nil, codes.PermissionDenied},
			"no presence":         {"c1", nil, nil, codes.InvalidArgument},
			"two presences":       {"c1", []string{good, good}, nil, codes.InvalidArgument},
			"half a presence":     {"c1", []string{good[:10]}, nil, codes.InvalidArgument},
			"an empty presence":   {"c1", []string{""}, nil, codes.InvalidArgument},
			"an older state":      {"c1", []string{good}, errOlder, codes.PermissionDenied},
			"could not be judged": {"c1", []string{good}, errNoWrite, codes.Unavailable},
		} {
			p.from(c.caller)
			p.c2.set(func(s *side) { s.refuse = c.refuse })
			err := p.ask(showing(t.Context(), c.shows...), p.bare, m)
			wantCode(t, string(m.Name())+" with "+name, err, c.want)
			if reached, _ := p.taken(); reached != nil {
				t.Errorf("%s with %s: the handler was reached", m.Name(), name)
			}
		}
		p.from("c1")
		p.c2.set(func(s *side) { s.refuse, s.seen = nil, nil })
		var theirs metadata.MD
		err := p.bare.Invoke(showing(t.Context(), good), fullName(m), message(t, m.Input()), message(t, m.Output()),
			grpc.Header(&theirs))
		if err != nil {
			t.Errorf("%s on a sound state: %v", m.Name(), err)
		}
		if reached, callers := p.taken(); !slices.Equal(reached, []string{string(m.Name())}) ||
			!slices.Equal(callers, []string{"c1"}) {
			t.Errorf("%s reached %v as %v", m.Name(), reached, callers)
		}
		if !slices.Equal(theirs.Get(header), []string{text(t, p.c2.Presence())}) {
			t.Errorf("%s: the answer does not show the state of who answers", m.Name())
		}
	}
}

// TestEveryAnswerIsAdmitted: no answer is used before the state of who answered was compared.
func TestEveryAnswerIsAdmitted(t *testing.T) {
	p := newPair(t)
	for _, m := range between(t) {
		for _, refuse := range []error{errOlder, errNoWrite} {
			p.c1.set(func(s *side) { s.refuse = refuse })
			if err := p.ask(t.Context(), p.conn, m); !errors.Is(err, refuse) || status.Code(err) != codes.Unknown {
				t.Errorf("%s, answered on a state that is refused with %q: %v", m.Name(), refuse, err)
			}
		}
		p.c1.set(func(s *side) { s.refuse, s.seen = nil, nil })
		if err := p.ask(t.Context(), p.conn, m); err != nil {
			t.Errorf("%s: %v", m.Name(), err)
		}
		if !slices.Equal(p.c1.seen, []string{"c2"}) {
			t.Errorf("%s: %v were compared", m.Name(), p.c1.seen)
		}
	}
	p.taken()
}

// TestAnswerWithoutPresence: who answers without one runs something else, and is not believed.
func TestAnswerWithoutPresence(t *testing.T) {
	a := New("c1", nil, newSide(1))
	err := a.admit("c2", nil, statedir.Sighting{})
	if !errors.Is(err, errUnreadable) || !strings.Contains(err.Error(), "same version") {
		t.Errorf("got %v", err)
	}
}

// TestAnswerIsHeldAgainstWhatWasSeen: an answer is compared with what was seen of the peer before
// it was asked, not with what came meanwhile; a request, which nobody asked for, with none of it.
func TestAnswerIsHeldAgainstWhatWasSeen(t *testing.T) {
	p := newPair(t)
	before := statedir.Sighting{Presence: p.c2.Presence(), Highest: 40}
	p.c1.set(func(s *side) { s.known = before })
	p.c2.set(func(s *side) { s.known = before })
	p.answer = func() (proto.Message, error) { // on another connection, meanwhile
		p.c1.set(func(s *side) { s.known.Highest = 50 })
		return &cosignerv1.BarrierResponse{}, nil
	}
	if _, err := cosignerv1.NewPeerServiceClient(p.conn).Barrier(t.Context(), &cosignerv1.BarrierRequest{}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.c1.asked, []statedir.Sighting{before}) {
		t.Errorf("the answer was held against %+v, want %+v", p.c1.asked, before)
	}
	if !slices.Equal(p.c2.asked, []statedir.Sighting{{}}) {
		t.Errorf("the request was held against %+v, want nothing", p.c2.asked)
	}
}

// TestForgottenCall: a method that nobody told admission of is refused, on both sides, and the
// refusal says where it belongs. So is a stream.
func TestForgottenCall(t *testing.T) {
	p := newPair(t)
	const method = "/casper.cosigner.v1.PeerService/Forgotten"
	request, answer := &cosignerv1.BarrierRequest{}, &cosignerv1.BarrierResponse{}
	for name, conn := range map[string]*grpc.ClientConn{"by the server": p.bare, "by the client": p.conn} {
		err := conn.Invoke(showing(t.Context(), text(t, p.c1.Presence())), method, request, answer)
		wantCode(t, "refused "+name, err, codes.PermissionDenied)
		if !strings.Contains(status.Convert(err).Message(), "package peer") {
			t.Errorf("refused %s: %v does not say what to do", name, err)
		}
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true},
			cosignerv1.AdminService_ExportWatermark_FullMethodName)
		if err == nil {
			err = errors.Join(stream.SendMsg(&cosignerv1.ExportWatermarkRequest{}), stream.CloseSend())
		}
		if err == nil {
			err = stream.RecvMsg(&cosignerv1.ExportWatermarkResponse{})
		}
		wantCode(t, "a stream, refused "+name, err, codes.PermissionDenied)
	}
	if reached, _ := p.taken(); reached != nil {
		t.Errorf("%v were reached", reached)
	}
}

// TestPassedOn: a node's request that is passed on needs no presence, and neither does the node's
// own. Since no state was compared nobody is named as its caller; and a cosigner may call nothing
// else of the nodes' services.
func TestPassedOn(t *testing.T) {
	p := newPair(t)
	p.c1.set(func(s *side) { s.refuse = errOlder })
	p.c2.set(func(s *side) { s.refuse = errOlder })
	for _, m := range methods(t) {
		switch {
		case m.Parent().Name() == "PingService":
			wantCode(t, "a cosigner's ping", p.ask(t.Context(), p.bare, m), codes.PermissionDenied)
			p.from("")
			wantCode(t, "an agent's ping", p.ask(t.Context(), p.bare, m), codes.OK)
		case m.Parent().Name() == "SignerService", m.Parent().Name() == "ClaimService":
			for _, caller := range []string{"", "c1"} {
				p.from(caller)
				p.taken()
				if err := p.ask(t.Context(), p.conn, m); err != nil {
					t.Errorf("%s by %q: %v", m.Name(), caller, err)
				}
				if _, callers := p.taken(); !slices.Equal(callers, []string{""}) {
					t.Errorf("%s by %q was served as that of %v", m.Name(), caller, callers)
				}
			}
		}
		p.from("c1")
	}
}

// TestAtOnce: one cosigner's calls that hang keep it from more of them, and nobody else.
func TestAtOnce(t *testing.T) {
	p := newPair(t)
	p.hold = make(chan struct{})
	barrier := cosignerv1.NewPeerServiceClient(p.conn)
	var all sync.WaitGroup
	terms, _ := call.Of(cosignerv1.PeerService_Barrier_FullMethodName)
	fewAtOnce := terms.AtOnce
	codesOf := make(chan codes.Code, 2*fewAtOnce)
	for range 2 * fewAtOnce {
		all.Go(func() {
			_, err := barrier.Barrier(t.Context(), &cosignerv1.BarrierRequest{})
			codesOf <- status.Code(err)
		})
	}
	for range fewAtOnce {
		if code := <-codesOf; code != codes.ResourceExhausted {
			t.Errorf("got %v, want too many", code)
		}
	}
	p.from("c3")
	other := make(chan error)
	go func() {
		_, err := barrier.Barrier(t.Context(), &cosignerv1.BarrierRequest{})
		other <- err
	}()
	close(p.hold)
	if err := <-other; err != nil {
		t.Errorf("another cosigner: %v", err)
	}
	all.Wait()
	for range fewAtOnce {
		if code := <-codesOf; code != codes.OK {
			t.Errorf("got %v of those that were let in", code)
		}
	}
	p.from("c1")
	if _, err := barrier.Barrier(t.Context(), &cosignerv1.BarrierRequest{}); err != nil {
		t.Errorf("once they are answered: %v", err)
	}
}

// TestSizes: neither a request nor an answer is longer than there is to say.
func TestSizes(t *testing.T) {
	p := newPair(t)
	client := cosignerv1.NewPeerServiceClient(p.conn)
	full := &cosignerv1.KeepRequest{}
	for range spreadQueue {
		full.Signatures = append(full.Signatures, &cosignerv1.KeptSignature{Digest: make([]byte, 32),
			Signature: make([]byte, 64)})
	}
	if _, err := client.Keep(t.Context(), full); err != nil {
		t.Errorf("as many signatures as are sent at once: %v", err)
	}
	full.Signatures = append(full.Signatures, full.Signatures...)
	full.Signatures = append(full.Signatures, full.Signatures...)
	_, err := client.Keep(t.Context(), full)
	wantCode(t, "four times as many", err, codes.ResourceExhausted)
	p.taken()
	p.answer = func() (proto.Message, error) {
		return &cosignerv1.GatherResponse{Nodes: []*cosignerv1.NodeReport{{Name: strings.Repeat("x", 512*(1<<10))}}}, nil
	}
	_, err = client.Gather(t.Context(), &cosignerv1.GatherRequest{})
	wantCode(t, "a huge answer", err, codes.ResourceExhausted)
}

// TestShowsWhatIsNow: a presence is marshalled once, and anew when it has changed.
func TestShowsWhatIsNow(t *testing.T) {
	state := newSide(1)
	a := New("c1", nil, state)
	for range 3 {
		state.set(func(s *side) { s.shows.LastIndex++ })
		for range 2 {
			if got, err := a.show(); err != nil || got != text(t, state.Presence()) {
				t.Errorf("shows %q, %v", got, err)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = a.show() }); n > 0 {
		t.Errorf("%v allocations to show the same again", n)
	}
}

// TestAnswerShowsAfter: an answer shows the state by then, not that before the call was served.
func TestAnswerShowsAfter(t *testing.T) {
	p := newPair(t)
	p.answer = func() (proto.Message, error) {
		p.c2.set(func(s *side) { s.shows.AppliedIndex = 99 })
		return &cosignerv1.BarrierResponse{}, nil
	}
	var theirs metadata.MD
	_, err := cosignerv1.NewPeerServiceClient(p.bare).Barrier(showing(t.Context(), text(t, p.c1.Presence())),
		&cosignerv1.BarrierRequest{}, grpc.Header(&theirs))
	if got := theirs.Get(header); err != nil || len(got) != 1 || got[0] != text(t, p.c2.Presence()) {
		t.Errorf("it shows %q, %v", got, err)
	}
}

// TestCallerOutside: who did not come through an admission has no name.
func TestCallerOutside(t *testing.T) {
	if name, ok := Caller(context.Background()); ok {
		t.Errorf("got %q", name)
	}
}
