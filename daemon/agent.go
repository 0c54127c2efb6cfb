package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"casper-cosigner/agent"
	"casper-cosigner/agent/almanac"
	"casper-cosigner/agent/health"
	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/pulse"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/clock"
	"casper-cosigner/rule/failover"
	"casper-cosigner/testimony"
)

// Options is what a program passes to what it runs.
type Options struct {
	Version string
	Logger  zerolog.Logger
	// Fatal must end the process: it is called when the disk can no longer be trusted.
	Fatal func(error)
	// Now is the wall clock.
	Now func() time.Time
	// Clock reads both clocks of a cosigner's host at one instant. Nil reads the system's.
	Clock func() clock.Reading
}

// socketMode lets casper-node's group connect, and nobody else.
const socketMode = 0o660

// agentAccess is what each role may call on an agent's ping port.
var agentAccess = cluster.Access{cosignerv1.PingService_Ping_FullMethodName: {cluster.Node}}

// RunAgent serves the node's unix socket, and pings and is pinged, until ctx ends.
func RunAgent(ctx context.Context, f *AgentFile, o Options) (err error) {
	h := &agentHost{options: o, pulse: pulse.New(), links: links{}}
	if h.self, err = f.Host(); err != nil {
		return err
	}
	entry, ok := h.self.Cluster.Node(f.Name)
	if !ok {
		return fmt.Errorf("%q is not a node in the cluster file", f.Name)
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := f.openState(AgentState, members(h.self.Cluster)); err != nil {
		return err
	}
	if err := h.assemble(f); err != nil {
		return err
	}
	address := or(f.Listen, entry.Address)
	pings, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("binding the ping port: %w; set `listen` if that is no address of this host", err)
	}
	socket, err := listenUnix(f.SocketPath())
	if err != nil {
		return errors.Join(err, pings.Close())
	}
	o.Logger.Info().Str("node", f.Name).Str("socket", f.SocketPath()).Str("address", pings.Addr().String()).
		Str("version", o.Version).Msg("agent is up")
	return h.run(ctx, f, socket, pings)
}

// agentHost is an agent process.
type agentHost struct {
	self    Host
	options Options
	pulse   *pulse.Pulse
	metrics *agentMetrics

	links   links
	almanac *almanac.Almanac // nil if no node is stock
	agent   *agent.Agent
	watcher *health.Watcher
	pinger  *agent.Pinger
	restart *agent.Restarter // nil unless the node is stock
	waits   *agent.Waits     // nil unless it is
	keeper  *testimony.Keeper
}

// close gives up what assemble opened.
func (h *agentHost) close() error {
	err := h.links.close()
	if h.keeper != nil {
		err = errors.Join(err, h.keeper.Close())
	}
	return err
}

// assemble makes the parts. Only close is to be called.
func (h *agentHost) assemble(f *AgentFile) error {
	c, logger := h.self.Cluster, h.options.Logger
	soon := func(string) []grpc.DialOption { return cluster.SoonAgain() }
	if err := errors.Join(h.links.dial(h.self, cosigners(c), soon), h.links.dial(h.self, nodes(c), nil)); err != nil {
		return err
	}
	h.metrics = newAgentMetrics(f.Name, h.links.names())
	watched := f.health(c, logger)
	var chain agent.Chain
	if c.StockNodes().Stock() {
		h.almanac = almanac.New(almanac.Config{Validator: c.Validator, Logger: logger, Chainspec: almanac.Shake})
		watched.Told = func(s health.Status) { h.almanac.Status(s, time.Now()) }
		watched.Ended, watched.Unknown, chain = h.almanac.Ended, h.almanac.Unknown, h.almanac
	}
	if watched.Stock {
		watched.Took = readStart(f.StartPath())
		watched.Measured = func(took time.Duration) {
			if err := keepStart(f.StartPath(), took); err != nil {
				logger.Warn().Err(err).Msg("how long the node's start took is not known any more once this agent starts again")
			}
		}
	}
	h.watcher = health.New(watched)
	h.metrics.watch(f.Name, h.watcher.Health, h.options.Now)
	config := agentConfig(h.self, h.links)
	config.Steady, config.Observe, config.Asked, config.Logger = h.pulse.Steady, h.metrics.observe, h.asked, logger
	config.Nudge = func() { h.pinger.Nudge() }
	if h.almanac != nil {
		config.Granted = h.almanac.Granted
	}
	var err error
	h.keeper, err = testimony.OpenKeeper(testimony.KeeperConfig{
		Path: f.WitnessPath(), Members: members(c), Logger: logger})
	if err != nil {
		return err
	}
	config.Position, config.Lied = h.keeper.Position, h.metrics.lied
	h.agent = agent.New(config)
	h.metrics.follow(f.Name, config.Cosigners, h.agent.Leader)
	pings := agent.PingerConfig{
		Peers: h.links.pinged(c), Interval: time.Duration(c.Failover.PingInterval),
		Timeout: time.Duration(c.Failover.PingTimeout),
		Health:  h.watcher.Health, Observe: h.metrics.observePing, Heard: h.agent.Pinged, Doubts: h.agent.Doubts,
		Memory: h.keeper, Hearsay: h.keeper, Chain: chain, Logger: logger,
	}
	if h.restart = h.openRestarter(f); h.restart != nil {
		h.waits = agent.NewWaits(f.Name, c.Failover.Passive(),
			failover.NewActiveTold(c.Main, c.Threshold, time.Duration(c.Failover.PingInterval)))
		pings.Ordered, pings.Active = h.restart.Heard, h.waits.Heard
	}
	h.pinger = agent.NewPinger(pings)
	return nil
}

// asked notes a request of the node and its answer.
func (h *agentHost) asked(m casper.Message, answer *cosignerv1.SignResponse) {
	h.watcher.Asked(m, answer)
	if h.almanac != nil {
		h.almanac.Asked(m)
	}
}

// run serves until ctx ends.
func (h *agentHost) run(ctx context.Context, f *AgentFile, socket, pings net.Listener) error {
	c := h.self.Cluster
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1<<16), grpc.Creds(local{}),
		grpc.UnaryInterceptor(gatesAlone), grpc.StreamInterceptor(gateStreams))
	cosignerv1.RegisterSignerServiceServer(server, h.agent)
	cosignerv1.RegisterClaimServiceServer(server, h.agent)
	if h.restart != nil { // it is stock, and has a gate
		cosignerv1.RegisterGateServiceServer(server, &agent.GateServer{Node: h.watcher, Waits: h.waits.Waits,
			Signed: h.almanac.Granted, Boot: rand.Uint64()})
	}
	if keys := h.keys(); keys != nil {
		cosignerv1.RegisterKeyServiceServer(server, keys)
	}
	pingServer := c.NewServer(h.self.Certificate, agentAccess)
	ping := &agent.PingServer{Caller: c.Caller, Health: h.watcher.Health, Hearsay: h.keeper}
	cosignerv1.RegisterPingServiceServer(pingServer, ping)

	group, ctx := errgroup.WithContext(ctx)
	if h.almanac != nil {
		ping.Chain = h.almanac
		cosignerv1.RegisterInstanceServiceServer(server, &agent.InstanceServer{Of: h.almanac.Find,
			By: h.almanac.Signed})
		group.Go(func() error { h.almanac.Run(ctx); return nil })
	}
	group.Go(func() error { h.pulse.Run(ctx); return nil })
	group.Go(func() error { return h.watcher.Run(ctx) })
	group.Go(func() error { h.pinger.Run(ctx); return nil })
	group.Go(func() error { h.keeper.Run(ctx); return nil })
	if h.restart != nil {
		group.Go(func() error { h.restart.Run(ctx); return nil })
	}
	for _, to := range cosigners(c) {
		group.Go(func() error {
			stayConnected(ctx, h.links[to.name], func() { h.pinger.Connected(to.name) })
			return nil
		})
	}
	group.Go(func() error { return server.Serve(socket) })
	group.Go(func() error { return pingServer.Serve(pings) })
	group.Go(func() error { return serveMetrics(ctx, f.Metrics, h.metrics.registry, nil, h.options.Logger) })
	group.Go(func() error {
		<-ctx.Done()
		pingServer.Stop()
		stopServer(server)
		return nil
	})
	return group.Wait()
}

// agentConfig is how the node's requests are signed, and whom they are passed on to. Nobody is told
// of them.
func agentConfig(self Host, l links) agent.Config {
	c, key := self.Cluster, self.Key()
	return agent.Config{
		Name: self.Name, Validator: c.Validator, Cosigners: l.signers(c),
		Nodes: c.StockNodes(), Attesters: c.Attesters(),
		SignRequest: func(m casper.Message, askedAt uint64) ([64]byte, error) {
			return c.SignRequest(key, self.Name, m, askedAt)
		},
		SignRegistration: func(point casper.TLSPoint, askedAt uint64) [64]byte {
			return c.SignRegistration(key, self.Name, point, askedAt)
		},
		Steady: func() bool { return true }, Nudge: func() {}, Observe: func(string, error, time.Duration) {},
		Asked: func(casper.Message, *cosignerv1.SignResponse) {}, Lied: func(string) {}, Granted: func(casper.Ballot) {},
	}
}

// signers returns the cosigners as an agent asks them.
func (l links) signers(c *cluster.File) (list []agent.Cosigner) {
	for _, to := range cosigners(c) {
		if client, ok := l.signer(to.name); ok {
			claims, _ := l.claims(to.name)
			list = append(list, agent.Cosigner{Name: to.name, Client: client, Claims: claims})
		}
	}
	return list
}

// pinged returns the members as an agent pings them: every cosigner and the other nodes.
func (l links) pinged(c *cluster.File) (list []agent.Peer) {
	for _, to := range append(cosigners(c), nodes(c)...) {
		if conn, other := l[to.name]; other {
			list = append(list, agent.Peer{Name: to.name, Role: to.role, Client: cosignerv1.NewPingServiceClient(conn)})
		}
	}
	return list
}

// listenUnix binds the socket. A socket that a dead process left is replaced, one that
// answers is not.
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
