package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/rehearse"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simnet"
)

const (
	slack       = 500 * time.Millisecond // beyond failover_after
	comesWithin = 30 * time.Second       // whatever is waited for

	agentsFor   = 30 * time.Second
	shippedFor  = time.Minute
	casperBlock = 8 * time.Second // of the main network, and min_block_time by default
	agentLooks  = 6
	agentMemory = 30 * megabyte
	agentCPU    = 0.01 // of a core
)

// rehearsal is a main and a standby in a simulated network, in which main fails again and again.
type rehearsal struct {
	*bench
	*rehearse.Rehearsal
	ear   *ear
	spans spans
	idle  []int // spans in which nothing was done
}

// failover measures what failures of main cost: real processes, a simulated Casper network.
func (b *bench) failover(ctx context.Context) (err error) {
	if err := b.close(); err != nil {
		return err
	}
	s := simnet.Defaults()
	s.Dir, s.FailbackAfter = filepath.Join(b.dir, "failover"), time.Hour // main returns when it is told to
	r, err := b.rehearse(ctx, s)
	if err != nil {
		return err
	}
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, r.close())
		}
	}()
	r.settings("failover")
	b.printf("main is made active again by failover promote; -seed %d; load %s", b.seed, testnet.LoadAverage())
	agents := func(ctx context.Context) error { return r.agents(ctx, agentsFor) }
	for _, section := range []func(context.Context) error{agents, r.inHot, r.inFenced, r.handOver, r.between} {
		if err := section(ctx); err != nil {
			return err
		}
	}
	closed = true
	if err := r.close(); err != nil {
		return err
	}
	return r.verdict(ctx)
}

// shipped measures what an agent uses with the failover settings that a cluster file has by
// default, at Casper's pace.
func (b *bench) shipped(ctx context.Context) (err error) {
	if err := b.close(); err != nil {
		return err
	}
	s, f := simnet.Defaults(), cluster.DefaultFailover()
	s.Dir, s.Block, s.VotedDown = filepath.Join(b.dir, "shipped"), casperBlock, 2*casperBlock
	s.PingInterval, s.PingTimeout = time.Duration(f.PingInterval), time.Duration(f.PingTimeout)
	s.FailoverAfter, s.FailbackAfter = time.Duration(f.After), time.Duration(f.FailbackAfter)
	r, err := b.rehearse(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.settings("agents as shipped")
	return r.agents(ctx, shippedFor)
}

// settings says how the network is made.
func (r *rehearsal) settings(part string) {
	r.printf("%s: main and standby, simulated, and 3 other validators; rounds of %v, eras of %d blocks, %v until a "+
		"round is voted down;",
		part, r.Net.Block, r.Net.EraBlocks, r.Net.VotedDown)
	r.printf("ping_interval %v, ping_timeout %v, failover_after %v",
		r.Net.PingInterval, r.Net.PingTimeout, r.Net.FailoverAfter)
}

// rehearse sets the network up and waits until main is active and both nodes are ready.
func (b *bench) rehearse(ctx context.Context, s simnet.Settings) (_ *rehearsal, err error) {
	s.Binary, s.Simcasper, s.PEM, s.Seed = b.binary, b.simcasper, b.pem, b.seed
	if b.key, err = testnet.PublicKey(b.pem); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(b.seed, 1))
	r := &rehearsal{bench: b, Rehearsal: &rehearse.Rehearsal{Random: random, Reason: "bench", Within: comesWithin}}
	if err = r.Setup(ctx, s); err != nil {
		return nil, err
	}
	if r.ear, err = openEar(); err != nil {
		return nil, err
	}
	for _, c := range r.Net.Cluster.Cosigners {
		err = errors.Join(err, r.ear.hook(r.Net.Cluster, c.Name))
	}
	if err = errors.Join(err, r.Net.Start(ctx)); err == nil {
		err = r.settled(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rehearsal) close() error {
	r.restarts = append(r.restarts, r.Net.Cluster.Restarts()...)
	err := r.Net.Close()
	r.ear.close()
	return err
}

// rest lets time pass in which nothing is done, until all signatures of before have come, and
// returns what the network saw.
func (r *rehearsal) rest(ctx context.Context) (hub.Report, error) {
	r.idle = append(r.idle, r.spans.begin(time.Now()))
	if err := testnet.Pause(ctx, settling(r.Net.Block)+r.Net.Block); err != nil {
		return hub.Report{}, err
	}
	return r.Net.Report(ctx)
}

func (r *rehearsal) lossOf(p hub.Report, span int) loss {
	if span < 0 {
		return loss{}
	}
	return r.spans.loss(p, r.Net.Block, span)
}

// agents measures for some time what an agent uses beside a node that takes part in consensus.
func (r *rehearsal) agents(ctx context.Context, long time.Duration) error {
	r.idle = append(r.idle, r.spans.begin(time.Now()))
	agents := r.Net.Cluster.Agents
	before := make([]time.Duration, len(agents))
	most := make([]testnet.Usage, len(agents))
	for look := range agentLooks + 1 {
		if look > 0 {
			if err := testnet.Pause(ctx, long/agentLooks); err != nil {
				return err
			}
		}
		for i, p := range agents {
			used, err := testnet.UsageOf(p.PID())
			if err != nil {
				return err
			}
			if look == 0 {
				before[i] = used.CPU
			}
			used.Resident, used.Own = max(used.Resident, most[i].Resident), max(used.Own, most[i].Own)
			most[i] = used
		}
	}
	for i, p := range agents {
		used := most[i]
		share := (used.CPU - before[i]).Seconds() / long.Seconds()
		r.goal("agent of "+p.Name+", memory", fmt.Sprintf("%.1f MB, %.1f without files",
			float64(used.Resident)/megabyte, float64(used.Own)/megabyte),
			"under 30 MB", used.Resident < agentMemory)
		r.goal("  CPU in "+long.String(), fmt.Sprintf("%.2f %% of a core", 100*share), "under 1 %", share < agentCPU)
	}
	return nil
}

// between tells of the time in which main did not fail.
func (r *rehearsal) between(ctx context.Context) error {
	p, err := r.rest(ctx)
	if err != nil {
		return err
	}
	var l loss
	for _, span := range r.idle {
		l.add(r.lossOf(p, span))
	}
	r.figure("lost while nothing was done",
		fmt.Sprintf("%d of %d rounds, %d finality", len(l.rounds), l.of, len(l.finality)), "")
	r.tell("", l)
	elected, err := r.elected()
	if err != nil {
		return err
	}
	r.figure("elections among the cosigners", fmt.Sprintf("%d; load now %s", elected-1, testnet.LoadAverage()),
		"none: else this machine was too busy")
	if len(p.Faults) > 0 {
		return fmt.Errorf("the other validators saw our validator contradict itself: %s", strings.Join(p.Faults, "; "))
	}
	return nil
}

// elected counts in the cosigners' logs how often one of them began to lead.
func (r *rehearsal) elected() (n int, err error) {
	for _, c := range r.Net.Cluster.Cosigners {
		text, err := os.ReadFile(c.Log)
		if err != nil {
			return 0, fmt.Errorf("counting elections: %w", err)
		}
		n += bytes.Count(text, []byte(`"message":"leading"`))
	}
	return n, nil
}

// verdict has the program that trusts nobody read what the others received.
func (r *rehearsal) verdict(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, r.judge, "-key", r.key.String(), r.Net.Transcript()).CombinedOutput()
	r.printf("%s", out)
	if err != nil {
		return fmt.Errorf("the judge finds an invalid signature, or two values of one slot: %w", err)
	}
	return nil
}

// goal prints a figure beside a goal, and whether it is met.
func (b *bench) goal(name, value, goal string, met bool) {
	word := "met"
	if !met {
		word = "MISSED"
	}
	b.figure(name, value, goal+": "+word)
}
