package long

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
)

// lyingAgent answers on an agent's socket, and everything that it says is signed by a key
// that is not the validator's: what it was asked for, and in turn another value that the slot
// is said to hold.
type lyingAgent struct {
	cosignerv1.UnimplementedSignerServiceServer
	server *grpc.Server
	served chan error
	key    ed25519.PrivateKey

	mu            sync.Mutex
	signed, bound int // answers
}

// lie starts a lying agent on a socket that nobody has.
func lie(socket string, seed uint64) (*lyingAgent, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("starting the lying agent: %w", err)
	}
	const stranger = 1000
	secret := localnet.ValidatorKey(seed, stranger).Seed()
	a := &lyingAgent{server: grpc.NewServer(), served: make(chan error, 1), key: ed25519.NewKeyFromSeed(secret[:])}
	cosignerv1.RegisterSignerServiceServer(a.server, a)
	go func() { a.served <- a.server.Serve(l) }()
	return a, nil
}

// Close ends the agent; its socket is gone then.
func (a *lyingAgent) Close() error {
	a.server.Stop()
	if err := <-a.served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("running the lying agent: %w", err)
	}
	return nil
}

// Sign lies.
func (a *lyingAgent) Sign(_ context.Context, r *cosignerv1.SignRequest) (*cosignerv1.SignResponse, error) {
	m, err := wire.Message(r)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if other := testnet.Other(m); other != nil && a.signed > a.bound {
		a.bound++
		return &cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Bound{Bound: wire.Bound(other, a.forge(other))}}, nil
	}
	a.signed++
	forged := a.forge(m)
	return &cosignerv1.SignResponse{
		Answer: &cosignerv1.SignResponse_Signed{Signed: &cosignerv1.Signed{Signature: forged[:]}}}, nil
}

func (a *lyingAgent) forge(m casper.Message) casper.Signature {
	return casper.Signature(ed25519.Sign(a.key, m.SignBytes()))
}

// RegisterTLSPoint takes every point.
func (a *lyingAgent) RegisterTLSPoint(context.Context,
	*cosignerv1.RegisterTLSPointRequest) (*cosignerv1.RegisterTLSPointResponse, error) {
	return &cosignerv1.RegisterTLSPointResponse{}, nil
}

func (a *lyingAgent) told() (signed, bound int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.signed, a.bound
}

const roundsOfLies = 4

// liar puts a lying agent beside the running main, and then the right one again.
func (s *run) liar(ctx context.Context) error {
	p := s.Pair
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	if err := s.Disturb("a lying agent beside "+p.Main.Node.Name, s.endAgent); err != nil {
		return err
	}
	from := time.Now()
	agent, err := lie(p.Cluster.Socket(testnet.Main), s.Seed)
	if err != nil {
		return err
	}
	err = errors.Join(s.SomeRounds(ctx, roundsOfLies), agent.Close())
	if err != nil {
		return err
	}
	signed, bound := agent.told()
	s.Count("lies_signed", signed)
	s.Count("lies_bound", bound)
	believed, _ := s.mainSince(from)
	line, said, err := findLine(p.Main.Node.LogFile(), notBelieved)
	if err != nil {
		return err
	}
	s.Claimf(signed > 0 && bound > 0 && believed == 0, "it answered %d times with a wrong signature, %d times with a "+
		"wrong value; the node believed %d",
		signed, bound, believed)
	s.Claimf(said && line.Level == "ERROR", "the node logs it: %s, %s: %s",
		line.Level, line.Fields.Message, line.Fields.Why)
	if err := p.MainAgent().Start(ctx); err != nil {
		return err
	}
	if err := s.back(ctx, p.Main, time.Now()); err != nil {
		return err
	}
	_, found, err := s.JudgeRounds(ctx, stage.Window{})
	if err != nil {
		return err
	}
	s.Claimf(found.Clean, "nothing of it reached the others: %d messages of ours in their unit files, %d "+
		"contradictions, %d not signed by the key",
		found.Messages, len(found.Contradictions), len(found.Invalid))
	return nil
}
