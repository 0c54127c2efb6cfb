package signer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// fakeLog is a log of one copy. It can lose its leadership, and fail after it has stored.
type fakeLog struct {
	mu          sync.Mutex
	state       *machine.State
	follower    bool
	loseAnswers bool // apply, then fail
	refuse      bool // fail without applying
	at          time.Time
	applied     []machine.Command
	skipped     uint64 // entries that were none of the test's
	hang        bool   // apply nothing and say so when the proposer's time is up
}

func newFakeLog(first watermark.Mark) *fakeLog {
	l := &fakeLog{state: machine.New(), at: time.Now()}
	l.state.ApplyAt(machine.Place{Index: 1, Version: machine.Version},
		machine.Genesis{First: first, Active: "node-a", At: time.Now().UnixMilli()})
	return l
}

// Next is behind Genesis and what was applied.
func (l *fakeLog) Next() machine.Place {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next()
}

func (l *fakeLog) next() machine.Place {
	return machine.Place{Index: l.skipped + uint64(len(l.applied)) + 2, Version: l.state.Version()}
}

func (l *fakeLog) View(f func(*machine.State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.state)
}

func (l *fakeLog) Apply(ctx context.Context, c machine.Command) (machine.Result, error) {
	if l.hang {
		<-ctx.Done()
		return machine.Result{}, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse {
		return machine.Result{}, errors.New("the log is full")
	}
	b, err := machine.Encode(c, l.state.Version())
	if err != nil {
		return machine.Result{}, err
	}
	if c, _, err = machine.Decode(b); err != nil {
		return machine.Result{}, err
	}
	before := l.state.Table().Newest()
	result := l.state.ApplyAt(l.next(), c)
	if l.state.Table().Newest() != before {
		l.at = time.Now()
	}
	l.applied = append(l.applied, c)
	if l.loseAnswers {
		return machine.Result{}, errors.New("leadership lost")
	}
	return result, nil
}

func (l *fakeLog) Leader() Leadership {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Leadership{Name: "cosigner-1", Term: 1, Self: !l.follower}
}

func (l *fakeLog) AdvancedAt() (era, height time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at, l.at
}

func (l *fakeLog) claims() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.applied)
}

// fakeQuorum signs with the whole key, and only what the log holds.
type fakeQuorum struct {
	t   testing.TB
	log *fakeLog
	key ed25519.PrivateKey

	mu       sync.Mutex
	fail     error
	disputed bool
	signed   map[casper.Slot]map[casper.Hash]bool
	rounds   int
	attested int
	blocked  chan struct{} // closed to let Sign go on
	takes    time.Duration
}

func (q *fakeQuorum) Ready() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fail
}

func (q *fakeQuorum) Sign(ctx context.Context, _ uint64, c watermark.Claim) (casper.Signature, error) {
	if q.blocked != nil {
		select {
		case <-q.blocked:
		case <-ctx.Done():
			return casper.Signature{}, ctx.Err()
		}
	}
	time.Sleep(q.takes)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		return casper.Signature{}, q.fail
	}
	if q.disputed {
		return casper.Signature{}, ErrDisputed
	}
	q.rounds++
	if slot, ok := casper.SlotOf(c.Message); ok {
		q.log.View(func(m *machine.State) {
			if held, ok := m.Table().Lookup(slot); !ok || held.Message != c.Message {
				q.t.Errorf("asked to sign %v for %v, which the log does not hold", c.Message, slot)
			}
		})
		if q.signed[slot] == nil {
			q.signed[slot] = map[casper.Hash]bool{}
		}
		q.signed[slot][casper.Digest(c.Message)] = true
		if len(q.signed[slot]) > 1 {
			q.t.Errorf("two values were signed for %v", slot)
		}
	}
	return casper.Signature(ed25519.Sign(q.key, c.Message.SignBytes())), nil
}

// Attest attests with no key, and only what the log holds.
func (q *fakeQuorum) Attest(_ context.Context, _ uint64, c watermark.Claim) ([]attest.Attestation, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		return nil, q.fail
	}
	slot, _ := casper.SlotOf(c.Message)
	q.log.View(func(m *machine.State) {
		if held, ok := m.Table().Lookup(slot); !ok || held.Message != c.Message {
			q.t.Errorf("asked to attest %v for %v, which the log does not hold", c.Message, slot)
		}
	})
	q.attested++
	return []attest.Attestation{{Cosigner: "cosigner-1", Signature: [64]byte{byte(q.attested)}}}, nil
}

// rig is a Signer on fakes.
type rig struct {
	*Signer
	t       *testing.T
	cluster *clustertest.Cluster
	log     *fakeLog
	quorum  *fakeQuorum
	handed  atomic.Int32 // hand-overs
	spread  atomic.Int32
	steady  bool
}

func newRig(t *testing.T, edit func(*Config)) *rig {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, steady: true, log: newFakeLog(watermark.Mark{Era: 10, Height: 1000})}
	r.cluster = clustertest.New(t, casper.PublicKey(public), nil)
	r.quorum = &fakeQuorum{t: t, log: r.log, key: key, signed: map[casper.Slot]map[casper.Hash]bool{}}
	f, verifier := r.cluster.File, r.cluster.File.Verifier()
	c := Config{
		Chain: f.Chain, Validator: f.Validator, EraTime: time.Duration(f.MinEraTime),
		BlockTime: time.Duration(f.MinBlockTime), Grace: time.Duration(f.Grace),
		VerifyRequest: verifier.VerifyRequest, VerifyRegistration: verifier.VerifyRegistration,
		Log: r.log, Quorum: r.quorum,
		Spread:   func(casper.Hash, casper.Signature) { r.spread.Add(1) },
		HandOver: func() { r.handed.Add(1) },
		Observe:  func(Event) {},
		Phase:    func(string, time.Duration) {},
		Steady:   func() bool { return r.steady },
		Now:      time.Now,
	}
	if edit != nil {
		edit(&c)
	}
	r.Signer = New(c)
	return r
}

func (r *rig) ask(ctx context.Context, node string, m casper.Message) (Answer, error) {
	r.t.Helper()
	at := r.log.Next().Index - 1
	return r.Sign(ctx, watermark.Claim{Message: m, Node: node, AskedAt: at, Signature: r.cluster.Dated(r.t, node, m, at)})
}

func echo(era uint64, round uint32, value byte) casper.Echo {
	return casper.Echo{Round: casper.Round{Era: era, ID: round, Validator: 1, KeyBlock: casper.Hash{byte(era)}},
		Proposal: casper.Hash{value}}
}

func vote(era uint64, round uint32, value bool) casper.Vote {
	return casper.Vote{Round: casper.Round{Era: era, ID: round, Validator: 1, KeyBlock: casper.Hash{byte(era)}},
		Value: value}
}

func block(height uint64, value byte) casper.Finality {
	return casper.Finality{Block: casper.Hash{value}, Height: height, Era: 10,
		ChainName: casper.ChainNameHash(clustertest.Chain)}
}
