package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/history"
	"casper-cosigner/testnet/link"
)

// The settings that are not as shipped: everything is quicker, so that much happens in two minutes.
const (
	chain         = "casper-chaos"
	pace          = 100 * time.Millisecond // between two rounds, and two blocks
	eras          = 10                     // in which the rounds of a run lie; the rule keeps 12 whole
	leastEra      = time.Second
	pingInterval  = 200 * time.Millisecond
	failoverAfter = time.Second
	failbackAfter = 2 * time.Second

	readyWithin = 40 * time.Second // after all was mended
	silentPart  = 4                // of the time with faults, one part is for leaders hit as they are asked
)

// run is one run.
type run struct {
	options
	dir   string
	out   io.Writer
	start time.Time // the instant from which the history counts

	cluster *testnet.Cluster
	network *link.Network
	nodes   map[string]*testnet.Node
	file    *os.File
	history *history.Recorder
	log     *os.File // of the faults
}

func (r *run) historyFile() string { return filepath.Join(r.dir, "history.jsonl") }

// play does everything up to the judgement.
func (r *run) play(ctx context.Context) error {
	fmt.Fprintf(r.out, "chaos: -seed %d -for %v\n", r.seed, r.length)
	if err := r.prepare(ctx); err != nil {
		return err
	}
	silence := r.length / silentPart
	if err := r.silence(ctx, silence); err != nil {
		return err
	}
	if err := r.storm(ctx, r.length-silence); err != nil {
		return err
	}
	if err := r.last(ctx); err != nil {
		return err
	}
	return r.readLogs()
}

// prepare makes the cluster and starts it.
func (r *run) prepare(ctx context.Context) (err error) {
	validator, err := testnet.PublicKey(r.pem)
	if err != nil {
		return err
	}
	r.cluster, err = testnet.Setup(ctx, testnet.Settings{Binary: r.binary, Dir: filepath.Join(r.dir, "cluster"),
		PEM: r.pem, Chain: chain, MinEra: leastEra, MinBlock: pace, Init: []string{"--ping-interval", pingInterval.String(),
			"--ping-timeout", pingInterval.String(), "--failover-after", failoverAfter.String(), "--failback-after",
			failbackAfter.String()}})
	if err != nil {
		return err
	}
	if r.network, err = link.OpenNetwork(ctx, r.cluster); err != nil {
		return err
	}
	if r.log, err = os.Create(filepath.Join(r.dir, "faults.log")); err != nil {
		return fmt.Errorf("making the faults' log: %w", err)
	}
	if r.file, err = os.Create(r.historyFile()); err != nil {
		return fmt.Errorf("making the history: %w", err)
	}
	r.history = history.NewRecorder(r.file, history.Header{Validator: validator, Seed: r.seed, For: r.length.String()})
	r.nodes = map[string]*testnet.Node{}
	for _, name := range []string{testnet.Main, testnet.Standby} {
		if r.nodes[name], err = r.cluster.Node(name); err != nil {
			return err
		}
	}
	if err := r.cluster.Start(ctx); err != nil {
		return err
	}
	r.start = time.Now()
	_, err = r.cluster.Ready(ctx, readyWithin)
	return err
}

// call asks once and writes it down.
func (r *run) call(ctx context.Context, c history.Call) testnet.Answer {
	c.Begin = time.Since(r.start)
	c.Answer = r.nodes[c.Node()].Sign(ctx, c.Asked)
	c.End = time.Since(r.start)
	r.history.Note(c)
	return c.Answer
}

// close ends all processes and finishes the history.
func (r *run) close() (err error) {
	for _, n := range r.nodes {
		err = errors.Join(err, n.Close())
	}
	if r.cluster != nil {
		err = errors.Join(err, r.cluster.Close())
	}
	if r.network != nil {
		r.network.Close()
	}
	if r.history != nil {
		err = errors.Join(err, r.history.Close())
	}
	for _, f := range []*os.File{r.file, r.log} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}
