//go:build !race

package virtual

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/cosigner"
	"casper-cosigner/raftstore"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/signer"
	"casper-cosigner/statedir"
	"casper-cosigner/testnet"
)

const (
	threshold   = 2
	shareTakes  = 5 * time.Millisecond // at most, on the way to a cosigner and back
	standBack   = 5 * time.Second
	stateFolder = "state"
	heedWithin  = time.Second
	heedEvery   = 5 * time.Millisecond
)

// process is one run of a cosigner, from its start to its end.
type process struct {
	*world
	name    string
	life    context.Context // ends when it is killed; a process that has ended answers nothing, and gives no share
	end     context.CancelFunc
	dir     *statedir.Dir
	ledger  *cosigner.Ledger
	store   *raftstore.Store
	signer  *signer.Signer
	stopped chan struct{} // closed when the store's Run has returned
	fatal   atomic.Pointer[error]
}

func (w *world) statePath(name string) string { return filepath.Join(w.folder, name, stateFolder) }

// create makes a cosigner's state directory.
func (w *world) create(name string) error {
	if err := statedir.Init(w.statePath(name), statedir.Identity{Cluster: w.id, Name: name}); err != nil {
		return err
	}
	dir, err := statedir.Open(w.statePath(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return cosigner.CreateLedger(dir.Path("ledger"), dir.ID(), watermark.Mark{})
}

// start runs a cosigner.
func (w *world) start(name string) (err error) {
	p := &process{world: w, name: name, stopped: make(chan struct{})}
	p.life, p.end = context.WithCancel(context.Background())
	if p.dir, err = statedir.Open(w.statePath(name)); err != nil {
		return err
	}
	p.ledger, err = cosigner.OpenLedger(cosigner.LedgerConfig{Path: p.dir.Path("ledger"), Directory: p.dir.ID(),
		Fatal: p.die})
	if err != nil {
		return err
	}
	if p.store, err = raftstore.Open(p.raftConfig()); err != nil {
		return err
	}
	c, verifier := w.cluster.File, w.cluster.File.Verifier()
	p.signer = signer.New(signer.Config{
		Chain: c.Chain, Validator: c.Validator, EraTime: time.Duration(c.MinEraTime),
		BlockTime: time.Duration(c.MinBlockTime), Grace: time.Duration(c.Grace), Nodes: w.stock,
		VerifyRequest: verifier.VerifyRequest, VerifyRegistration: verifier.VerifyRegistration,
		Log: replicatedLog{p.store}, Quorum: quorum{p}, Spread: p.spread, HandOver: p.handOver,
		Observe: func(signer.Event) {}, Phase: func(string, time.Duration) {}, Steady: func() bool { return true },
		Now: p.now, Logger: zerolog.Nop(),
	})
	go func() {
		defer close(p.stopped)
		p.store.Run(p.life) //nolint:errcheck // what is fatal it tells Fatal
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[name] = p
	return nil
}

func (p *process) raftConfig() raftstore.Config {
	timing, err := raftstore.Profile(p.sites.timing)
	if err != nil {
		p.die(err)
	}
	var voters raftstore.Voters
	for _, name := range p.names {
		voters = append(voters, raftstore.Voter{Name: name, Address: name})
	}
	return raftstore.Config{
		Name: p.name, Voters: voters, Path: p.dir.Path("raft"), FirstRun: p.dir.FirstRun(), EndFirstRun: p.dir.EndFirstRun,
		Active: testnet.Main, Fatal: p.die,
		Network: raftstore.Network{
			Listener:  p.wire.listen(p.name),
			Dial:      func(ctx context.Context, to string) (net.Conn, error) { return p.wire.dial(ctx, p.name, to) },
			PeerName:  func(c net.Conn) (string, error) { return c.(named).peer, nil },
			Presences: p.dir,
		},
		Timing: timing, Log: zerolog.Nop(), Now: p.now,
	}
}

// now is what the host's clock shows. When it jumps, so does what is measured by it: worse than in
// a real process, whose durations do not.
func (p *process) now() time.Time { return time.Now().Add(time.Duration(p.clocks[p.name].Load())) }

// die notes what nothing here may bring about.
func (p *process) die(err error) { p.fatal.Store(&err) }

// kill ends a cosigner as near to kill -9 as a process can do to itself: from now on nothing that
// it says is heard.
func (w *world) kill(name string) error {
	w.mu.Lock()
	p := w.running[name]
	delete(w.running, name)
	w.mu.Unlock()
	links := append(w.wire.of(name, ""), w.wire.of("", name)...)
	cutAll(links)
	for _, l := range links {
		l.Sever()
	}
	p.end()
	err := p.store.Close()
	<-p.stopped
	err = errors.Join(err, p.ledger.Close(), p.dir.Close())
	mendAll(links)
	if fatal := p.fatal.Load(); fatal != nil {
		err = errors.Join(err, *fatal)
	}
	if err != nil {
		return fmt.Errorf("ending %s: %w", name, err)
	}
	return nil
}

// process returns the run of a cosigner that is on, or nil.
func (w *world) process(name string) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[name]
}

// sign passes a request to a cosigner's signer, for as long as that lives.
func (p *process) sign(ctx context.Context, c watermark.Claim) (signer.Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	answers := p.signer.Sign
	if p.stock[c.Node] {
		answers = p.signer.Attest
	}
	answer, err := answers(ctx, c)
	if p.life.Err() != nil {
		return signer.Answer{}, fmt.Errorf("%s was killed: %w", p.name, signer.ErrUnavailable)
	}
	return answer, err
}

func (p *process) handOver() {
	p.store.StandBack(standBack)
	p.work.Go(func() { p.store.HandOver() }) //nolint:errcheck // then it leads on
}

// spread hands a signature to those that it reaches.
func (p *process) spread(digest casper.Hash, s casper.Signature) {
	for _, name := range p.names {
		if to := p.process(name); to != nil && to != p && p.wire.passes(p.name, name) {
			to.signer.Keep(digest, s)
		}
	}
}

// replicatedLog is the store as signer knows it.
type replicatedLog struct{ *raftstore.Store }

// Leader returns who leads.
func (l replicatedLog) Leader() signer.Leadership { return signer.Leadership(l.Store.Leader()) }

// quorum is what stands for the shares: as many cosigners as it takes must hold the claim in their
// own logs and ledgers, then one key signs.
type quorum struct{ *process }

// Ready asks nobody: whoever is not there gives no share.
func (q quorum) Ready() error { return nil }

// Sign has cosigners look into their logs, and their ledgers take the claim, this cosigner's first.
func (q quorum) Sign(ctx context.Context, term uint64, c watermark.Claim) (signature casper.Signature, err error) {
	shares := 0
	err = q.ask(ctx, term, c, func(string) (enough bool) { shares++; return shares == threshold })
	if err == nil {
		copy(signature[:], ed25519.Sign(q.key, c.Message.SignBytes()))
	}
	return signature, err
}

// Attest has them do the same, and each that did attests it.
func (q quorum) Attest(ctx context.Context, term uint64, c watermark.Claim) (all []attest.Attestation, err error) {
	holding, _ := attest.Of(c.Message)
	err = q.ask(ctx, term, c, func(name string) (enough bool) {
		all = append(all, q.cluster.File.Attesters().Sign(q.cluster.Keys[name], name, holding))
		return len(all) == threshold
	})
	return all, err
}

// ask tells of each cosigner whose log and ledger hold the claim, until there are enough of them.
func (q quorum) ask(ctx context.Context, term uint64, c watermark.Claim, holds func(name string) (enough bool)) error {
	slot, _ := casper.SlotOf(c.Message)
	claim := held.Claim{Asker: q.name, Term: term, Index: q.store.Applied(), Slot: slot, Message: c.Message,
		Node: c.Node, AskedAt: c.AskedAt}
	for _, name := range q.inOrder(q.name) {
		if err := testnet.Pause(ctx, q.sites.between(q.names, q.name, name)+q.upTo(shareTakes)); err != nil {
			return err
		}
		if q.life.Err() != nil {
			return errors.New("this process has ended")
		}
		p := q.process.process(name)
		if p == nil || name != q.name && !q.wire.passes(q.name, name) || !p.heeds(ctx, q.name, term) {
			continue
		}
		if answer, err := p.store.Await(ctx, claim); answer == held.Other || answer == held.Absent || answer == held.Redated {
			q.die(fmt.Errorf("the log of %s says %d to %+v", name, answer, claim))
		} else if err != nil || answer != held.Holds {
			continue
		}
		var conflict *cosigner.ConflictError
		if err := p.ledger.Claim(slot, casper.Digest(c.Message), 0); errors.As(err, &conflict) {
			q.die(err)
			return fmt.Errorf("%w: %w", err, signer.ErrDisputed)
		} else if err != nil {
			continue
		}
		if holds(name) {
			return nil
		}
	}
	return errors.New("too few cosigners")
}

// heeds reports whether the cosigner gives a share to whoever asks as the leader of a term, as soon
// as it knows. It takes an attestation for one.
func (p *process) heeds(ctx context.Context, asker string, term uint64) bool {
	for wait := time.Duration(0); wait < heedWithin; wait += heedEvery {
		lead := p.store.Leader()
		answer := held.Lead{Name: lead.Name, Term: lead.Term}.Heeds(p.name, asker, term)
		if answer != held.Waits {
			return answer == held.Holds
		}
		if testnet.Pause(ctx, heedEvery) != nil {
			break
		}
	}
	return false
}
