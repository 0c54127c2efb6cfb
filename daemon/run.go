package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	"casper-cosigner/monitor"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/signer"
	"casper-cosigner/statedir"
)

// run serves until ctx ends.
func (h *host) run(ctx context.Context, f *CosignerFile, data, admin net.Listener) error {
	c := h.member.Cluster
	dataServer, adminServer := c.NewServer(h.member.Certificate, access), c.NewServer(h.member.Certificate, adminAccess)
	cosignerv1.RegisterCosignerServiceServer(dataServer, h.server)
	cosignerv1.RegisterSignerServiceServer(dataServer,
		&signer.Server{Signer: h.signer, Name: f.Name, Caller: c.Caller, Peer: h.peers.signer})
	cosignerv1.RegisterPingServiceServer(dataServer, &monitor.Server{Monitor: h.monitor, Caller: c.Caller})
	cosignerv1.RegisterAdminServiceServer(adminServer, &signer.Admin{Signer: h.signer, Recent: h.recent, Caller: c.Caller, Host: h.status,
		Judgement: h.monitor.Judgement, Report: h.monitor.Report})
	told := newHook(f.HookTarget(), h.options.Logger)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.store.Run(ctx) })
	group.Go(func() error { return h.dir.Run(ctx) })
	group.Go(func() error { return h.quorum.Run(ctx) })
	group.Go(func() error { h.pulse.Run(ctx); return nil })
	group.Go(func() error { return h.server.Run(ctx) })
	group.Go(func() error { return h.monitor.Run(ctx) })
	group.Go(func() error { return h.watchRoles(ctx, told) })
	group.Go(func() error { told.run(ctx); return nil })
	group.Go(func() error { return dataServer.Serve(data) })
	group.Go(func() error { return adminServer.Serve(admin) })
	group.Go(func() error { return serveMetrics(ctx, f.Metrics, h.metrics.registry, h.ready, h.options.Logger) })
	group.Go(func() error {
		<-ctx.Done()
		// While the others still hear us: whoever leads next can answer at once.
		if err := h.store.HandOver(); err != nil {
			h.options.Logger.Debug().Err(err).Msg("stopping without a hand-over")
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

// close closes what open opened.
func (h *host) close() error {
	var err error
	if h.store != nil {
		err = errors.Join(err, h.store.Close())
	}
	if h.peers != nil {
		err = errors.Join(err, h.peers.close())
	}
	if h.ledger != nil {
		err = errors.Join(err, h.ledger.Close())
	}
	if h.dir != nil {
		err = errors.Join(err, h.dir.Close())
	}
	return err
}

// barrier returns an index by which the log holds every claim made so far.
func (h *host) barrier(ctx context.Context) (uint64, error) {
	lead := h.store.Leader()
	if lead.Name == h.member.Name {
		return h.store.Barrier(ctx)
	}
	client, ok := h.peers.cosigner(lead.Name)
	if !ok {
		return 0, errors.New("no leader")
	}
	r, err := client.Barrier(ctx, &cosignerv1.BarrierRequest{Presence: h.presence().Proto()})
	if err != nil {
		return 0, fmt.Errorf("asking %q for a barrier: %w", lead.Name, err)
	}
	return r.GetIndex(), nil
}

// presence is what this cosigner shows of its state.
func (h *host) presence() statedir.Presence { return h.dir.Presence(h.store.Indexes()) }

// ready is the answer to /readyz.
func (h *host) ready() error {
	if h.store.Leader().Name == "" {
		return errors.New("no leader")
	}
	return h.quorum.Ready()
}
