package testnet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// liar is in the place of a node's agent, which was taken over. It knows what that knows.
type liar struct {
	cosignerv1.UnimplementedClaimServiceServer
	cosignerv1.UnimplementedInstanceServiceServer
	socket string
	claims cosignerv1.ClaimServiceClient // of the agent as it was
	era    casper.Round
	answer atomic.Pointer[cosignerv1.ClaimResponse] // to whatever is claimed
}

// newLiar has one serve on a socket of its own.
func newLiar(t *testing.T, agent string, era casper.Round) *liar {
	t.Helper()
	l := &liar{socket: filepath.Join(t.TempDir(), "liar.sock"), era: era}
	conn, err := grpc.NewClient("unix:"+agent, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	l.claims = cosignerv1.NewClaimServiceClient(conn)
	at, err := net.Listen("unix", l.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	cosignerv1.RegisterClaimServiceServer(server, l)
	cosignerv1.RegisterInstanceServiceServer(server, l)
	go server.Serve(at) //nolint:errcheck // it is stopped
	t.Cleanup(func() { server.Stop(); conn.Close() })
	return l
}

func (l *liar) Claim(context.Context, *cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) {
	return l.answer.Load(), nil
}

func (l *liar) Find(context.Context, *cosignerv1.FindRequest) (*cosignerv1.FindResponse, error) {
	return &cosignerv1.FindResponse{Origin: &cosignerv1.Origin{Era: l.era.Era, ChainspecHash: l.era.Chainspec[:],
		KeyBlockHash: l.era.KeyBlock[:]}}, nil
}

func (l *liar) Signed(context.Context, *cosignerv1.SignedRequest) (*cosignerv1.SignedResponse, error) {
	return &cosignerv1.SignedResponse{}, nil
}

// attested claims, as the agent did, and returns what the cosigners attest of it.
func (l *liar) attested(t *testing.T, m casper.Message) []attest.Attestation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answered)
	defer cancel()
	for {
		r, err := l.claims.Claim(ctx, wire.Claim(m))
		if err == nil && r.GetGranted() != nil {
			all, err := wire.Attestations(r.GetGranted().GetAttestations())
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		if Pause(ctx, askAgain) != nil {
			t.Fatalf("%v was not granted: %v, %v", m, r, err)
		}
	}
}

// by has the liar answer that the claimed message is granted, by these.
func (l *liar) by(claimed casper.Message, all ...attest.Attestation) {
	l.answer.Store(&cosignerv1.ClaimResponse{
		Answer: &cosignerv1.ClaimResponse_Granted{Granted: wire.Granted(claimed, all)}})
}

// ask has the gate of a node ask at another socket from now on.
func (p *stockPair) ask(n *stockNode, socket string) {
	p.t.Helper()
	if err := n.gate.Kill(); err != nil {
		p.t.Fatal(err)
	}
	path := filepath.Join(p.Dir, n.name, "gate.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "socket ") {
			lines[i] = "socket = '" + socket + "'"
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if n.open != nil { // a file of the gate that is gone
		n.open.Close()
		n.open = nil
	}
	p.revive(n)
}

// TestHostileAgent: whoever has taken over the agent of a node, and with it all that the cosigners
// attest to it, has nothing stored in the node's file that is not in the slot by the gate's own
// cluster file; and what is, is.
func TestHostileAgent(t *testing.T) {
	p := newStockPair(t, 1)
	a, b := p.nodes[0], p.nodes[1]
	l, instance := newLiar(t, p.Socket(a.name), a.era), a.era.Instance()
	text, err := os.ReadFile(filepath.Join(p.Dir, a.name, "cluster.toml"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := cluster.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	vote := func(round uint32, yes bool) casper.Message {
		of := a.era
		of.ID, of.Validator = round, a.key.Index
		return casper.Vote{Round: of, Value: yes}
	}
	p.granted(b, b.key.Vote(instance, 0, true))
	theirs, earlier := l.attested(t, vote(0, true)), l.attested(t, vote(1, true))
	mine := l.attested(t, vote(2, true))
	_, stolen, _ := ed25519.GenerateKey(nil)
	held, _ := attest.Of(vote(2, true))
	self := []attest.Attestation{f.Attesters().Sign(stolen, "mine", held), f.Attesters().Sign(stolen, "too", held)}
	p.ask(a, l.socket) // which does not say how long the gate may wait, so that it waits the shortest time
	for _, lie := range []struct {
		name  string
		round uint32
		value bool
		all   []attest.Attestation
	}{
		{"nothing", 2, true, nil},
		{"attestations of another round", 2, true, earlier},
		{"one cosigner's alone", 2, true, mine[:1]},
		{"one cosigner's twice", 2, true, slices.Repeat(mine[:1], f.Threshold)},
		{"cosigners' that are not in the gate's file", 2, true, self},
		{"one such and one cosigner's", 2, true, append(slices.Clone(self[:1]), mine[0])},
		{"those of the other content", 2, false, mine},
		{"those of what the other node sent", 0, false, theirs},
	} {
		p.revive(a)
		l.by(vote(lie.round, lie.value), lie.all...)
		if own := a.key.Vote(instance, lie.round, lie.value); a.record(own) || slices.Contains(a.stored(p.Cluster), own) {
			t.Errorf("granted by %s: %v is written", lie.name, own)
		}
	}
	log, err := os.ReadFile(a.gate.Log)
	if err != nil || !strings.Contains(string(log), attest.ErrUnproven.Error()) {
		t.Error(errors.Join(errors.New("the gate's log does not say what it was answered"), err))
	}
	l.by(vote(2, true), mine...)
	p.revive(a)
	p.granted(a, a.key.Vote(instance, 2, true))
	if slots := p.judge(); slots != 2 {
		t.Errorf("%d slots have a value, want 2", slots)
	}
}
