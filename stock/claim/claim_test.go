package claim_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
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

// committee is three cosigners, of which two suffice.
var committee, keys = newCommittee("c1", "c2", "c3")

func newCommittee(names ...string) (attest.Cluster, map[string]ed25519.PrivateKey) {
	keys := map[string]ed25519.PrivateKey{}
	c := attest.Cluster{ID: [16]byte{1}, Validator: casper.PublicKey{2}, Threshold: 2,
		Cosigners: map[string]ed25519.PublicKey{}}
	for i, name := range names {
		keys[name] = ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(i)))
		c.Cosigners[name] = keys[name].Public().(ed25519.PublicKey)
	}
	return c, keys
}

// by are the named cosigners' attestations that the message's slot holds it.
func by(m casper.Message, names ...string) (all []attest.Attestation) {
	h, _ := attest.Of(m)
	for _, name := range names {
		all = append(all, committee.Sign(keys[name], name, h))
	}
	return all
}

// claims claims m within that time.
func claims(t *testing.T, c *claim.Client, m casper.Message, within time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	p, err := c.Claim(ctx, m)
	if own, _ := casper.BallotOf(m); p.Of(own) != (err == nil) {
		t.Errorf("%v: the proof is of it: %v; error: %v", m.Kind(), p.Of(own), err)
	}
	return err
}

func grants(m casper.Message, all []attest.Attestation) answer {
	return answer{response: &cosignerv1.ClaimResponse{
		Answer: &cosignerv1.ClaimResponse_Granted{Granted: wire.Granted(m, all)}}}
}

func granted(m casper.Message) answer { return grants(m, by(m, "c1", "c3")) }

func refused(why refusal.Reason) answer {
	return answer{response: &cosignerv1.ClaimResponse{
		Answer: &cosignerv1.ClaimResponse_Refused{Refused: wire.Refused(why, "in words")}}}
}

func held(m casper.Message, all []attest.Attestation) answer {
	return answer{response: &cosignerv1.ClaimResponse{
		Answer: &cosignerv1.ClaimResponse_HeldElse{HeldElse: wire.HeldElse(m, all)}}}
}

// TestClaim: granted is what a threshold of cosigners attest to be in the slot of this very
// message, and nothing else; what they attest to be there instead is a no for good.
func TestClaim(t *testing.T) {
	no, echo := yes, casper.Echo{Round: yes.Round}
	no.Value = false
	agent := &told{}
	client := serve(t, agent)
	for name, tt := range map[string]struct {
		answer answer
		want   func(err error) bool
	}{
		"granted": {granted(yes), func(err error) bool { return err == nil }},
		"held else": {held(no, by(no, "c2", "c3")), func(err error) bool {
			var held *claim.HeldError
			return errors.As(err, &held) && held.Held == casper.Message(no)
		}},
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

// TestHostileAgent: an agent that was taken over, and has all that was ever attested, grants
// nothing by it but what is in the slot; nor does it make the gate give a message up.
func TestHostileAgent(t *testing.T) {
	no, later, next, elsewhere := yes, yes, yes, yes
	no.Value = false
	later.ID++
	next.Era++
	elsewhere.KeyBlock[0]++
	index := yes
	index.Validator++
	echo := casper.Echo{Round: yes.Round}
	h, _ := attest.Of(yes)
	founded := committee
	founded.ID[0]++
	before := []attest.Attestation{founded.Sign(keys["c1"], "c1", h), founded.Sign(keys["c2"], "c2", h)}
	_, gone := newCommittee("c3", "c2", "c1")
	rekeyed := append(by(yes, "c2"), committee.Sign(gone["c1"], "c1", h))
	const stranger = "c9"
	agent := &told{}
	client := serve(t, agent)
	for name, lie := range map[string]answer{
		"nothing":                     {response: &cosignerv1.ClaimResponse{}},
		"granted with nothing":        grants(yes, nil),
		"another message granted":     granted(no),
		"by one":                      grants(yes, by(yes, "c1")),
		"by one twice":                grants(yes, by(yes, "c1", "c1")),
		"by one under two names":      grants(yes, rename(by(yes, "c1", "c1"), "c2")),
		"by one and a stranger":       grants(yes, rename(by(yes, "c1", "c1"), stranger)),
		"another message's":           grants(yes, by(no, "c1", "c2", "c3")),
		"another round's":             grants(yes, by(later, "c1", "c2", "c3")),
		"another era's":               grants(yes, by(next, "c1", "c2", "c3")),
		"another instance's":          grants(yes, by(elsewhere, "c1", "c2", "c3")),
		"another index'":              grants(yes, by(index, "c1", "c2", "c3")),
		"another kind's":              grants(yes, by(echo, "c1", "c2", "c3")),
		"an earlier founding's":       grants(yes, before),
		"by keys that are none now":   grants(yes, rekeyed),
		"held else, by nobody":        held(no, nil),
		"held else, by one":           held(no, by(no, "c1")),
		"held else, by what is held":  held(no, by(yes, "c1", "c2")),
		"held else, of another slot":  held(later, by(later, "c1", "c2")),
		"held else, what was claimed": held(yes, by(yes, "c1", "c2")),
		"held else, nothing":          {response: &cosignerv1.ClaimResponse{Answer: &cosignerv1.ClaimResponse_HeldElse{}}},
	} {
		agent.tell(lie, granted(yes))
		err := claims(t, client, yes, time.Minute)
		if n, _ := agent.heard(); err != nil || n != 2 {
			t.Errorf("%s, and then the truth: asked %d times, %v", name, n, err)
		}
	}
}

// rename gives the last one in another cosigner's name.
func rename(all []attest.Attestation, name string) []attest.Attestation {
	all[len(all)-1].Cosigner = name
	return all
}

// TestReplayed: what was attested to another node, or while another mode or another node was
// active, is as true for this one: the slot holds that content and no other, for the validator.
func TestReplayed(t *testing.T) {
	agent := &told{}
	client := serve(t, agent)
	again := granted(yes)
	agent.tell(again)
	for range 3 {
		if err := claims(t, client, yes, time.Minute); err != nil {
			t.Error(err)
		}
	}
	no := yes
	no.Value = false
	if err := claims(t, client, no, soon); !unknown(err) {
		t.Errorf("another content by it: %v", err)
	}
}

// TestOtherClusterFile: a gate whose cluster file is not that of the cosigners any more says so.
func TestOtherClusterFile(t *testing.T) {
	agent := &told{}
	agent.tell(granted(yes))
	path := filepath.Join(t.TempDir(), "agent.sock")
	t.Cleanup(listen(t, path, agent))
	old, _ := newCommittee("c1", "c4", "c5")
	client := dial(t, claim.Config{Socket: path, Attesters: old})
	err := claims(t, client, yes, soon)
	for _, want := range []string{"put the present cluster file in its place", `"c3" is no cosigner`, "needed are 2"} {
		if !errors.Is(err, attest.ErrUnproven) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// TestAsksAgain: what may pass is waited for, be it a refusal of whoever leads; by what the slot
// holds it is over at once.
func TestAsksAgain(t *testing.T) {
	agent := &told{}
	client := serve(t, agent)
	all := []answer{{err: status.Error(codes.Unavailable, "no leader")}}
	for why := refusal.NotActive; why.Definite(); why++ {
		all = append(all, refused(why))
	}
	agent.tell(append(all, granted(yes))...)
	if err := claims(t, client, yes, time.Minute); err != nil {
		t.Error(err)
	}
	if n, _ := agent.heard(); n != len(all)+1 {
		t.Errorf("asked %d times", n)
	}
	no := yes
	no.Value = false
	agent.tell(held(no, by(no, "c1", "c2")), granted(yes))
	if err := claims(t, client, yes, time.Minute); err == nil {
		t.Error("bound to another content, and asked again")
	}
}

// TestRefusedIsAsked: no refusal is final, whatever its reason: nobody attests it.
func TestRefusedIsAsked(t *testing.T) {
	agent := &told{}
	client := serve(t, agent)
	for why := refusal.NotActive; why.Definite(); why++ {
		agent.tell(refused(why), granted(yes))
		if err := claims(t, client, yes, time.Minute); err != nil {
			t.Errorf("%v: %v", why, err)
		}
	}
}

// TestWhy: whoever waited in vain is told why, and not only that time was over.
func TestWhy(t *testing.T) {
	agent := &told{}
	client := serve(t, agent)
	agent.tell(refused(refusal.Suspended))
	var no *claim.RefusedError
	err := claims(t, client, yes, soon)
	if !errors.As(err, &no) || no.Reason != cosignerv1.RefusalReason_REFUSAL_REASON_SUSPENDED ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// TestAgentComesLater: an agent that is not there yet, or gone for a while, is waited for; one that
// does not come is not there.
func TestAgentComesLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	client := dial(t, claim.Config{Socket: path, Attesters: committee})
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
	return dial(t, claim.Config{Socket: path, Attesters: committee})
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

func dial(t *testing.T, c claim.Config) *claim.Client {
	t.Helper()
	client, err := claim.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
