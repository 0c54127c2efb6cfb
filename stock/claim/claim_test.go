package claim_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/wire"
	"casper-cosigner/stock/claim"
)

// told is an agent that answers as told, the last answer for ever.
type told struct {
	cosignerv1.UnimplementedClaimServiceServer
	mu      sync.Mutex
	answers []answer
	asked   int
	last    casper.Message
}

// answer is a response or an error.
type answer struct {
	response *cosignerv1.ClaimResponse
	err      error
}

func (a *told) Claim(_ context.Context, r *cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last, _ = wire.Claimed(r)
	now := a.answers[min(a.asked, len(a.answers)-1)]
	a.asked++
	return now.response, now.err
}

// tell has the agent answer so from now on.
func (a *told) tell(answers ...answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers, a.asked, a.last = answers, 0, nil
}

// heard returns how often it was asked since, and for what the last time.
func (a *told) heard() (int, casper.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked, a.last
}

var yes = casper.Vote{Round: casper.Round{Era: 3, ID: 4, Validator: 1}, Value: true}

// soon is enough for an answer, and long for one that does not come.
const soon = 300 * time.Millisecond

// claims claims m within that time.
func claims(t *testing.T, c *claim.Client, m casper.Message, within time.Duration) error {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return c.Claim(ctx, m)
}

func granted(m casper.Message) answer {
	return answer{response: &cosignerv1.ClaimResponse{
		Answer: &cosignerv1.ClaimResponse_Granted{Granted: wire.Granted(m, nil)}}}
}

func refused(why refusal.Reason) answer {
	return answer{response: &cosignerv1.ClaimResponse{
		Answer: &cosignerv1.ClaimResponse_Refused{Refused: wire.Refused(why, "in words")}}}
}

func held(h *cosignerv1.HeldElse) answer {
	return answer{response: &cosignerv1.ClaimResponse{Answer: &cosignerv1.ClaimResponse_HeldElse{HeldElse: h}}}
}

// TestClaim: granted is what the agent grants of this very message, and nothing else.
func TestClaim(t *testing.T) {
	no, echo := yes, casper.Echo{Round: yes.Round}
	no.Value = false
	agent := &told{}
	client := serve(t, agent)
	for name, tt := range map[string]struct {
		answer answer
		want   func(err error) bool
	}{
		"granted":         {granted(yes), func(err error) bool { return err == nil }},
		"another granted": {granted(no), unknown},
		"granted without a digest": {answer{response: &cosignerv1.ClaimResponse{
			Answer: &cosignerv1.ClaimResponse_Granted{Granted: &cosignerv1.Granted{}}}}, unknown},
		"nothing": {answer{response: &cosignerv1.ClaimResponse{}}, unknown},
		"held else": {held(wire.HeldElse(no, nil)), func(err error) bool {
			var held *claim.HeldError
			return errors.As(err, &held) && held.Held == casper.Message(no)
		}},
		"held else, unreadable": {held(&cosignerv1.HeldElse{}), unknown},
		"refused": {refused(refusal.NotActive), func(err error) bool {
			var refused *claim.RefusedError
			return errors.As(err, &refused) && refused.Detail == "in words" &&
				refused.Reason == cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE
		}},
		"no answer": {answer{err: status.Error(codes.Unavailable, "no leader")}, unknown},
	} {
		agent.tell(tt.answer)
		if err := claims(t, client, yes, soon); !tt.want(err) {
			t.Errorf("%s: %v", name, err)
		}
		if _, last := agent.heard(); last != casper.Message(yes) {
			t.Errorf("%s: the agent was asked for %v", name, last)
		}
	}
	agent.tell(granted(echo))
	if err := claims(t, client, echo, time.Minute); err != nil {
		t.Errorf("an echo: %v", err)
	}
	for _, m := range []casper.Message{casper.Finality{}, casper.Handshake{}} {
		agent.tell(granted(casper.Vote{}))
		if err := claims(t, client, m, soon); err == nil {
			t.Errorf("%v is granted", m.Kind())
		}
	}
}

// TestAsksAgain: what may pass is waited for, and a definite no is told at once.
func TestAsksAgain(t *testing.T) {
	agent := &told{}
	client := serve(t, agent)
	agent.tell(answer{err: status.Error(codes.Unavailable, "no leader")}, refused(refusal.NotPreferred),
		refused(refusal.TooFarAhead), refused(refusal.TooMany), refused(refusal.Stale), granted(yes))
	if err := claims(t, client, yes, time.Minute); err != nil {
		t.Error(err)
	}
	if n, _ := agent.heard(); n != 6 {
		t.Errorf("asked %d times", n)
	}
	for _, why := range []refusal.Reason{refusal.NotActive, refusal.Suspended, refusal.BelowFloor, refusal.HasNoKey,
		refusal.OtherInstance, refusal.BadSignature, refusal.Malformed} {
		agent.tell(refused(why), granted(yes))
		if err := claims(t, client, yes, time.Minute); err == nil {
			t.Errorf("%v: asked again", why)
		}
	}
}

// TestAgentComesLater: an agent that is not there yet, or gone for a while, is waited for; one that
// does not come is not there.
func TestAgentComesLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	client := dial(t, path)
	if err := claims(t, client, yes, soon); !unknown(err) {
		t.Errorf("got %v", err)
	}
	agent := &told{}
	agent.tell(granted(yes))
	for range 3 {
		done := make(chan error)
		go func() { done <- claims(t, client, yes, time.Minute) }()
		stop := listen(t, path, agent)
		if err := <-done; err != nil {
			t.Error(err)
		}
		stop()
	}
}

// unknown reports whether nothing is known.
func unknown(err error) bool {
	var held *claim.HeldError
	var refused *claim.RefusedError
	return err != nil && !errors.As(err, &held) && !errors.As(err, &refused)
}

func serve(t *testing.T, agent *told, knows ...*knowing) *claim.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.sock")
	t.Cleanup(listen(t, path, agent, knows...))
	return dial(t, path)
}

func listen(t *testing.T, path string, agent *told, knows ...*knowing) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	cosignerv1.RegisterClaimServiceServer(server, agent)
	for _, k := range knows {
		cosignerv1.RegisterInstanceServiceServer(server, k)
	}
	go server.Serve(l)
	return server.Stop
}

func dial(t *testing.T, path string) *claim.Client {
	t.Helper()
	client, err := claim.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
