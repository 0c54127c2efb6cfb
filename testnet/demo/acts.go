package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/show"
)

const (
	keptEras    = 12               // what the rule keeps whole (design: eras are pruned whole)
	silence     = 2 * time.Second  // how long nothing may be signed without a quorum
	recovery    = 10 * time.Second // within which signing must go on after a kill
	readyWithin = 20 * time.Second
	sampleEvery = 10 // of the kept slots, after all were killed
)

// play is the whole show.
func (s *demo) play(ctx context.Context) error {
	acts := []func(context.Context) error{
		s.split, s.startAll, s.registerPoint, s.playRecording, s.killLeader, s.killSecond, s.bringBack, s.killAll,
		s.playAgain,
		s.startNetwork, s.again(s.killHost), s.again(s.handOver(fenced)), s.again(s.killNode), s.again(s.hang),
		s.again(s.cutOff), s.again(s.partition), s.again(s.handOver(hot)), s.again(s.upgrade),
	}
	for _, act := range acts {
		if err := act(ctx); err != nil {
			return fmt.Errorf("act %q: %w", s.Act().Name, err)
		}
	}
	return nil
}

// tries is how often an act is played while the machine's disk hangs.
const tries = 3

// again has an act played again if not all of it held and meanwhile a cosigner ended itself since
// the disk hung: what that costs is not what the act is about.
func (s *demo) again(act func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for try := 1; ; try++ {
			acts, rows := len(s.Acts), len(s.rows)
			before, _ := s.ended()
			if err := act(ctx); err != nil {
				return err
			}
			held := !slices.ContainsFunc(s.Acts[acts:], func(a *show.Act) bool { return !a.Holds() })
			if after, _ := s.ended(); held || len(after) == len(before) || try == tries {
				return nil
			}
			s.Sayf("but meanwhile this machine's disk hung for over a second, and a cosigner ended itself for it; so once more:")
			s.Acts, s.rows = s.Acts[:acts], s.rows[:rows]
		}
	}
}

// split makes the cluster from a copy of the key, and destroys the copy.
func (s *demo) split(ctx context.Context) error {
	s.Begin("split", "Splitting the key of %v, 2 of 3", s.recording.Validator)
	text, err := os.ReadFile(s.pem)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	copied := filepath.Join(s.dir, "secret_key.pem")
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		return fmt.Errorf("copying the key: %w", err)
	}
	s.cluster, err = testnet.Setup(ctx, testnet.Settings{Binary: s.binary, Dir: filepath.Join(s.dir, "cluster"),
		PEM: copied, Chain: chain, MinEra: eraTime, MinBlock: blockTime})
	if err != nil {
		return err
	}
	if err := os.Remove(copied); err != nil {
		return fmt.Errorf("deleting the key: %w", err)
	}
	found, err := filesWithKey(s.dir, text)
	if err != nil {
		return err
	}
	s.Claimf(len(found) == 0, "the PEM is deleted; no file in %s holds the key", s.dir)
	s.Sayf("settings as shipped, first era and height 0, with one exception: the cluster file states %v an era and %v a",
		eraTime, blockTime)
	s.Sayf("block, since the recorded network's eras lasted seconds; so the marks may rise by 4 eras in %v", eraTime)
	return nil
}

// filesWithKey lists the files below dir that hold the secret key, as text or as bytes.
func filesWithKey(dir string, text []byte) (found []string, err error) {
	block, _ := pem.Decode(text)
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	defer clear(seed[:])
	lines := bytes.Fields(pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: block.Bytes}))
	longest := slices.MaxFunc(lines, func(a, b []byte) int { return len(a) - len(b) })
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, longest) || bytes.Contains(content, seed[:]) {
			found = append(found, path)
		}
		return err
	})
	return found, err
}

func (s *demo) startAll(ctx context.Context) error {
	s.Begin("start", "Starting 3 cosigners and 2 agents: mTLS, Raft, fsync")
	if err := s.cluster.Start(ctx); err != nil {
		return err
	}
	for _, p := range slices.Concat(s.cluster.Cosigners, s.cluster.Agents) {
		s.Sayf("%-7s pid %d", p.Name, p.PID())
	}
	status, err := s.cluster.Ready(ctx, readyWithin)
	if err != nil {
		return err
	}
	s.Claimf(true, "ready, %s leads", status.Leader)
	if s.a, err = s.cluster.Node(testnet.Main); err != nil {
		return err
	}
	s.b, err = s.cluster.Node(testnet.Standby)
	return err
}

// registerPoint states the recorded node's TLS key for A, as its casper-node would at start. B may
// not have it too.
func (s *demo) registerPoint(ctx context.Context) error {
	s.Begin("register", "%s registers the TLS key of its node", s.a.Name)
	_, handshakes := s.eras()
	if len(handshakes) == 0 {
		return errors.New("the recording has no handshake")
	}
	point := handshakes[0].(casper.Handshake).Our
	refusal, err := s.a.Register(ctx, point)
	if err != nil {
		return err
	}
	if refusal != "" {
		refusal = ": refused, " + refusal
	}
	s.Claimf(refusal == "", "registered for %s%s", s.a.Name, refusal)
	if refusal, err = s.b.Register(ctx, point); err != nil {
		return err
	}
	s.Claimf(refusal == tlsPoint, "the same for %s: refused, %s", s.b.Name, refusal)
	return nil
}

// killLeader kills the leader and asks for free slots until one is signed.
func (s *demo) killLeader(ctx context.Context) error {
	status, err := s.cluster.Ready(ctx, readyWithin)
	if err != nil {
		return err
	}
	s.Begin("kill the leader", "kill -9 %s, which leads; then free slots: rounds from %d up of era %d, made up",
		status.Leader, s.free.Round.ID, s.free.Round.Era)
	at := time.Now()
	if err := s.cluster.Cosigner(status.Leader).Kill(); err != nil {
		return err
	}
	a, err := s.nextSignature(ctx)
	if err != nil {
		return err
	}
	s.Claimf(a.Kind == testnet.Signed, "next signature %s after the kill, from %s, which leads now",
		testnet.Millis(time.Since(at)), a.DecidedBy)
	return nil
}

// nextSignature asks for one free slot until it is signed, each time with a node's patience.
func (s *demo) nextSignature(ctx context.Context) (testnet.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	m := s.free.Next()
	for {
		a := s.once(ctx, s.a, m, true)
		if a.Kind == testnet.Signed && s.valid(a, m) {
			return a, nil
		}
		if err := testnet.Pause(ctx, askAgain); err != nil {
			return a, fmt.Errorf("waiting for a signature, last answer %s %s: %w", a.Kind, a.Reason, err)
		}
	}
}

// killSecond kills a second cosigner. One share is worth nothing.
func (s *demo) killSecond(ctx context.Context) error {
	status, err := s.cluster.Status(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.cluster.Cosigners, func(p *testnet.Process) bool {
		return p.Running() && p.Name != status.Leader
	})
	second := s.cluster.Cosigners[i]
	s.Begin("kill a second", "kill -9 %s: one of three is left", second.Name)
	if err := second.Kill(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	asked, signed := 0, 0
	for ctx.Err() == nil {
		for _, n := range []*testnet.Node{s.a, s.b} {
			asked++
			// It may be refused: the leader still knows whose turn it is.
			if a := s.once(ctx, n, s.free.Next(), true); a.Kind == testnet.Signed || a.Kind == testnet.Bound {
				signed++
			}
		}
		testnet.Pause(ctx, askAgain) //nolint:errcheck // the loop asks the same
	}
	s.Claimf(signed == 0, "%d free slots asked for in %v, none is signed", asked, silence)
	return nil
}

func (s *demo) bringBack(ctx context.Context) error {
	s.Begin("both back", "Starting both again")
	if err := s.startAgain(ctx); err != nil {
		return err
	}
	a, err := s.nextSignature(ctx)
	if err != nil {
		return err
	}
	s.Claimf(a.Kind == testnet.Signed, "it signs again, in %s", testnet.Millis(a.Took))
	return nil
}

func (s *demo) startAgain(ctx context.Context) error {
	at := time.Now()
	if err := s.cluster.Start(ctx); err != nil {
		return err
	}
	status, err := s.cluster.Ready(ctx, readyWithin)
	if err != nil {
		return err
	}
	s.Sayf("all ready after %s, %s leads", testnet.Millis(time.Since(at)), status.Leader)
	return nil
}

// killAll kills all three at once and asks a sample of what they hold for other values.
func (s *demo) killAll(ctx context.Context) error {
	s.Begin("kill all", "kill -9 of all three at once, and started again")
	var wait sync.WaitGroup
	failed := make([]error, len(s.cluster.Cosigners))
	for i, p := range s.cluster.Cosigners {
		wait.Go(func() { failed[i] = p.Kill() })
	}
	wait.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if err := s.startAgain(ctx); err != nil {
		return err
	}
	var t tally
	keptFrom := lastRound(s.recording).Era - keptEras + 1
	kept := 0
	for _, e := range s.recording.Entries {
		round, isZug := roundOf(e.Message)
		other := testnet.Other(e.Message)
		if isZug && round.Era < keptFrom || other == nil {
			continue
		}
		if kept++; kept%sampleEvery != 1 {
			continue
		}
		n := []*testnet.Node{s.a, s.b}[t.asked%2]
		a, err := s.ask(ctx, n, other, "")
		if err != nil {
			return err
		}
		s.count(&t, a, other, e.Message, nil)
	}
	s.Claimf(t.bound == t.asked, "%d of the %d slots that are kept asked for other values: %d bound, %d signed",
		t.asked, kept, t.bound, t.signed)
	s.sayWrong(&t)
	return nil
}
