package testnet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/claim"
	"casper-cosigner/stock/gate"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// needGates skips where nothing can be mounted.
func needGates(t *testing.T) {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("SKIPPED: only root can mount, so no pair of stock nodes is tried behind its gates")
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("SKIPPED: no pair of stock nodes is tried behind its gates without FUSE: %v", err)
	}
	f.Close()
}

// stockPair is a cluster with two stock nodes behind gates.
type stockPair struct {
	*rig
	nodes  [2]*stockNode
	random *rand.Rand
}

// newStockPair starts a cluster, whose nodes are stock and all vote, and a gate and a node at each.
func newStockPair(t *testing.T, seed uint64) *stockPair {
	t.Helper()
	needGates(t)
	s := fast()
	s.Stock, s.Hot = []string{Main, Standby}, true
	p := &stockPair{rig: &rig{t: t, witness: newWitness(t)}, random: rand.New(rand.NewPCG(seed, 0))}
	p.make(s)
	t.Cleanup(p.close)
	chain, err := ServeChain(casper.Round{Chainspec: casper.Hash{1}, Era: 12, KeyBlock: casper.Hash{2}}, p.witness.key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	for i, name := range []string{Main, Standby} {
		address, err := chain.Node()
		if err == nil {
			err = p.Watch(name, address, address)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.nodes[i] = p.node(name, chain.Era())
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.ready()
	for _, n := range p.nodes {
		p.known(n)
		p.revive(n)
	}
	p.waits(p.nodes[0], "8000")
	return p
}

// waits waits until the agent has told a gate how many milliseconds an era's first message may
// wait.
func (p *stockPair) waits(n *stockNode, first string) {
	p.t.Helper()
	for end := time.Now().Add(readyWithin); ; {
		text, _ := os.ReadFile(n.gate.Log)
		if bytes.Contains(text, []byte(`"first":`+first)) {
			return
		}
		if time.Now().After(end) || Pause(p.t.Context(), askAgain) != nil {
			p.t.Fatalf("the gate of %s is not told that it may wait %s ms", n.name, first)
		}
	}
}

// granted has a node write a message until it is granted: its gate may wait briefly, and this
// machine may be slow.
func (p *stockPair) granted(n *stockNode, own casper.Ballot) {
	p.t.Helper()
	for end := time.Now().Add(readyWithin); !n.record(own); p.revive(n) {
		if time.Now().After(end) {
			p.t.Fatalf("%s is not granted %v", n.name, own)
		}
	}
}

// heard waits until the agent of a node knows of so many messages that our key signed in the era.
func (p *stockPair) heard(n *stockNode, messages int) {
	p.t.Helper()
	agent, err := p.Claims(n.name)
	if err != nil {
		p.t.Fatal(err)
	}
	defer agent.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), readyWithin)
	defer cancel()
	for {
		all, _, err := claim.Asker{Client: agent}.Signed(ctx, n.era.Instance())
		if err == nil && len(all) >= messages {
			return
		}
		if Pause(ctx, askAgain) != nil {
			p.t.Fatalf("the agent of %s knows of %d messages, of %d: %v", n.name, len(all), messages, err)
		}
	}
}

// known waits until the agent of a node knows the era.
func (p *stockPair) known(n *stockNode) {
	p.t.Helper()
	agent, err := p.Claims(n.name)
	if err != nil {
		p.t.Fatal(err)
	}
	defer agent.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*readyWithin)
	defer cancel()
	for {
		if _, err = agent.Find(ctx, n.era.Instance()); err == nil {
			return
		}
		if Pause(ctx, askAgain) != nil {
			p.t.Fatalf("the agent of %s does not know the era: %v", n.name, err)
		}
	}
}

// node makes the host of a node, with a gate that does not run yet.
func (p *stockPair) node(name string, era casper.Round) *stockNode {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "node-1.secret_key.pem"))
	if err != nil {
		p.t.Fatal(err)
	}
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		p.t.Fatal(err)
	}
	key := unitstest.Of(ed25519.NewKeyFromSeed(seed[:]), 1)
	storage := filepath.Join(p.t.TempDir(), testChain)
	if err := os.MkdirAll(storage, 0o755); err != nil {
		p.t.Fatal(err)
	}
	n := &stockNode{t: p.t, name: name, key: key, era: era, sent: map[casper.Ballot]bool{}}
	unitFiles := filepath.Join(storage, "unit_files")
	n.file = filepath.Join(unitFiles, journal.FileName(era.Instance(), key.Public()))
	if n.gate, err = p.Gate(name, unitFiles); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		n.gate.Kill()
		if text, _ := os.ReadFile(n.gate.Log); p.t.Failed() {
			p.t.Logf("the gate of %s:\n%s", name, text[max(0, len(text)-4000):])
		}
		for unix.Unmount(unitFiles, unix.MNT_DETACH) == nil {
		}
	})
	return n
}

// revive has the node run and vote, behind a gate that runs.
func (p *stockPair) revive(n *stockNode) {
	p.t.Helper()
	if n.gate.Running() && n.active() {
		return
	}
	if !n.gate.Running() {
		if err := n.gate.Start(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
	}
	for end := time.Now().Add(readyWithin); ; {
		err := n.behind()
		if err == nil {
			err = n.start()
		}
		if err == nil {
			return
		}
		if time.Now().After(end) || Pause(p.t.Context(), askAgain) != nil {
			p.t.Fatalf("%s does not start behind its gate: %v", n.name, err)
		}
	}
}

// behind fails unless a gate stands: its probe refuses. A node is started after its gate.
func (n *stockNode) behind() error {
	f, err := os.OpenFile(filepath.Join(filepath.Dir(n.file), gate.ProbeName), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(journal.Probe()); !errors.Is(err, syscall.EIO) {
		return fmt.Errorf("a gate's probe is answered: %w", err)
	}
	return nil
}

// round has both nodes vote in a round at the same time, for whatever they like.
func (p *stockPair) round(round uint32) {
	var votes sync.WaitGroup
	for i, n := range p.nodes {
		vote := p.random.IntN(2) == 0
		votes.Go(func() {
			instance := n.era.Instance()
			other := unitstest.New(9, 0).Vote(instance, round, true)
			n.record(n.key.Echo(instance, round, fmt.Sprint(n.name, round)), other)
			n.record(n.key.Vote(instance, round, vote == (i == 0)))
		})
	}
	votes.Wait()
}

// strike kills the leading cosigner, or a gate, some time within a round.
func (p *stockPair) strike(round uint32) {
	p.t.Helper()
	victim := p.nodes[round%3%2].gate
	if round%3 == 2 {
		victim = p.ready()
	}
	wait := time.Duration(p.random.Int64N(int64(8 * time.Millisecond)))
	done := make(chan error, 1)
	go func() {
		err := Pause(p.t.Context(), wait)
		if err == nil {
			err = victim.Kill()
		}
		done <- err
	}()
	p.round(round)
	if err := <-done; err != nil {
		p.t.Fatal(err)
	}
	if err := victim.Start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// judge fails if a slot has two values in what the nodes sent or in what lies in either gate's
// folder, or if what was sent was not written. It returns how many slots have one.
func (p *stockPair) judge() int {
	p.t.Helper()
	bound := map[slotOf]casper.Hash{}
	see := func(where string, b casper.Ballot) {
		if value, taken := bound[at(b)]; taken && value != b.Value {
			p.t.Errorf("%s: DOUBLE SIGN: %v, and another value elsewhere", where, b)
		}
		bound[at(b)] = b.Value
	}
	for _, n := range p.nodes {
		stored := map[casper.Ballot]bool{}
		for _, b := range n.stored(p.Cluster) {
			see(n.name+"'s file", b)
			stored[b] = true
		}
		for b := range n.sent {
			see("sent by "+n.name, b)
			if !stored[b] {
				p.t.Errorf("%s sent %v, which its file does not hold", n.name, b)
			}
		}
	}
	return len(bound)
}

// TestStockTakeover: a stock node that starts in the middle of an era reads what the other one
// signed in it, signs nothing else there, and goes on.
func TestStockTakeover(t *testing.T) {
	const rounds = 20
	p := newStockPair(t, 1)
	a, b := p.nodes[0], p.nodes[1]
	instance := a.era.Instance()
	var took Latencies
	for round := range uint32(rounds) {
		for _, b := range []casper.Ballot{a.key.Echo(instance, round, "block"), a.key.Vote(instance, round, true)} {
			began := time.Now()
			if !a.record(b) {
				t.Fatalf("%s was not granted %v", a.name, b)
			}
			took = append(took, time.Since(began))
		}
	}
	t.Logf("a gated write: p50 %s, p99 %s", Millis(took.Quantile(0.5)), Millis(took.Quantile(0.99)))
	p.heard(b, 2*rounds)
	if err := a.gate.Kill(); err != nil { // its host is gone
		t.Fatal(err)
	}
	for end := time.Now().Add(readyWithin); len(b.held) < 2*rounds; {
		b.open.Close()
		if err := b.start(); err != nil || time.Now().After(end) {
			t.Fatalf("%s read %d messages, of %d: %v", b.name, len(b.held), 2*rounds, err)
		}
	}
	if b.record(b.key.Vote(instance, 3, false)) {
		t.Errorf("%s signed another value", b.name)
	}
	next := uint32(rounds)
	for end := time.Now().Add(readyWithin); !b.record(b.key.Vote(instance, next, false)); next++ {
		if time.Now().After(end) { // its gate waits briefly, and this machine may be slow
			t.Fatalf("%s does not go on", b.name)
		}
		p.revive(b)
	}
	if slots := p.judge(); slots < 2*rounds+1 {
		t.Errorf("%d slots have a value, want %d", slots, 2*rounds+1)
	}
}

// stockRounds is how many rounds are raced; in every fifth something is killed.
const stockRounds = 40

// TestStockPair: two stock nodes with one key, that sign whatever they like at the same time, each
// behind its gate and agent, never get two values for one slot out, nor into their files, while
// gates and the leading cosigner are killed between claim and answer.
func TestStockPair(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	p := newStockPair(t, seed)
	for round := range uint32(stockRounds) {
		if round%5 == 4 {
			p.strike(round)
		} else {
			p.round(round)
		}
		for _, n := range p.nodes {
			p.revive(n)
		}
		if t.Failed() {
			return
		}
	}
	slots := p.judge()
	a, b := p.nodes[0], p.nodes[1]
	t.Logf("%d slots; %s sent %d and was deactivated %d times, %s sent %d, %d times", slots, a.name, len(a.sent), a.died,
		b.name, len(b.sent), b.died)
	if slots < stockRounds || len(a.sent) == 0 || len(b.sent) == 0 || a.died == 0 && b.died == 0 {
		t.Errorf("there was no race")
	}
}
