package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime/debug"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/cosigner"
	"casper-cosigner/cosigner/frost"
	"casper-cosigner/monitor"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/pulse"
	"casper-cosigner/raftstore"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/signer"
	"casper-cosigner/statedir"
)

const (
	gcPercent    = 50               // halves the heap that is garbage, for little CPU: hosts are small
	diskLimit    = time.Second      // a write that takes longer ends the process
	standBackFor = 10 * time.Second // a leader that could not sign keeps from leading again
)

// access is what each role may call on the data port. Administration is on a port of its own.
var access = cluster.Access{
	cosignerv1.SignerService_Sign_FullMethodName:             {cluster.Node, cluster.Cosigner},
	cosignerv1.SignerService_RegisterTLSPoint_FullMethodName: {cluster.Node, cluster.Cosigner},
	cosignerv1.CosignerService_Commit_FullMethodName:         {cluster.Cosigner},
	cosignerv1.CosignerService_Share_FullMethodName:          {cluster.Cosigner},
	cosignerv1.CosignerService_Barrier_FullMethodName:        {cluster.Cosigner},
	cosignerv1.CosignerService_Keep_FullMethodName:           {cluster.Cosigner},
	cosignerv1.CosignerService_Gather_FullMethodName:         {cluster.Cosigner},
	cosignerv1.PingService_Ping_FullMethodName:               {cluster.Node},
}

var adminAccess = cluster.Access{
	cosignerv1.AdminService_Status_FullMethodName:          {cluster.Operator},
	cosignerv1.AdminService_Activate_FullMethodName:        {cluster.Operator},
	cosignerv1.AdminService_SetMode_FullMethodName:         {cluster.Operator},
	cosignerv1.AdminService_Suspend_FullMethodName:         {cluster.Operator},
	cosignerv1.AdminService_Hold_FullMethodName:            {cluster.Operator},
	cosignerv1.AdminService_Resume_FullMethodName:          {cluster.Operator},
	cosignerv1.AdminService_History_FullMethodName:         {cluster.Operator},
	cosignerv1.AdminService_SetFloor_FullMethodName:        {cluster.Operator},
	cosignerv1.AdminService_ExportWatermark_FullMethodName: {cluster.Operator},
}

// host is a cosigner process.
type host struct {
	member  Member
	entry   cluster.CosignerEntry
	options Options
	metrics *cosignerMetrics
	pulse   *pulse.Pulse
	recent  *signer.Recent

	dir     *statedir.Dir
	ledger  *cosigner.Ledger
	store   *raftstore.Store
	peers   peers
	server  *cosigner.Server // gives shares
	quorum  *cosigner.Quorum // gathers them
	signer  *signer.Signer
	monitor *monitor.Monitor
}

// RunCosigner runs a cosigner until ctx ends; then it hands over and stops.
func RunCosigner(ctx context.Context, f *CosignerFile, o Options) (err error) {
	debug.SetGCPercent(gcPercent)
	h := &host{options: o, metrics: newCosignerMetrics(), pulse: pulse.New(), recent: &signer.Recent{}}
	if h.member, err = f.Member(); err != nil {
		return err
	}
	var ok bool
	if h.entry, ok = h.member.Cluster.Cosigner(f.Name); !ok {
		return fmt.Errorf("%q is not a cosigner in the cluster file", f.Name)
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.open(f); err != nil {
		return err
	}
	data, err := net.Listen("tcp", or(f.Listen, h.entry.Address))
	if err != nil {
		return fmt.Errorf("binding the data port: %w", err)
	}
	admin, err := net.Listen("tcp", or(f.ListenAdmin, h.entry.AdminAddress))
	if err != nil {
		return errors.Join(fmt.Errorf("binding the admin port: %w", err), data.Close())
	}
	o.Logger.Info().Str("cosigner", f.Name).Str("version", o.Version).Str("address", data.Addr().String()).Msg("cosigner is up")
	return h.run(ctx, f, data, admin)
}

// open opens everything that has a file, in the order in which a crash between two steps does no harm: the first run
// ends only after ledger and log exist, so that from then on the absence of either is a loss.
func (h *host) open(f *CosignerFile) (err error) {
	c := h.member.Cluster
	share, epoch, err := f.OpenShare(c)
	if err != nil {
		return err
	}
	if h.dir, err = statedir.Open(f.StatePath()); err != nil {
		if _, statErr := os.Stat(f.StatePath()); errors.Is(statErr, fs.ErrNotExist) {
			err = fmt.Errorf("%w\n  if this cosigner has never run, `cosigner init` makes it", err)
		}
		return err
	}
	if id := h.dir.Identity(); id.Cluster != statedir.ID(c.ID) || id.Name != f.Name {
		return fmt.Errorf("state directory %s is that of %q in cluster %v, not of %q in cluster %x",
			f.StatePath(), id.Name, id.Cluster, f.Name, []byte(c.ID))
	}
	if h.ledger, err = h.openLedger(); err != nil {
		return err
	}
	if h.peers, err = newPeers(h.member); err != nil {
		return err
	}
	if h.store, err = h.openStore(f); err != nil {
		return err
	}
	h.assemble(share, epoch)
	return nil
}

func (h *host) openLedger() (*cosigner.Ledger, error) {
	return cosigner.OpenLedger(cosigner.LedgerConfig{
		Path: h.dir.Path("ledger"), Directory: h.dir.ID(), FirstRun: h.dir.FirstRun(), First: h.dir.Identity().First,
		Watchdog: h.watchdog(), Fatal: h.options.Fatal,
	})
}

func (h *host) openStore(f *CosignerFile) (*raftstore.Store, error) {
	c := h.member.Cluster
	timing, err := raftstore.Profile(c.Timing)
	if err != nil {
		return nil, err
	}
	plain, err := net.Listen("tcp", or(f.ListenRaft, h.entry.RaftAddress))
	if err != nil {
		return nil, fmt.Errorf("binding the Raft port: %w", err)
	}
	var voters raftstore.Voters
	for _, e := range c.Cosigners {
		voters = append(voters, raftstore.Voter{Name: e.Name, Address: e.RaftAddress})
	}
	s, err := raftstore.Open(raftstore.Config{
		Name: f.Name, Voters: voters, Path: h.dir.Path("raft"),
		FirstRun: h.dir.FirstRun(), EndFirstRun: h.dir.EndFirstRun, Active: c.Main,
		Network: raftstore.Network{
			Listener:  tls.NewListener(plain, c.ServerTLS(h.member.Certificate, cluster.Cosigner)),
			Dial:      h.dialRaft,
			PeerName:  c.PeerName,
			Presences: h.dir,
		},
		Timing: timing, Watchdog: h.watchdog(), Fatal: h.options.Fatal, Log: h.options.Logger, Now: h.options.Now,
	})
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return s, nil
}

// assemble makes the parts that have no file.
func (h *host) assemble(share *frost.KeyShare, epoch uint32) {
	c, logger := h.member.Cluster, h.options.Logger
	h.server = cosigner.NewServer(cosigner.ServerConfig{
		Name: h.member.Name, Share: share, ShareEpoch: epoch, Chain: casper.ChainNameHash(c.Chain), Ledger: h.ledger,
		Caller: h.callingCosigner, Admit: h.dir.Admit, Presence: h.presence, VerifyRequest: c.VerifyClaimed,
		Log:     anyLeaderLog{h.store, h.barrier},
		Term:    func() uint64 { return h.store.Leader().Term },
		Barrier: h.store.Barrier,
		Keep:    func(d casper.Hash, s casper.Signature) { h.signer.Keep(d, s) },
		Reports: func() *cosignerv1.GatherResponse { return h.monitor.Reports() },
		Logger:  logger,
	})
	var others []cosigner.Peer
	for _, e := range c.Cosigners {
		if client, ok := h.peers.cosigner(e.Name); ok {
			others = append(others, cosigner.Peer{Name: e.Name, ShareID: e.Share, Client: client})
		}
	}
	h.quorum = cosigner.NewQuorum(cosigner.QuorumConfig{Own: h.server, Peers: others, Admit: h.dir.Admit, Logger: logger})
	h.signer = signer.New(signer.Config{
		Cluster: c, Log: replicatedLog{h.store}, Quorum: quorum{h.quorum}, Spread: h.quorum.Spread,
		HandOver: h.handOver, Observe: h.observe, Phase: h.metrics.phase, Steady: h.pulse.Steady, Now: h.options.Now, Logger: logger,
	})
	h.monitor = h.newMonitor()
	h.register()
}

// replicatedLog is the store as signer knows it.
type replicatedLog struct{ *raftstore.Store }

func (l replicatedLog) Leader() signer.Leadership { return signer.Leadership(l.Store.Leader()) }

// anyLeaderLog is the store as a cosigner catches up with it: with the barriers of whoever leads.
type anyLeaderLog struct {
	*raftstore.Store
	barrier func(context.Context) (uint64, error)
}

func (l anyLeaderLog) Barrier(ctx context.Context) (uint64, error) { return l.barrier(ctx) }

// quorum is the quorum as signer knows it.
type quorum struct{ *cosigner.Quorum }

func (q quorum) Sign(ctx context.Context, term uint64, c watermark.Claim) (casper.Signature, error) {
	signature, err := q.Quorum.Sign(ctx, term, c)
	var failed *cosigner.QuorumError
	if errors.As(err, &failed) && failed.Disputed() {
		err = fmt.Errorf("%w: %w", err, signer.ErrDisputed)
	}
	return signature, err
}

func (h *host) callingCosigner(ctx context.Context) (string, bool) {
	m, ok := h.member.Cluster.Caller(ctx)
	return m.Name, ok && m.Role == cluster.Cosigner
}

// handOver gives up leadership, for a while: what kept this cosigner from signing is likely to go on.
func (h *host) handOver() {
	h.options.Logger.Warn().Msg("could not sign for a second while asked: handing over")
	h.store.StandBack(standBackFor)
	go func() {
		if err := h.store.HandOver(); err != nil {
			h.options.Logger.Warn().Err(err).Msg("handing over")
		}
	}()
}

func (h *host) watchdog() statedir.Watchdog {
	return statedir.Watchdog{Limit: diskLimit, Stalled: func(what string) {
		h.options.Fatal(fmt.Errorf("%s has taken over %v: the disk hangs", what, diskLimit))
	}}
}

func (h *host) dialRaft(ctx context.Context, address string) (net.Conn, error) {
	for _, e := range h.member.Cluster.Cosigners {
		if e.RaftAddress == address {
			d := tls.Dialer{Config: h.member.Cluster.ClientTLS(h.member.Certificate, e.Name)}
			return d.DialContext(ctx, "tcp", address)
		}
	}
	return nil, fmt.Errorf("no cosigner has the Raft address %s", address)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
