package localnet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
	"casper-cosigner/stock/units"
)

// Unit files of nodes that nothing of ours is linked into, through what moves indices: a validator
// that is silent leaves, one that equivocates is banned. Their entries are told by signatures, the
// index agrees with the validators of the era, and an era's instance is what it is made of.
//
//	CASPER_NODE=.../casper-node CASPER_STOCK_NODE=.../casper-node go test -v -run RealUnitFiles ./testnet/localnet
//
// With KEEP_UNIT_FILES the files, and what was asked of them, go into that folder.
func TestRealUnitFiles(t *testing.T) {
	stock := os.Getenv("CASPER_STOCK_NODE")
	if stock == "" {
		t.Skip("CASPER_STOCK_NODE does not name a casper-node as published")
	}
	// By ascending key, which is the order of the indices: one has no node, one has two, one tells
	// what it signs, one is like any other, and ours.
	order := []int{0, 1, 2, 3, 4}
	slices.SortFunc(order, func(a, b int) int {
		x, y := ValidatorKey(realSeed, a).Public(), ValidatorKey(realSeed, b).Public()
		return bytes.Compare(x[:], y[:])
	})
	silent, twice, told, ours := order[0], order[1], order[2], order[4]
	asked := &listener{key: ValidatorKey(realSeed, told), eras: map[uint64]casper.Round{}}
	validators := make([]Validator, len(order))
	var nodes []NodeConfig
	for i := range validators {
		validators[i].Bond = 2 * defaultBond
		switch n := (NodeConfig{Validator: i, Binary: stock}); i {
		case silent:
			validators[i].Bond = defaultBond
		case told:
			n.Binary, n.Name, n.Signer = "", "told", asked.serve(t)
			nodes = append(nodes, n)
		case twice:
			validators[i].Bond, n.Name = defaultBond, "twin-1"
			nodes = append(nodes, n)
			n.Name = "twin-2"
			nodes = append(nodes, n)
		case ours:
			n.Name = "ours"
			nodes = append(nodes, n)
		default:
			nodes = append(nodes, n)
		}
	}
	network, ctx := realNetwork(t, 5*time.Minute, Config{Validators: validators, Nodes: nodes,
		BlockTime: 2 * time.Second, EraDuration: 10 * time.Second, MinimumEraHeight: 4})
	node := network.Node("ours")
	record := follow(t, network, node)
	kept := keepAll(t, node, network.Node("twin-1"))
	twin := ValidatorKey(realSeed, twice).Public()
	if err := record.Await(ctx, func(r *Record) bool {
		last := r.blocksEnd()
		now := r.validators[last]
		return len(r.faults) > 0 && len(now) == len(validators)-2 && !slices.Contains(now, twin) && last > r.faults[0].Era+4
	}); err != nil {
		t.Fatal(err)
	}
	kept()
	judgeKept(t, record, asked, node)
	judgeKept(t, record, asked, network.Node("twin-1"))
}

// blocksEnd returns the era of the highest block. The lock is the caller's.
func (r *Record) blocksEnd() (era uint64) {
	for _, b := range r.blocks {
		era = max(era, b.Block.Era)
	}
	return era
}

// keepAll keeps the nodes' unit files until the returned function is called.
func keepAll(t *testing.T, nodes ...*Node) func() {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for _, n := range nodes {
		done.Go(func() {
			if err := KeepUnitFiles(ctx, n.UnitFiles(), keptFiles(n)); err != nil {
				t.Error(err)
			}
		})
	}
	return func() { stop(); done.Wait() }
}

func keptFiles(n *Node) string { return filepath.Join(n.Dir, "kept") }

// keptFile says what a unit file is of, and what it was found to hold.
type keptFile struct {
	Name       string
	Chainspec  casper.Hash
	Era        uint64
	KeyBlock   casper.Hash
	Validators []casper.PublicKey
	Index      uint32 // of the node's key
	Echoes     int    // of the node's key
	Votes      int
	Led        int // proposals that the node's key had echoed when they were recorded, as only a leader does
	Evidence   int
}

// judgeKept holds the kept files of a node against what it told of the chain.
func judgeKept(t *testing.T, record *Record, asked *listener, n *Node) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(keptFiles(n), "unit_*.dat"))
	if err != nil {
		t.Fatal(err)
	}
	var told []keptFile
	indices := map[uint32]bool{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		instance, key, err := units.ParseName(filepath.Base(path))
		if err != nil || key != n.Validator.String() {
			t.Fatalf("%s: %v", path, err)
		}
		era, ok := asked.era(record, instance)
		if !ok {
			t.Errorf("%s: nobody asked what its era is made of", path)
			continue
		}
		k := keptFile{Name: filepath.Base(path), Chainspec: era.Chainspec, Era: era.Era, KeyBlock: era.KeyBlock,
			Validators: record.Validators(era.Era)}
		k.judge(t, n, text)
		if len(text) > 0 {
			told = append(told, k)
			indices[k.Index] = true
			t.Logf("%s, era %d: %+v, %d bytes", n.Name, k.Era, k, len(text))
		}
		if dir := os.Getenv("KEEP_UNIT_FILES"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, k.Name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(told) < 2 {
		t.Errorf("%s: only %d files", n.Name, len(told))
	}
	if n.Name == "ours" && len(indices) < 3 {
		t.Errorf("our index was %v, and should have moved twice", indices)
	}
	if dir := os.Getenv("KEEP_UNIT_FILES"); dir != "" {
		out, err := json.MarshalIndent(told, "", "\t")
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, n.Name+".json"), append(out, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// judge counts what the file holds. That the index agrees is Scan's to say.
func (k *keptFile) judge(t *testing.T, n *Node, text []byte) {
	t.Helper()
	index := slices.Index(k.Validators, n.Validator)
	instance, _, _ := units.ParseName(k.Name)
	own := units.NewOwn(n.Validator, instance)
	if index < 0 {
		t.Logf("era %d: %s is no validator", k.Era, n.Name)
	} else if err := own.At(uint32(index)); err != nil {
		t.Fatal(err)
	}
	c, err := units.Scan(bytes.NewReader(text), own)
	if err != nil || c.Damage != nil || index < 0 && len(c.Ours) > 0 {
		t.Fatalf("era %d of %s: %v, %v", k.Era, n.Name, err, c.Damage)
	}
	k.Index = uint32(max(index, 0))
	echoed := map[casper.Hash]bool{}
	for r := units.NewReader(bytes.NewReader(text)); ; {
		e, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Fatal(err)
		case e.Kind == units.Evidence:
			k.Evidence++
		case e.Kind == units.Proposed:
			if echoed[e.Proposal] {
				k.Led++
			}
		case !e.First.SignedBy(n.Validator):
			if v := k.Validators[e.First.Validator]; !e.First.SignedBy(v) {
				t.Errorf("era %d: %v is not signed by %v", k.Era, e.First.Ballot, v)
			}
		case e.First.Kind == casper.KindVote:
			k.Votes++
		default:
			k.Echoes++
			echoed[e.First.Value] = true
		}
	}
}

// listener stands for the agent of a node without a key. It signs whatever the node wants, and
// hears what eras are made of, which a node with a key tells nobody.
type listener struct {
	cosignerv1.UnimplementedSignerServiceServer
	key Key

	mu   sync.Mutex
	eras map[uint64]casper.Round
}

func (l *listener) serve(t *testing.T) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "units") // a socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "signer.sock")
	in, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	cosignerv1.RegisterSignerServiceServer(server, l)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(in) }()
	t.Cleanup(func() { server.Stop(); <-done; _ = os.RemoveAll(dir) })
	return socket
}

// RegisterTLSPoint lets the node start.
func (*listener) RegisterTLSPoint(
	context.Context, *cosignerv1.RegisterTLSPointRequest,
) (*cosignerv1.RegisterTLSPointResponse, error) {
	return &cosignerv1.RegisterTLSPointResponse{}, nil
}

// Sign signs, and hears.
func (l *listener) Sign(_ context.Context, r *cosignerv1.SignRequest) (*cosignerv1.SignResponse, error) {
	m, err := wire.Message(r)
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case casper.Echo:
		l.hear(m.Round)
	case casper.Vote:
		l.hear(m.Round)
	}
	signed := &cosignerv1.Signed{Signature: ed25519.Sign(l.key.private, m.SignBytes())}
	return &cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Signed{Signed: signed}}, nil
}

func (l *listener) hear(r casper.Round) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.eras[r.Era] = casper.Round{Chainspec: r.Chainspec, Era: r.Era, KeyBlock: r.KeyBlock}
}

// era returns what the instance is made of: heard in that era, or with the chainspec of another one
// and the key block that the chain shows.
func (l *listener) era(record *Record, instance casper.Hash) (casper.Round, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, heard := range l.eras {
		if heard.Instance() == instance {
			return heard, true
		}
		for _, b := range record.Blocks() {
			era := casper.Round{Chainspec: heard.Chainspec, Era: b.Block.Era + 1, KeyBlock: b.Block.Hash}
			if b.Block.End != nil && era.Instance() == instance {
				return era, true
			}
		}
	}
	return casper.Round{}, false
}
