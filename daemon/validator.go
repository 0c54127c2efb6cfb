package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"casper-cosigner/cluster"
	"casper-cosigner/cosigner"
	"casper-cosigner/custodian"
	"casper-cosigner/monitor"
	"casper-cosigner/peer"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/held"
	"casper-cosigner/signer"
)

// validator is what a process does for one validator's key. Each part is made from parts that
// are there already.
type validator struct {
	*process
	keys      *cosigner.Keyring
	metrics   *cosignerMetrics
	recent    *signer.Recent
	verifier  *cluster.Verifier // one, so that our own share is given for what was verified on the way in
	server    *cosigner.Server  // gives shares
	quorum    *cosigner.Quorum  // gathers them
	spread    *peer.Spread      // hands finished signatures to the others
	signer    *signer.Signer
	monitor   *monitor.Monitor
	clock     *hostClock
	custodian *custodian.Server // gives its piece of the seed; nil where no node's key is kept
}

func newValidator(p *process, keys *cosigner.Keyring) *validator {
	c, o := p.self.Cluster, p.options
	v := &validator{process: p, keys: keys, metrics: newCosignerMetrics(), recent: &signer.Recent{},
		verifier: p.newVerifier()}
	v.clock = newHostClock(p)
	v.server = cosigner.NewServer(cosigner.ServerConfig{
		Name: p.self.Name, Session: p.Presence().Session, Chain: casper.ChainNameHash(c.Chain),
		Keyring: keys, Ledger: p.ledger, Log: catchUpLog{p.store, p.barriers()}, Held: p.store,
		Caller: peer.Caller, VerifyRequest: v.verifier.VerifyClaimed, VerifyReset: p.verifyReset,
		Remembers: v.remembers,
		Lead:      p.leads,
		Nodes:     c.StockNodes(), Attest: p.self.attests(), Logger: o.Logger,
	})
	v.quorum = cosigner.NewQuorum(cosigner.QuorumConfig{
		Keyring: keys, Own: v.server, Others: p.links.cosigners(), Distance: p.admission.Distance,
		Attesters: c.Attesters(), Logger: o.Logger})
	v.spread = peer.NewSpread(p.links.peers())
	v.signer = signer.New(v.signerConfig())
	watch := monitorConfig(p, v.quorum.Ready)
	watch.Lead = v.lead()
	v.monitor = monitor.New(watch)
	v.register()
	return v
}

// newVerifier takes retired keys by what the own log holds as the process begins, and says which it
// does not take.
func (p *process) newVerifier() *cluster.Verifier {
	last, _ := p.store.Indexes()
	for _, note := range p.self.Cluster.RetiredNotes(last) {
		p.options.Logger.Warn().Msg(note)
	}
	return p.self.Cluster.VerifierAt(last)
}

// signerConfig is how requests are answered. What it takes of the validator is there already.
func (v *validator) signerConfig() signer.Config {
	c, o := v.self.Cluster, v.options
	told := observer{metrics: v.metrics, recent: v.recent, options: o}
	return signer.Config{
		Chain: c.Chain, Validator: c.Validator, EraTime: time.Duration(c.MinEraTime),
		BlockTime: time.Duration(c.MinBlockTime), Grace: time.Duration(c.Grace), Nodes: c.StockNodes(), Passive: passive(c),
		VerifyRequest: v.verifier.VerifyRequest, VerifyRegistration: v.verifier.VerifyRegistration,
		Log: replicatedLog{v.store}, Quorum: quorum{v.quorum}, Spread: v.spread.Offer,
		HandOver: v.giveUp, Observe: told.observe, Phase: v.metrics.phase, Steady: v.pulse.Steady,
		Now: o.Now, Logger: o.Logger,
	}
}

// leads returns who leads, by this cosigner's own Raft.
func (p *process) leads() held.Lead {
	lead := p.store.Leader()
	return held.Lead{Name: lead.Name, Term: lead.Term}
}

// remembers returns nil while this cosigner's state is all that it ever was, as far as is known.
func (v *validator) remembers() error {
	if err := v.clock.steady(); err != nil {
		return err
	}
	return v.stand.Open()
}

func (p *process) barriers() *peer.Barriers {
	return &peer.Barriers{Name: p.self.Name, Log: p.store, Others: p.links.peers(),
		Leader: func() string { return p.store.Leader().Name }}
}

// monitorConfig is how the nodes are watched. Ready says whether a signature could be made now.
func monitorConfig(p *process, ready func() error) monitor.Config {
	c := p.self.Cluster
	config := monitor.Config{
		Name: p.self.Name, Settings: failoverSettings(c), Timeout: time.Duration(c.Failover.PingTimeout), Log: p.store,
		Leader: func() (string, uint64, bool) {
			lead := p.store.Leader()
			return lead.Name, lead.Term, lead.Self
		},
		Ready: ready, Followed: p.ledger.Resets, Now: p.options.Now, Logger: p.options.Logger,
		Keep: func(f failover.Fork) (string, error) { return keepFork(p.dir, c.Validator, f) },
	}
	clients := p.links.peers()
	for _, name := range p.links.names() {
		config.Others = append(config.Others, monitor.Other{Name: name,
			Ask: func(ctx context.Context) (*cosignerv1.GatherResponse, error) {
				return clients[name].Gather(ctx, &cosignerv1.GatherRequest{})
			}})
	}
	return config
}

// run serves until ctx ends.
func (v *validator) run(ctx context.Context, f *CosignerFile, ports bound) error {
	dataServer, adminServer := v.dataServer(), v.adminServer()
	told := newHook(f.HookTarget(), v.options.Logger)
	telling := peer.Telling{Others: v.links.peers(), Statements: v.stand,
		Every: time.Duration(v.self.Cluster.Failover.PingInterval)}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return v.store.Run(ctx) })
	group.Go(func() error { return v.dir.Run(ctx) })
	group.Go(func() error { return v.quorum.Run(ctx) })
	group.Go(func() error { return v.spread.Run(ctx) })
	group.Go(func() error { v.pulse.Run(ctx); return nil })
	group.Go(func() error { v.stand.Run(ctx); return nil })
	group.Go(func() error { return telling.Run(ctx) })
	group.Go(func() error { v.retime(ctx); return nil })
	group.Go(func() error { v.watchSplit(ctx); return nil })
	group.Go(func() error { return v.server.Run(ctx) })
	group.Go(func() error { return v.monitor.Run(ctx) })
	group.Go(func() error { return v.watchClock(ctx) })
	group.Go(func() error { return v.watchRoles(ctx, told) })
	group.Go(func() error { told.run(ctx); return nil })
	group.Go(func() error { return dataServer.Serve(ports.data) })
	group.Go(func() error { return adminServer.Serve(ports.admin) })
	group.Go(func() error { return serveMetrics(ctx, f.Metrics, v.metrics.registry, v.ready, v.options.Logger) })
	group.Go(func() error {
		<-ctx.Done()
		// While the others still hear us: whoever leads next can answer at once.
		if err := v.store.HandOver(); err != nil {
			v.options.Logger.Debug().Err(err).Msg("stopping without a hand-over")
		}
		stopServer(dataServer)
		stopServer(adminServer)
		return nil
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// dataServer serves agents and the other cosigners, those on the terms of package peer.
func (v *validator) dataServer() *grpc.Server {
	c := v.self.Cluster
	s := c.NewServer(v.self.Certificate, dataAccess(), v.admission.ServerOptions()...)
	cosignerv1.RegisterCosignerServiceServer(s, v.server)
	cosignerv1.RegisterPeerServiceServer(s,
		&peer.Server{Log: v.store, Signatures: v.signer, Reports: v.monitor, Statements: v.stand})
	requests := &signer.Server{Signer: v.signer, Name: v.self.Name, Caller: c.Caller, Peer: v.links.signer,
		PeerClaims: v.links.claims}
	cosignerv1.RegisterSignerServiceServer(s, requests)
	cosignerv1.RegisterClaimServiceServer(s, requests)
	if v.custodian != nil {
		cosignerv1.RegisterCustodyServiceServer(s, v.custodian)
	}
	cosignerv1.RegisterPingServiceServer(s, &monitor.Server{Monitor: v.monitor, Caller: c.Caller, Witness: v.stand,
		Lead: func() (string, uint64) { lead := v.store.Leader(); return lead.Name, lead.Term }})
	return s
}

// adminServer serves operators.
func (v *validator) adminServer() *grpc.Server {
	c := v.self.Cluster
	s := c.NewServer(v.self.Certificate, adminAccess)
	cosignerv1.RegisterAdminServiceServer(s, &signer.Admin{Signer: v.signer, Recent: v.recent,
		Settings: failoverSettings(c), Caller: c.Caller, VerifyReset: v.verifyReset, Followed: v.followed,
		Held: v.server.Holds, Host: v.status, Cosigners: append(v.links.names(), v.self.Name), Versions: v.store,
		Judgement: v.monitor.Judgement, Report: v.monitor.Report})
	return s
}

// ready is the answer to /readyz.
func (v *validator) ready() error {
	if err := v.refused(); err != nil {
		return err
	}
	if v.store.Leader().Name == "" {
		return errors.Join(errors.New("no leader"), v.store.Stated())
	}
	return v.quorum.Ready()
}

// refused returns an error if so many of the others refuse this cosigner that it can take no part
// in a signature.
func (v *validator) refused() error {
	by := v.admission.RefusedBy()
	if 1+len(v.links)-len(by) >= v.self.Cluster.Threshold {
		return nil
	}
	var all []error
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, fmt.Errorf("cosigner %s refuses this one: %s", name, by[name]))
	}
	return errors.Join(all...)
}
