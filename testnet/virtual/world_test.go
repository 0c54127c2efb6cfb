//go:build !race

package virtual

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/signer"
	"casper-cosigner/statedir"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/history"
)

const (
	pace     = 50 * time.Millisecond // between two rounds
	wayTakes = 10 * time.Millisecond // at most, from a node to a cosigner or back
	lost     = 30                    // one in so many requests, and answers, is lost
	doubled  = 10                    // one in so many requests comes twice
	twiceBy  = time.Second           // the second time, at the latest
)

// world is a cluster and its clients in virtual time.
type world struct {
	folder  string
	id      statedir.ID
	names   []string // of the cosigners
	sites   sites
	key     ed25519.PrivateKey
	cluster *clustertest.Cluster
	stock   attest.Nodes // by the seed: none of the two nodes, the standby, or both
	wire    *wire
	history *history.Recorder
	begin   time.Time
	clocks  map[string]*atomic.Int64 // by how much each host's is off
	work    sync.WaitGroup           // what goes on beside the clients

	mu      sync.Mutex
	running map[string]*process
	random  *rand.Rand
	leader  string // that answered last
	known   uint64 // entry that a threshold are known to have applied
	calm    bool   // no message is lost or doubled any more
}

func newWorld(t *testing.T, r run, key ed25519.PrivateKey, out *history.Recorder) *world {
	t.Helper()
	w := &world{folder: folder(t), id: statedir.NewID(), sites: r.sites, key: key, history: out, begin: time.Now(),
		clocks: map[string]*atomic.Int64{}, running: map[string]*process{}, random: rand.New(rand.NewPCG(r.seed, 1))}
	w.cluster = clustertest.New(t, casper.PublicKey(key.Public().(ed25519.PublicKey)), func(f *cluster.File) {
		f.MinEraTime, f.MinBlockTime = cluster.Duration(time.Second), cluster.Duration(pace)
		for i := range f.Nodes {
			f.Nodes[i].Stock = r.seed%3 == 2 || r.seed%3 == 1 && f.Nodes[i].Name == testnet.Standby
		}
	})
	w.stock = w.cluster.File.StockNodes()
	for _, c := range w.cluster.File.Cosigners {
		w.names = append(w.names, c.Name)
		w.clocks[c.Name] = &atomic.Int64{}
	}
	w.wire = newWire(context.Background(), w.names)
	w.part(r.seed)
	for _, name := range w.names {
		if err := errors.Join(w.create(name), w.start(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitGenesis(t)
	w.begin = time.Now()
	return w
}

// awaitGenesis waits until the log has begun: its first entry waits until all have met, and what is
// done to roles before that comes to nothing.
func (w *world) awaitGenesis(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lastWithin)
	defer cancel()
	for begun := false; !begun; {
		if p := w.leading(); p != nil {
			p.store.View(func(m *machine.State) { begun = m.Started() })
		}
		if testnet.Pause(ctx, lookAgain) != nil {
			t.Fatal("the cosigners have not all met")
		}
	}
	t.Logf("the log began after %v", time.Since(w.begin))
}

// folder is where state lies: in memory if this system has such a place, since most of a run is
// waiting for the disk.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "casper-virtual-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // it is small
	return dir
}

// close ends everything.
func (w *world) close() (err error) {
	w.work.Wait()
	for _, name := range w.names {
		if w.process(name) != nil {
			err = errors.Join(err, w.kill(name))
		}
	}
	w.wire.close()
	return err
}

// upTo draws a duration, oneIn a chance, goesWrong whether a message is lost or doubled. The
// clients share one source: it fixes what is drawn, not who draws it.
func (w *world) upTo(d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.random.Int64N(int64(d)))
}

func (w *world) oneIn(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n) == 0
}

func (w *world) goesWrong(oneIn int) bool {
	if !w.oneIn(oneIn) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.calm
}

// inOrder returns the cosigners, that one first, the others in any order.
func (w *world) inOrder(first string) []string {
	all := slices.Clone(w.names)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(a, b string) int {
		switch first {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	return all
}

// call asks once, as a node does through its agent, and writes it down.
func (w *world) call(c history.Call) testnet.Answer {
	ctx, cancel := context.WithTimeout(context.Background(), testnet.Patience(c.Asked))
	defer cancel()
	c.Begin = time.Since(w.begin)
	c.Answer = w.ask(ctx, c.Node(), c.Asked)
	c.End = time.Since(w.begin)
	w.history.Note(c)
	return c.Answer
}

// ask tries the cosigners until one decides.
func (w *world) ask(ctx context.Context, node string, m casper.Message) testnet.Answer {
	w.mu.Lock()
	leader, at := w.leader, w.position()
	w.mu.Unlock()
	signature, err := w.cluster.File.SignRequest(w.cluster.Keys[node], node, m, at)
	if err != nil {
		return testnet.Answer{Kind: testnet.Unknown, Reason: err.Error()}
	}
	request := watermark.Claim{Message: m, Node: node, AskedAt: at, Signature: signature}
	answer := testnet.Answer{Kind: testnet.Unknown, Reason: "Unavailable"}
	for _, name := range w.inOrder(leader) {
		way := w.sites.between(w.names, w.home(node), name) / 2
		if testnet.Pause(ctx, way+w.upTo(wayTakes)) != nil {
			return answer
		}
		p := w.process(name)
		if p == nil {
			continue
		}
		if w.goesWrong(lost) {
			<-ctx.Done()
			return answer
		}
		if w.goesWrong(doubled) {
			w.work.Go(func() { w.again(p, request) })
		}
		got, err := p.sign(ctx, request)
		if testnet.Pause(ctx, way) != nil {
			return answer
		}
		if w.goesWrong(lost) {
			<-ctx.Done()
			return answer
		}
		if refusal := (*signer.Refusal)(nil); errors.As(err, &refusal) {
			return testnet.Answer{Kind: testnet.Refused, Reason: refusal.Reason.Label(), DecidedBy: name}
		} else if err != nil {
			continue
		}
		if w.stock[node] {
			got.Signature = w.signsItself(p, got)
		}
		w.mu.Lock()
		w.leader = name
		w.mu.Unlock()
		return answered(m, got, name)
	}
	return answer
}

// signsItself is the signature of a stock node that was granted its message. Of what it is told
// that the slot holds instead it makes one, too, so that whoever judges the history sees it.
func (w *world) signsItself(p *process, got signer.Answer) casper.Signature {
	holding, ok := attest.Of(got.Message)
	if err := w.cluster.File.Attesters().Suffice(holding, got.Attestations); !ok || err != nil {
		p.die(fmt.Errorf("a stock node is answered without attestations that suffice: %w", err))
	}
	return casper.Signature(ed25519.Sign(w.key, got.Message.SignBytes()))
}

// asked reports whether such messages are asked for. A stock node signs blocks without asking, and
// each slot is to end with a value for both nodes.
func (w *world) asked(m casper.Message) bool {
	_, claimed := attest.Of(m)
	return claimed || !w.stock.Stock()
}

// position returns how far the log is that a threshold have applied, as agents keep it. w.mu must
// be held.
func (w *world) position() uint64 {
	var applied []uint64
	for _, p := range w.running {
		_, at := p.store.Indexes()
		applied = append(applied, at)
	}
	slices.Sort(applied)
	if n := len(applied) - w.cluster.File.Threshold; n >= 0 {
		w.known = max(w.known, applied[n])
	}
	return w.known
}

// again delivers a request once more, late. Nobody hears the answer.
func (w *world) again(p *process, request watermark.Claim) {
	ctx, cancel := context.WithTimeout(context.Background(), twiceBy+testnet.ZugPatience)
	defer cancel()
	if testnet.Pause(ctx, w.upTo(twiceBy)) == nil {
		p.sign(ctx, request) //nolint:errcheck // as above
	}
}

func answered(asked casper.Message, got signer.Answer, by string) testnet.Answer {
	a := testnet.Answer{Kind: testnet.Signed, Signature: got.Signature, DecidedBy: by}
	if got.Message != asked {
		a.Kind, a.Held = testnet.Bound, got.Message
	}
	return a
}

// client asks for a node: an echo, a vote and a finality signature each round, and for something
// old now and then.
func (w *world) client(ctx context.Context, node string, number int) {
	asker := fmt.Sprintf("%s/%d", node, number)
	own := byte(0)
	if node == testnet.Standby {
		own = 1
	}
	for n := uint32(0); ; n = max(n+1, uint32(time.Since(w.begin)/pace)) {
		if testnet.Pause(ctx, time.Until(w.begin.Add(time.Duration(n)*pace))+w.upTo(pace/2)) != nil {
			return
		}
		round, value := n, own
		if w.oneIn(4) {
			value = 1 - value
		}
		if w.oneIn(4) {
			round = uint32(w.upTo(time.Duration(n + 1)))
		}
		for _, m := range messages(round, value) {
			if ctx.Err() == nil && w.oneIn(2) && w.asked(m) {
				w.call(history.Call{Asker: asker, Asked: m})
			}
		}
	}
}

func messages(n uint32, value byte) []casper.Message {
	round := casper.Round{ID: n}
	return []casper.Message{
		casper.Echo{Round: round, Proposal: casper.Hash{value + 1}},
		casper.Vote{Round: round, Value: value == 0},
		casper.Finality{Block: casper.Hash{value + 1}, Height: uint64(n), ChainName: casper.ChainNameHash(clustertest.Chain)},
	}
}
