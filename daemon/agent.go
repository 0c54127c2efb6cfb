package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"casper-cosigner/agent"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/pulse"
)

// Options is what a program passes to what it runs.
type Options struct {
	Version string
	Logger  zerolog.Logger
	// Fatal must end the process: it is called when the disk can no longer be trusted.
	Fatal func(error)
	// Now is the wall clock.
	Now func() time.Time
}

// socketMode lets casper-node's group connect, and nobody else.
const socketMode = 0o660

// RunAgent serves the node's unix socket until ctx ends.
func RunAgent(ctx context.Context, f *AgentFile, o Options) error {
	member, err := f.Member()
	if err != nil {
		return err
	}
	cosigners, closeAll, err := dialCosigners(member)
	if err != nil {
		return err
	}
	defer closeAll()
	m, beat := newAgentMetrics(member.Name), pulse.New()
	a := agent.New(agent.Config{
		Cluster: member.Cluster, Name: member.Name, Key: member.Key(), Cosigners: cosigners,
		Steady: beat.Steady, Observe: m.observe, Logger: o.Logger,
	})
	listener, err := listenUnix(f.SocketPath())
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1 << 16))
	cosignerv1.RegisterSignerServiceServer(server, a)
	o.Logger.Info().Str("node", member.Name).Str("socket", f.SocketPath()).Str("version", o.Version).Msg("agent is up")

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { beat.Run(ctx); return nil })
	group.Go(func() error { return server.Serve(listener) })
	group.Go(func() error { return serveMetrics(ctx, f.Metrics, m.registry, nil, o.Logger) })
	group.Go(func() error {
		<-ctx.Done()
		stopServer(server)
		return nil
	})
	return group.Wait()
}

// DialAgent returns an agent that asks the cosigners for one program's own requests, without a socket.
func DialAgent(ctx context.Context, f *AgentFile, logger zerolog.Logger) (*agent.Agent, func(), error) {
	member, err := f.Member()
	if err != nil {
		return nil, nil, err
	}
	cosigners, closeAll, err := dialCosigners(member)
	if err != nil {
		return nil, nil, err
	}
	return agent.New(agent.Config{
		Cluster: member.Cluster, Name: member.Name, Key: member.Key(), Cosigners: cosigners,
		Steady: func() bool { return true }, Observe: func(string, error, time.Duration) {}, Logger: logger,
	}), closeAll, nil
}

func dialCosigners(m Member) (list []agent.Cosigner, closeAll func(), err error) {
	var open []*grpc.ClientConn
	closeAll = func() {
		for _, c := range open {
			c.Close()
		}
	}
	for _, c := range m.Cluster.Cosigners {
		conn, err := m.Cluster.Dial(m.Certificate, c.Name, c.Address)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("cosigner %q: %w", c.Name, err)
		}
		open = append(open, conn)
		list = append(list, agent.Cosigner{Name: c.Name, Client: cosignerv1.NewSignerServiceClient(conn)})
	}
	return slices.Clip(list), closeAll, nil
}

// listenUnix binds the socket. A socket that a dead process left is replaced, one that answers is not.
func listenUnix(path string) (net.Listener, error) {
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return nil, fmt.Errorf("socket %s is in use: another agent serves it", path)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("socket %s: a file that is not a socket is in the way", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("replacing the socket: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("binding the socket: %w", err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("binding the socket: %w", err), l.Close())
	}
	return l, nil
}

// stopServer lets running calls end, but not for long.
func stopServer(s *grpc.Server) {
	timer := time.AfterFunc(2*time.Second, s.Stop)
	defer timer.Stop()
	s.GracefulStop()
}
