package peer

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// told is what a cosigner knows of statements, and what it heard from whom.
type told struct {
	mu    sync.Mutex
	shows []*cosignerv1.SignedStatement
	heard map[string][]*cosignerv1.SignedStatement
	came  chan string // from whom
}

func newTold(text string) *told {
	return &told{shows: []*cosignerv1.SignedStatement{{Text: []byte(text)}},
		heard: map[string][]*cosignerv1.SignedStatement{}, came: make(chan string, 100)}
}

func (k *told) Shown() []*cosignerv1.SignedStatement {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.shows
}

func (k *told) HeardCosigner(name string, all []*cosignerv1.SignedStatement) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.heard[name] = all
	select {
	case k.came <- name:
	default:
	}
}

// has waits until the text was heard of the cosigner, which takes no time worth speaking of.
func (k *told) has(t *testing.T, from, text string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		k.mu.Lock()
		all := k.heard[from]
		k.mu.Unlock()
		if slices.ContainsFunc(all, func(s *cosignerv1.SignedStatement) bool { return string(s.GetText()) == text }) {
			return
		}
		select {
		case <-k.came:
		case <-late:
			t.Fatalf("%q is not heard of %s", text, from)
		}
	}
}

// TestTellOnAnyState: what was stated passes between two cosigners in both directions by one call,
// though each of them refuses the other one's state, which the handlers of no other call see.
func TestTellOnAnyState(t *testing.T) {
	p := newPair(t)
	p.c1.set(func(s *side) { s.refuse = errOlder })
	p.c2.set(func(s *side) { s.refuse = errOlder })
	here, there := newTold("of c1"), newTold("of c2")
	server := &Server{Statements: there}
	p.serve = func(ctx context.Context, request any) (proto.Message, error) {
		return server.Tell(ctx, request.(*cosignerv1.TellRequest))
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	telling := Telling{Others: map[string]cosignerv1.PeerServiceClient{"c2": cosignerv1.NewPeerServiceClient(p.conn)},
		Statements: here, Every: time.Second}
	go func() { done <- telling.Run(ctx) }()
	there.has(t, "c1", "of c1")
	here.has(t, "c2", "of c2")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(p.c1.seen)+len(p.c2.seen) > 0 {
		t.Error("a state was compared, and might have been taken for the one that counts")
	}
}

// forgetful has nothing to show any more once it has heard something.
type forgetful struct {
	*told
	gone bool
}

func (f *forgetful) HeardCosigner(string, []*cosignerv1.SignedStatement) { f.gone = true }

func (f *forgetful) Shown() []*cosignerv1.SignedStatement {
	if f.gone {
		return nil
	}
	return f.told.Shown()
}

// TestTellsWhatItHad: a cosigner that was put back is told what shows that, though its own word
// just took the place of it.
func TestTellsWhatItHad(t *testing.T) {
	p := newPair(t)
	server := &Server{Statements: &forgetful{told: newTold("what c1 has lost")}}
	p.serve = func(ctx context.Context, request any) (proto.Message, error) {
		return server.Tell(ctx, request.(*cosignerv1.TellRequest))
	}
	p.from("c1")
	answer, err := cosignerv1.NewPeerServiceClient(p.bare).Tell(t.Context(), &cosignerv1.TellRequest{})
	if err != nil || len(answer.GetStatements()) != 1 {
		t.Errorf("told %v, %v", answer, err)
	}
}

// TestTellsWhoCalls: who is no cosigner tells nothing and is told nothing, nor is our own name, or
// who sends too much.
func TestTellsWhoCalls(t *testing.T) {
	p := newPair(t)
	there := newTold("of c2")
	server := &Server{Statements: there}
	p.serve = func(ctx context.Context, request any) (proto.Message, error) {
		return server.Tell(ctx, request.(*cosignerv1.TellRequest))
	}
	client := cosignerv1.NewPeerServiceClient(p.bare)
	for _, caller := range []string{"", "c2"} {
		p.from(caller)
		_, err := client.Tell(t.Context(), &cosignerv1.TellRequest{})
		wantCode(t, "told by "+caller, err, codes.PermissionDenied)
	}
	p.from("c1")
	_, err := client.Tell(t.Context(), &cosignerv1.TellRequest{Statements: []*cosignerv1.SignedStatement{
		{Text: make([]byte, 64*(1<<10))}}}, grpc.WaitForReady(true))
	wantCode(t, "told too much", err, codes.ResourceExhausted)
	if _, err := server.Tell(t.Context(), &cosignerv1.TellRequest{}); err == nil {
		t.Error("told by nobody")
	}
	if len(there.heard) > 0 {
		t.Errorf("heard %v", there.heard)
	}
}
