package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"

	"casper-cosigner/cluster"
	"casper-cosigner/cosigner"
	"casper-cosigner/peer"
	"casper-cosigner/pulse"
	"casper-cosigner/raftstore"
	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
	"casper-cosigner/testimony"
)

const diskLimit = time.Second // a write that takes longer ends the process

// process is a cosigner without a key: its state directory, its ledger, its copy of the log, its
// connections to the others and on which terms they are used.
type process struct {
	self    Host
	options Options
	pulse   *pulse.Pulse

	dir       *statedir.Dir
	presences *presences
	starts    []witness.Start // of the directory, this one last
	stand     *testimony.Stand
	ledger    *cosigner.Ledger
	store     *raftstore.Store
	admission *peer.Admission
	links     links
}

// openProcess opens what has a file, ledger before log: see cosigner.OpenLedger. Then the
// connections can be made, for what they show of us is known. The listener is for the log.
func openProcess(self Host, f *CosignerFile, raft net.Listener, o Options) (p *process, err error) {
	p = &process{self: self, options: o, pulse: pulse.New(), links: links{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.dir, err = openDir(self, f); err != nil {
		return p, err
	}
	p.ledger, err = cosigner.OpenLedger(cosigner.LedgerConfig{
		Path: p.dir.Path("ledger"), Directory: p.dir.ID(), FirstRun: p.dir.FirstRun(), First: p.dir.Identity().First,
		Restate: true, Watchdog: watchdog(o), Fatal: o.Fatal,
	})
	if err != nil {
		return p, err
	}
	if p.presences, err = openPresences(p.dir, p.ledger); err != nil {
		return p, err
	}
	if p.store, err = openStore(self, raft, p.presences, o); err != nil {
		return p, err
	}
	if err = p.openStand(f.StatePath()); err != nil {
		return p, err
	}
	p.admission = peer.New(self.Name, p.callingCosigner, p)
	return p, p.links.dial(self, cosigners(self.Cluster), func(name string) []grpc.DialOption {
		return append(p.admission.DialOptions(name),
			self.Cluster.Refusals(self.Certificate, name, func(err error) { p.admission.Refused(name, err) }))
	})
}

// close closes what openProcess opened.
func (p *process) close() error {
	var err error
	if p.store != nil {
		err = errors.Join(err, p.store.Close())
	}
	err = errors.Join(err, p.links.close())
	if p.ledger != nil {
		err = errors.Join(err, p.ledger.Close())
	}
	if p.dir != nil {
		err = errors.Join(err, p.dir.Close())
	}
	return err
}

func openDir(self Host, f *CosignerFile) (*statedir.Dir, error) {
	dir, err := statedir.Open(f.StatePath())
	if err != nil {
		if _, statErr := os.Stat(f.StatePath()); errors.Is(statErr, fs.ErrNotExist) {
			err = fmt.Errorf("%w\n  if this cosigner has never run, `cosigner init` makes it", err)
		}
		return nil, err
	}
	if id := dir.Identity(); id.Cluster != statedir.ID(self.Cluster.ID) || id.Name != self.Name {
		err := fmt.Errorf("state directory %s is that of %q in cluster %v, not of %q in cluster %x",
			f.StatePath(), id.Name, id.Cluster, self.Name, []byte(self.Cluster.ID))
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

func openStore(self Host, plain net.Listener, dir *presences, o Options) (*raftstore.Store, error) {
	c, all := self.Cluster, voters(self.Cluster)
	timing, err := raftstore.Profile(c.Timing)
	if err != nil {
		return nil, err
	}
	return raftstore.Open(raftstore.Config{
		Name: self.Name, Voters: all, Path: dir.Path("raft"),
		FirstRun: dir.FirstRun(), EndFirstRun: dir.EndFirstRun, NoteStart: dir.NoteStart,
		Active: c.Main,
		Network: raftstore.Network{
			Listener: tls.NewListener(plain, c.ServerTLS(self.Certificate, cluster.Cosigner)),
			Dial: func(ctx context.Context, address string) (net.Conn, error) {
				i := slices.IndexFunc(all, func(v raftstore.Voter) bool { return v.Address == address })
				if i < 0 {
					return nil, fmt.Errorf("no cosigner has the Raft address %s", address)
				}
				d := tls.Dialer{Config: c.ClientTLS(self.Certificate, all[i].Name)}
				return d.DialContext(ctx, "tcp", address)
			},
			PeerName: c.PeerName, Presences: dir,
		},
		MayFound: dir.mayFound, MayFollow: dir.mayFollow, Lost: dir.lost, VerifyReset: c.VerifyReset,
		Timing: timing, Watchdog: watchdog(o), Fatal: o.Fatal, Log: o.Logger, Now: o.Now,
	})
}

func watchdog(o Options) statedir.Watchdog {
	return statedir.Watchdog{Limit: diskLimit, Stalled: func(what string) {
		o.Fatal(fmt.Errorf("%s has taken over %v: the disk hangs", what, diskLimit))
	}}
}

// Presence is what this cosigner shows of its state.
func (p *process) Presence() statedir.Presence { return p.presences.Presence(p.store.Indexes()) }

// Seen is what this cosigner has seen of another's state.
func (p *process) Seen(name string) (statedir.Sighting, bool) { return p.dir.Seen(name) }

// Admit is what this cosigner thinks of a state that another shows.
func (p *process) Admit(name string, shown statedir.Presence, asked statedir.Sighting) error {
	return p.presences.Admit(name, shown, asked)
}

func (p *process) callingCosigner(ctx context.Context) (string, bool) {
	m, ok := p.self.Cluster.Caller(ctx)
	return m.Name, ok && m.Role == cluster.Cosigner
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
