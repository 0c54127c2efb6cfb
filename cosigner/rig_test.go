package cosigner

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/keygen"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

const testChain = "casper-example"

// committee is n cosigners in one process. The first one leads.
type committee struct {
	t         *testing.T
	group     *frost.GroupKey
	keys      []*frost.KeyShare
	hosts     []*host
	session   byte
	nodes     attest.Nodes             // that all of them have in their cluster files
	distances map[string]time.Duration // to other hosts, as measured
}

// host is one cosigner and how its peers reach it.
type host struct {
	name   string
	server *Server
	ledger *rig
	log    Log  // nil: nothing is caught up with
	held   Held // what its log holds
	old    bool // it is of the release before: it neither reads nor sends eighths, nor fingerprints

	mu    sync.Mutex
	fault func(ctx context.Context, method string) error // before each call from a peer
	spoil func(share []byte)                             // changes what leaves
	calls map[string]int
	term  atomic.Uint64
	lead  func() held.Lead // nil: the first host leads, in that term
}

// leads is what the host knows of who leads.
func (h *host) leads() held.Lead {
	if h.lead != nil {
		return h.lead()
	}
	return held.Lead{Name: "c1", Term: h.term.Load()}
}

func newCommittee(t *testing.T, threshold, n int) *committee {
	t.Helper()
	group, keys, err := keygen.Split(sha512.Sum512_256([]byte("seed")), threshold, n, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &committee{t: t, group: group, keys: keys, nodes: attest.Nodes{"A": false, "B": true}}
	for i := range n {
		c.hosts = append(c.hosts, &host{name: fmt.Sprintf("c%d", i+1), held: whatever{}, calls: map[string]int{}})
		c.hosts[i].ledger = newRig(t)
		c.hosts[i].term.Store(1)
		c.restart(i)
	}
	return c
}

// holders are who holds which share.
func (c *committee) holders() map[string]int {
	all := map[string]int{}
	for i, key := range c.keys {
		all[fmt.Sprintf("c%d", i+1)] = key.ID()
	}
	return all
}

// keyring returns a host's keyring with one epoch.
func (c *committee) keyring(i int) *Keyring {
	c.t.Helper()
	k, err := NewKeyring(c.hosts[i].name, Keys{Epoch: 1, Share: c.keyOf(c.hosts[i].name), Holders: c.holders()})
	if err != nil {
		c.t.Fatal(err)
	}
	return k
}

func (c *committee) keyOf(name string) *frost.KeyShare { return c.keys[c.holders()[name]-1] }

// restart gives a host a new process on its ledger, caught up with the log.
func (c *committee) restart(i int) { c.restartWith(i, c.keyring(i)) }

func (c *committee) restartWith(i int, keyring *Keyring) {
	c.session++
	h := c.hosts[i]
	server := NewServer(ServerConfig{
		Remembers: func() error { return nil },
		Name:      h.name, Session: statedir.ID{c.session}, Keyring: keyring, Chain: casper.ChainNameHash(testChain),
		Ledger: h.ledger.Ledger, Log: h.log, Held: h.held,
		Caller: func(ctx context.Context) (string, bool) { name, ok := ctx.Value(callerKey{}).(string); return name, ok },
		Lead:   h.leads,
		Nodes:  c.nodes,
		Attest: func(holding attest.Holding) attest.Attestation {
			return c.attesters().Sign(memberKey(h.name), h.name, holding)
		},
		VerifyRequest: func(node string, _ casper.Message, _ uint64, signature [64]byte) error {
			if node != "A" || signature != testSignature {
				return errors.New("not signed by that node")
			}
			return nil
		},
		VerifyReset: func(r watermark.Reset) error {
			if r.Signature != testSignature {
				return errors.New("not signed by that operator")
			}
			return nil
		},
	})
	server.openGate()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.server = server
}

// memberKey is the key of a host's certificate.
func memberKey(name string) ed25519.PrivateKey {
	seed := sha512.Sum512_256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// attesters is whose attestations count.
func (c *committee) attesters() attest.Cluster {
	a := attest.Cluster{ID: [16]byte{1}, Validator: casper.PublicKey(c.group.Public()), Threshold: c.group.Threshold(),
		Cosigners: map[string]ed25519.PublicKey{}}
	for name := range c.holders() {
		a.Cosigners[name] = memberKey(name).Public().(ed25519.PublicKey)
	}
	return a
}

// whatever is a log that holds all that it is asked about.
type whatever struct{}

func (whatever) Await(context.Context, held.Claim) (held.Answer, error) { return held.Holds, nil }

func (whatever) Applied() uint64 { return 1 }

type callerKey struct{}

var testSignature = [64]byte{0x51}

// set changes how a host behaves towards its peers.
func (h *host) set(change func(h *host)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

func (h *host) called(method string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[method]
}

// dead is the fault of a host that refuses connections.
func dead(context.Context, string) error {
	return status.Error(codes.Unavailable, "connection refused")
}

// hung is the fault of a host that never answers.
func hung(ctx context.Context, _ string) error {
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}

// after is the fault of a slow host.
func after(d time.Duration) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

// client is the connection of one cosigner to a host.
type client struct {
	from string
	to   *host
}

func (c client) reach(ctx context.Context, method string) (*Server, context.Context, error) {
	c.to.mu.Lock()
	c.to.calls[method]++
	server, fault := c.to.server, c.to.fault
	c.to.mu.Unlock()
	if fault != nil {
		if err := fault(ctx, method); err != nil {
			return nil, nil, err
		}
	}
	return server, context.WithValue(ctx, callerKey{}, c.from), nil
}

func (c client) Commit(ctx context.Context, r *cosignerv1.CommitRequest,
	_ ...grpc.CallOption) (*cosignerv1.CommitResponse, error) {
	server, ctx, err := c.reach(ctx, "Commit")
	if err != nil {
		return nil, err
	}
	if !c.to.old {
		return server.Commit(ctx, r)
	}
	r = proto.Clone(r).(*cosignerv1.CommitRequest)
	r.Split = nil
	response, err := server.Commit(ctx, r)
	for _, one := range response.GetCommitments() {
		one.HidingEighth, one.BindingEighth = nil, nil
	}
	if response != nil {
		response.Split = nil
	}
	return response, err
}

func (c client) Share(ctx context.Context, r *cosignerv1.ShareRequest, _ ...grpc.CallOption) (*cosignerv1.ShareResponse,
	error) {
	server, ctx, err := c.reach(ctx, "Share")
	if err != nil {
		return nil, err
	}
	if c.to.old {
		r = proto.Clone(r).(*cosignerv1.ShareRequest) // the leader's signing set is shared by its requests
		old(r)
	}
	response, err := server.Share(ctx, r)
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	if err == nil && c.to.spoil != nil {
		c.to.spoil(response.Share)
	}
	return response, err
}

func (c client) Attest(ctx context.Context, r *cosignerv1.AttestRequest,
	_ ...grpc.CallOption) (*cosignerv1.AttestResponse, error) {
	server, ctx, err := c.reach(ctx, "Attest")
	if err != nil {
		return nil, err
	}
	response, err := server.Attest(ctx, r)
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	if err == nil && c.to.spoil != nil {
		c.to.spoil(response.Signature)
	}
	return response, err
}

// lead returns the quorum of the first host; filled also runs it until the
// returned function is called.
func (c *committee) lead() *Quorum {
	others := map[string]cosignerv1.CosignerServiceClient{}
	for _, h := range c.hosts[1:] {
		others[h.name] = client{c.hosts[0].name, h}
	}
	own := c.hosts[0].server
	return NewQuorum(QuorumConfig{Keyring: own.config.Keyring, Own: own, Others: others,
		Attesters: c.attesters(),
		Distance:  func(name string) (time.Duration, bool) { d, ok := c.distances[name]; return d, ok }})
}

func (c *committee) leadFilled() (q *Quorum, stop func()) {
	q = c.lead()
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan error)
	go func() { done <- q.Run(ctx) }()
	time.Sleep(200 * time.Millisecond) // virtual: the pools are full
	return q, func() { cancel(); <-done }
}

// sign makes a signature of m and checks it.
func (c *committee) sign(q *Quorum, m casper.Message) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()
	signature, err := q.Sign(ctx, 1, watermark.Claim{Message: m, Node: "A", Signature: testSignature})
	if err == nil && !casper.PublicKey(c.group.Public()).Verify(m, signature) {
		c.t.Errorf("wrong signature of %+v", m)
	}
	return err
}

func (c *committee) mustSign(q *Quorum, m casper.Message) {
	c.t.Helper()
	if err := c.sign(q, m); err != nil {
		c.t.Fatal(err)
	}
}

func echo(round uint32, value byte) casper.Message {
	return casper.Echo{Round: casper.Round{Chainspec: casper.Hash{1}, Era: 10, ID: round, Validator: 3},
		Proposal: casper.Hash{value}}
}

func finality(height uint64) casper.Message {
	return casper.Finality{Block: casper.Hash{7}, Height: height, Era: 10, ChainName: casper.ChainNameHash(testChain)}
}

// tlsPoint returns the compressed form of a P-521 key.
func tlsPoint(t *testing.T) casper.TLSPoint {
	t.Helper()
	key, err := ecdh.P521().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := key.PublicKey().Bytes() // 04, x, y
	x, y := new(big.Int).SetBytes(b[1:67]), new(big.Int).SetBytes(b[67:])
	return casper.TLSPoint(elliptic.MarshalCompressed(elliptic.P521(), x, y))
}

func handshake(our, their casper.TLSPoint, n int) casper.Message {
	return casper.Handshake{Random: [12]byte{byte(n), byte(n >> 8)}, Our: our, Their: their}
}
