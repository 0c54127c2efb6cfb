package daemon_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/pelletier/go-toml/v2"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/daemon"
	"casper-cosigner/keygen"
	piece "casper-cosigner/keygen/seed"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/clock"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/statedir"
)

// local is a cluster in this process: real files, sockets, TLS and Raft.
type local struct {
	*clustertest.Cluster
	t         *testing.T
	path      string
	validator casper.PublicKey
	seed      [32]byte
	running   map[string]*process
	without   []string                 // nodes that the next state directories are made without
	clocks    map[string]time.Duration // by how much a host's clock is off
	refusals  atomic.Int32             // times that a cosigner refused another's state
	readings  map[string]func() clock.Reading
}

// process is a cosigner or an agent that runs in a goroutine.
type process struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error

	mu    sync.Mutex
	fatal error
}

// newLocal makes the files of a cluster whose marks may move fast, and starts nothing.
func newLocal(t *testing.T, edit func(*cluster.File)) *local {
	t.Helper()
	pem, err := os.ReadFile("../testdata/node-1.secret_key.pem")
	if err != nil {
		t.Fatal(err)
	}
	seed, err := casper.ParseSecretKeyPEM(pem)
	if err != nil {
		t.Fatal(err)
	}
	key := casper.PublicKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	l := &local{t: t, path: t.TempDir(), validator: key, seed: seed, running: map[string]*process{}}
	l.Cluster = clustertest.New(t, key, func(f *cluster.File) {
		f.MinEraTime, f.MinBlockTime = cluster.Duration(time.Second), cluster.Duration(20*time.Millisecond)
		for i := range f.Cosigners {
			c := &f.Cosigners[i]
			c.Address, c.RaftAddress, c.AdminAddress = freeAddress(t), freeAddress(t), freeAddress(t)
		}
		for i := range f.Nodes {
			f.Nodes[i].Address = freeAddress(t)
		}
		if edit != nil {
			edit(f)
		}
	})
	for _, n := range l.File.Nodes { // most tests start agents late, or none
		l.without = append(l.without, n.Name)
	}
	_, shares, err := keygen.Split(seed, l.File.Threshold, len(l.File.Cosigners), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := piece.Split(seed, l.File.Threshold, len(l.File.Cosigners), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range l.File.Cosigners {
		share := keygen.NewShareFile(shares[i], 1, fmt.Sprintf("%x", []byte(l.File.ID)))
		if len(l.File.Custody().Keeps()) > 0 {
			share = share.WithPiece(pieces[i])
		}
		l.makeCosigner(c.Name, share, watermark.Mark{})
	}
	for _, n := range l.File.Nodes {
		l.makeHost(n.Name)
		l.writeAgent(n.Name, nil)
	}
	t.Cleanup(l.stopAll)
	return l
}

func (l *local) makeCosigner(name string, share keygen.ShareFile, first watermark.Mark) {
	l.t.Helper()
	l.makeHost(name)
	l.writeShare(name, share)
	l.write(name, "cosigner.toml", daemon.CosignerFile{Name: name, Cluster: "cluster.toml", Certificate: "tls.crt",
		Key: "tls.key", State: "state", Share: "share.age", ShareIdentity: "share.identity"})
	l.initState(name, first)
}

// writeShare gives a cosigner a share, and what opens it.
func (l *local) writeShare(name string, share keygen.ShareFile) {
	l.t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		l.t.Fatal(err)
	}
	var sealed bytes.Buffer
	if err := keygen.Seal(&sealed, share, identity.Recipient()); err != nil {
		l.t.Fatal(err)
	}
	l.writeFile(name, "share.age", sealed.Bytes())
	l.writeFile(name, "share.identity", []byte(identity.String()+"\n"))
}

func (l *local) initState(name string, first watermark.Mark) {
	l.t.Helper()
	id := statedir.Identity{Cluster: statedir.ID(l.File.ID), Name: name, First: first, Absent: l.without}
	if err := statedir.Init(filepath.Join(l.path, name, "state"), id); err != nil {
		l.t.Fatal(err)
	}
}

func (l *local) makeHost(name string) {
	l.t.Helper()
	if err := os.MkdirAll(filepath.Join(l.path, name), 0o700); err != nil {
		l.t.Fatal(err)
	}
	l.writeFile(name, "cluster.toml", l.Text)
	key, err := cluster.EncodeKey(l.Keys[name])
	if err != nil {
		l.t.Fatal(err)
	}
	cert, err := l.Authority.Issue(name, l.Keys[name].Public().(ed25519.PublicKey), time.Now())
	if err != nil {
		l.t.Fatal(err)
	}
	l.writeFile(name, "tls.key", key)
	l.writeFile(name, "tls.crt", cert)
}

func (l *local) write(host, file string, settings any) {
	l.t.Helper()
	text, err := toml.Marshal(settings)
	if err != nil {
		l.t.Fatal(err)
	}
	l.writeFile(host, file, text)
}

// writeAgent writes an agent's settings, which edit may change.
func (l *local) writeAgent(name string, edit func(*daemon.AgentFile)) {
	l.t.Helper()
	f := daemon.AgentFile{Name: name, Cluster: "cluster.toml", Certificate: "tls.crt", Key: "tls.key",
		Socket: "signer.sock"}
	if edit != nil {
		edit(&f)
	}
	l.write(name, "agent.toml", f)
}

func (l *local) writeFile(host, file string, text []byte) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.path, host, file), text, 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// start runs the named cosigners or agents.
func (l *local) start(names ...string) {
	l.t.Helper()
	for _, name := range names {
		p := &process{ended: make(chan struct{})}
		var ctx context.Context
		ctx, p.cancel = context.WithCancel(context.Background())
		off := l.clocks[name]
		o := daemon.Options{Version: "test", Logger: l.logger(name), Fatal: func(err error) {
			p.mu.Lock()
			p.fatal = errors.Join(p.fatal, err)
			p.mu.Unlock()
			p.cancel()
		}, Now: func() time.Time { return time.Now().Add(off) }, Clock: l.readings[name]}
		run := func() error {
			if _, ok := l.File.Cosigner(name); ok {
				f, err := daemon.ReadCosignerFile(filepath.Join(l.path, name, "cosigner.toml"))
				if err != nil {
					return err
				}
				return daemon.RunCosigner(ctx, f, o)
			}
			f, err := daemon.ReadAgentFile(filepath.Join(l.path, name, "agent.toml"))
			if err != nil {
				return err
			}
			return daemon.RunAgent(ctx, f, o)
		}
		go func() {
			defer close(p.ended)
			p.err = run()
		}()
		l.running[name] = p
	}
}

func (l *local) logger(name string) zerolog.Logger {
	out := io.Discard
	if testing.Verbose() {
		out = zerolog.ConsoleWriter{Out: os.Stderr}
	}
	return zerolog.New(out).With().Timestamp().Str("host", name).Logger().Hook(
		zerolog.HookFunc(func(_ *zerolog.Event, _ zerolog.Level, message string) {
			if message == "Raft connection refused" {
				l.refusals.Add(1)
			}
		}))
}

// stop ends a process as SIGTERM does, and returns its error.
func (l *local) stop(name string) error {
	p := l.running[name]
	delete(l.running, name)
	p.cancel()
	<-p.ended
	return p.err
}

func (l *local) stopAll() {
	for name := range l.running {
		l.running[name].cancel()
	}
	for name := range l.running {
		_ = l.stop(name)
	}
}

// node returns a client of the node's agent.
func (l *local) node(name string) cosignerv1.SignerServiceClient {
	l.t.Helper()
	conn, err := grpc.NewClient("unix:"+filepath.Join(l.path, name, "signer.sock"),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	return cosignerv1.NewSignerServiceClient(conn)
}

// admin returns a client of a cosigner's admin port.
func (l *local) admin(name string) cosignerv1.AdminServiceClient {
	l.t.Helper()
	entry, _ := l.File.Cosigner(name)
	conn, err := l.File.Dial(l.Certificates["ops"], name, entry.AdminAddress)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	return cosignerv1.NewAdminServiceClient(conn)
}

// sign asks until there is an answer, as a node's retry timer does.
func (l *local) sign(node cosignerv1.SignerServiceClient, m casper.Message) *cosignerv1.SignResponse {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(l.t.Context(), time.Second)
		r, err := node.Sign(ctx, wire.Request(m))
		cancel()
		if err == nil && r.GetRefused().GetReason() != cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD {
			return r
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("no answer to %v in time: %v, %v", m, r, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// mustSign signs and verifies.
func (l *local) mustSign(node cosignerv1.SignerServiceClient, m casper.Message) {
	l.t.Helper()
	r := l.sign(node, m)
	if r.GetSigned() == nil || !l.validator.Verify(m, casper.Signature(r.GetSigned().GetSignature())) {
		l.t.Fatalf("asked for %v, got %v", m, r)
	}
}

// signsWithin reports whether a valid signature comes in time.
func (l *local) signsWithin(node cosignerv1.SignerServiceClient, m casper.Message, d time.Duration) bool {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), d)
	defer cancel()
	for ctx.Err() == nil {
		once, stop := context.WithTimeout(ctx, time.Second)
		r, err := node.Sign(once, wire.Request(m))
		stop()
		if err == nil && r.GetSigned() != nil {
			return l.validator.Verify(m, casper.Signature(r.GetSigned().GetSignature()))
		}
		<-time.After(20 * time.Millisecond)
	}
	return false
}

// mustBind asks for other and must be told held, with a valid signature.
func (l *local) mustBind(node cosignerv1.SignerServiceClient, other, held casper.Message) {
	l.t.Helper()
	r := l.sign(node, other)
	m, err := wire.Held(r.GetBound())
	if err != nil || m != held || !l.validator.Verify(held, casper.Signature(r.GetBound().GetSignature())) {
		l.t.Fatalf("asked for %v, got %v; want %v bound", other, r, held)
	}
}

// Where freeAddress looks: below the ports which systems give to outgoing connections by
// themselves, one of which could otherwise sit on a process's port while that is down; and apart
// from those of testnet, whose tests run at the same time.
const (
	lowestPort = 10000
	ports      = 2000
)

// portsTaken counts the ports that freeAddress tried, from a random one on: no two clusters of a
// run get the same.
var portsTaken atomic.Uint32

// firstPort is where this run begins, so that two runs at once seldom meet.
var firstPort = mathrand.Uint32N(ports)

func freeAddress(t *testing.T) string {
	t.Helper()
	for range ports {
		address := fmt.Sprintf("127.0.0.1:%d", lowestPort+(firstPort+portsTaken.Add(1))%ports)
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

func echo(era uint64, round uint32, value byte) casper.Echo {
	return casper.Echo{Round: casper.Round{Era: era, ID: round, Validator: 1, KeyBlock: casper.Hash{byte(era)}},
		Proposal: casper.Hash{value}}
}

func block(height uint64, value byte) casper.Finality {
	return casper.Finality{Block: casper.Hash{value}, Height: height, Era: 1,
		ChainName: casper.ChainNameHash(clustertest.Chain)}
}

func request(m casper.Message) *cosignerv1.SignRequest { return wire.Request(m) }

// runTwin runs the cosigner of another folder for two seconds.
func (l *local) runTwin(path string) {
	l.t.Helper()
	f, err := daemon.ReadCosignerFile(filepath.Join(path, "cosigner.toml"))
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), 2*time.Second)
	defer cancel()
	if err := daemon.RunCosigner(ctx, f, daemon.Options{Logger: l.logger("twin"), Fatal: func(error) {
		cancel()
	}, Now: time.Now}); err != nil {
		l.t.Logf("the twin stopped with %v", err)
	}
}

// tearLedger leaves half a record at the end of a ledger, as a power cut during a write does. What
// was durable before stays: less than that is a loss.
func tearLedger(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const record = 128
	last := len(b)/record - 1
	for last > 0 && len(bytes.Trim(b[last*record:(last+1)*record], "\x00")) == 0 {
		last--
	}
	copy(b[(last+1)*record:], b[last*record:last*record+record/2])
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
