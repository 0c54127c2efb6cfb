package daemon

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"casper-cosigner/monitor"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
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
	group.Go(func() error { return h.becomeReady(ctx) })
	group.Go(func() error { return h.followPruned(ctx) })
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

// becomeReady lets shares out once this cosigner knows every claim that was ever made: it passes a barrier, then fills
// its ledger from the log. Until then its own ledger may lack what the others released.
func (h *host) becomeReady(ctx context.Context) error {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		err := h.catchUp(ctx)
		if err == nil {
			h.server.OpenGate()
			h.options.Logger.Info().Msg("ready to give shares")
			return nil
		}
		h.options.Logger.Debug().Err(err).Msg("not ready to give shares yet")
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *host) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	index, err := h.barrier(ctx)
	if err != nil {
		return err
	}
	if err := h.store.WaitApplied(ctx, index); err != nil {
		return err
	}
	slots, pruned, started := h.slots()
	if !started {
		return errors.New("the cluster has not started: all cosigners must meet once")
	}
	if err := h.ledger.Prune(pruned); err != nil {
		return err
	}
	differing, err := h.ledger.Fill(slots)
	if differing > 0 {
		h.options.Logger.Error().Int("slots", differing).
			Msg("ALARM: ledger and log hold different values; this cosigner gives no share for those slots")
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

// slots returns what the log holds.
func (h *host) slots() (slots iter.Seq2[casper.Slot, casper.Hash], pruned watermark.Mark, started bool) {
	type held struct {
		slot   casper.Slot
		digest casper.Hash
	}
	var all []held
	h.store.View(func(m *machine.State) {
		if started = m.Started(); !started {
			return
		}
		pruned = m.Table().Pruned()
		all = make([]held, 0, m.Table().Len())
		for slot, c := range m.Table().All() {
			all = append(all, held{slot, casper.Digest(c.Message)})
		}
	})
	return func(yield func(casper.Slot, casper.Hash) bool) {
		for _, a := range all {
			if !yield(a.slot, a.digest) {
				return
			}
		}
	}, pruned, started
}

// followPruned lets the ledger forget what the log has forgotten, also on a cosigner that is never asked for a share.
func (h *host) followPruned(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		var pruned watermark.Mark
		h.store.View(func(m *machine.State) {
			if m.Started() {
				pruned = m.Table().Pruned()
			}
		})
		if err := h.ledger.Prune(pruned); err != nil {
			h.options.Logger.Error().Err(err).Msg("pruning the ledger")
		}
	}
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
