package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units/unitstest"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/pair"
)

// An era of mainnet, as a unit file shows it.
const (
	validators = 100
	rounds     = 900
	roundTime  = 8 * time.Second
	pacedFor   = 6 * roundTime
)

const (
	ownWrites     = 1000
	foreignWrites = 5000
	reads         = 5
	readSize      = 8 << 10 // casper-node reads through a BufReader
)

// stockPair is what the part stands on: a pair of stock nodes, and files beside their gates.
type stockPair struct {
	*bench
	*pair.Pair
	main     *pair.Node
	standby  *pair.Node
	others   []unitstest.Validator
	instance casper.Hash
	file     *os.File // of main, through its gate
	plain    *os.File // the same on the disk
	synced   *os.File
	round    uint32
}

// stock measures what a gate costs its node, beside a floor turn by turn: the same writes and reads
// without a gate, and the syncs that a grant cannot do without, one after the other.
func (b *bench) stock(ctx context.Context) (err error) {
	if b.gateless != nil {
		b.printf("SKIPPED, a pair of stock nodes behind gates: %v", b.gateless)
		return nil
	}
	dir := filepath.Join(b.dir, "stock")
	s := &stockPair{bench: b}
	s.Pair, err = pair.Open(ctx, pair.Settings{Binary: b.binary, Dir: dir, PEM: b.pem, MinBlock: blockTime})
	defer func() { err = errors.Join(err, s.Close()) }()
	if err != nil {
		return err
	}
	s.main, s.standby, s.instance = s.Nodes[0], s.Nodes[1], s.Chain.Era().Instance()
	for n := range validators {
		if uint32(n) != s.Key.Index {
			s.others = append(s.others, unitstest.New(byte(n+100), uint32(n)))
		}
	}
	if s.file, err = s.main.Append(s.instance); err != nil {
		return err
	}
	defer s.file.Close()
	for name, f := range map[string]**os.File{"plain": &s.plain, "synced": &s.synced} {
		if *f, err = os.Create(filepath.Join(dir, name)); err != nil {
			return err
		}
		defer (*f).Close()
	}
	for _, measure := range []func(context.Context) error{s.own, s.foreign, s.read, s.pace} {
		if err := measure(ctx); err != nil {
			return fmt.Errorf("%w (load %s)", err, testnet.LoadAverage())
		}
	}
	return nil
}

// took measures one thing.
func took(l *testnet.Latencies, do func() error) error {
	start := time.Now()
	err := do()
	*l = append(*l, time.Since(start))
	return err
}

// write writes an entry.
func write(f *os.File, b casper.Ballot) func() error {
	text := unitstest.Entry(b)
	return func() error {
		_, err := f.Write(text)
		return err
	}
}

// own measures messages of ours, one after the other.
func (s *stockPair) own(ctx context.Context) error {
	if err := s.warm(ctx); err != nil {
		return err
	}
	if _, err := s.synced.Write(make([]byte, (ownWrites+1)*leastSyncs*512)); err != nil {
		return err
	}
	if err := s.synced.Sync(); err != nil {
		return err
	}
	load := testnet.LoadAverage()
	before, err := s.spent(ctx)
	if err != nil {
		return err
	}
	var gated, plain, syncs testnet.Latencies
	for range ownWrites {
		s.round++
		m := s.Key.Vote(s.instance, s.round, true)
		err := errors.Join(took(&gated, write(s.file, m)), took(&plain, write(s.plain, m)), took(&syncs, s.sync),
			ctx.Err())
		if err != nil {
			return fmt.Errorf("writing a message of ours: %w", err)
		}
	}
	after, err := s.spent(ctx)
	if err != nil {
		return err
	}
	s.figure("own message through the gate", quantiles(gated), "p50 5 ms")
	for i, name := range phases {
		s.figure("  of which, at the leader: "+name, testnet.Millis((after[i]-before[i])/ownWrites)+" on average", "")
	}
	s.figure("  floor: without a gate", micros(plain), "")
	s.figure(fmt.Sprintf("  floor: %d fdatasync", leastSyncs), quantiles(syncs), "")
	s.figure("  to the syncs", fmt.Sprintf("%.1f times", ratio(gated, syncs)), "")
	s.printf("  (%d of each, turn by turn; load %s before, %s after)", ownWrites, load, testnet.LoadAverage())
	return nil
}

// phases are what a leader does for a claim.
var phases = [...]string{"claim", "attestations"}

// spent is how long the leaders took for each phase so far.
func (s *stockPair) spent(ctx context.Context) (all [len(phases)]time.Duration, err error) {
	for i, phase := range phases {
		seconds, _, err := s.Metric(ctx, phaseMetric+`_sum{phase="`+phase+`"}`)
		if err != nil {
			return all, err
		}
		all[i] = time.Duration(seconds * float64(time.Second))
	}
	return all, nil
}

// warm writes until messages are granted: gates are told late how long they may wait.
func (s *stockPair) warm(ctx context.Context) error {
	for granted := 0; granted < ownWrites/10; {
		s.round++
		if write(s.file, s.Key.Vote(s.instance, s.round, true))() == nil {
			granted++
			continue
		}
		err := errors.Join(s.file.Close(), ctx.Err())
		if err == nil {
			s.file, err = s.main.Append(s.instance)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sync does what leader, follower and ledger do, into space that is on disk already.
func (s *stockPair) sync() error {
	var err error
	for range leastSyncs {
		_, wrote := s.synced.WriteAt(make([]byte, 512), int64(s.round)%ownWrites*512)
		err = errors.Join(err, wrote, unix.Fdatasync(int(s.synced.Fd())))
	}
	return err
}

func ratio(a, b testnet.Latencies) float64 {
	return float64(a.Quantile(0.5)) / float64(b.Quantile(0.5))
}

func micros(l testnet.Latencies) string {
	return fmt.Sprintf("p50 %d µs, p99 %d µs", l.Quantile(0.5).Microseconds(), l.Quantile(0.99).Microseconds())
}

// foreign measures messages of others.
func (s *stockPair) foreign(ctx context.Context) error {
	var gated, plain testnet.Latencies
	for n := range foreignWrites {
		m := s.others[n%len(s.others)].Vote(s.instance, s.round, true)
		if err := errors.Join(took(&gated, write(s.file, m)), took(&plain, write(s.plain, m)), ctx.Err()); err != nil {
			return fmt.Errorf("writing another's message: %w", err)
		}
	}
	s.figure("another's message through the gate", micros(gated), "200 µs")
	s.figure("  floor: without a gate", micros(plain), "")
	s.printf("  (%d of each, turn by turn; load %s)", foreignWrites, testnet.LoadAverage())
	return nil
}

// read measures how a node reads the unit file of a whole era, after a start of its gate and again.
func (s *stockPair) read(ctx context.Context) error {
	instance := casper.ChainNameHash("an era")
	path := filepath.Join(s.dir, "stock", "era")
	size, err := s.writeEra(path, instance)
	if err != nil {
		return err
	}
	if err := os.Link(path, s.standby.Stored(instance)); err != nil {
		return err
	}
	var first, again, plain testnet.Latencies
	for range reads {
		if err := s.standby.Gate.Kill(); err != nil {
			return err
		}
		if err := s.standby.Stand(ctx); err != nil {
			return err
		}
		gated := func() error { return readAll(s.standby.Path(instance), size) }
		bare := func() error { return readAll(path, size) }
		err := errors.Join(took(&first, gated), took(&again, gated), took(&plain, bare))
		if err != nil {
			return err
		}
	}
	s.figure(fmt.Sprintf("unit file of %.0f MB, opened first", float64(size)/megabyte), spread(first), "1 s")
	s.figure("  read again", spread(again), "")
	s.figure("  floor: without a gate", spread(plain), "")
	s.printf("  (%d validators, %d rounds, read by 8 KB; load %s)", validators, rounds, testnet.LoadAverage())
	return s.resident("memory of that gate", s.standby)
}

// writeEra writes what a node has at the end of an era.
func (s *stockPair) writeEra(path string, instance casper.Hash) (size int64, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for round := range uint32(rounds) {
		e := unitstest.Proposal(round, 200)
		for _, v := range append(s.others, s.Key) {
			e = append(append(e, unitstest.Entry(v.Echo(instance, round, "block"))...),
				unitstest.Entry(v.Vote(instance, round, true))...)
		}
		size += int64(len(e))
		if _, err := f.Write(e); err != nil {
			return 0, err
		}
	}
	return size, f.Sync()
}

// readAll reads as casper-node does.
func readAll(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, readSize))
	if err == nil && n != size {
		err = fmt.Errorf("read are %d bytes of %d", n, size)
	}
	return err
}

// pace measures what gate and watch cost while all validators say as much as on mainnet.
func (s *stockPair) pace(ctx context.Context) error {
	watch := s.GateWatch(s.main.Name)
	if err := watch.Start(ctx); err != nil {
		return err
	}
	defer watch.Kill() //nolint:errcheck // it ends with this program
	both := [][]*testnet.Process{{s.main.Gate}, {watch}}
	var before, after [2]time.Duration
	var err error
	for i, of := range both {
		if before[i], err = testnet.CPU(of); err != nil {
			return err
		}
	}
	start := time.Now()
	each := roundTime / (2 * validators)
	for n := 0; time.Since(start) < pacedFor; n++ {
		if n%(2*validators) == 0 {
			s.round++
		}
		m := s.others[n%len(s.others)].Vote(s.instance, s.round, true)
		switch n % (2 * validators) {
		case 0:
			m = s.Key.Echo(s.instance, s.round, "block")
		case validators:
			m = s.Key.Vote(s.instance, s.round, true)
		}
		next := start.Add(time.Duration(n+1) * each)
		if err := errors.Join(write(s.file, m)(), testnet.Pause(ctx, time.Until(next))); err != nil {
			return fmt.Errorf("writing at the pace of mainnet: %w", err)
		}
	}
	for i, of := range both {
		if after[i], err = testnet.CPU(of); err != nil {
			return err
		}
		name, part := [...]string{"gate", "its watch"}[i], (after[i]-before[i]).Seconds()/time.Since(start).Seconds()
		s.figure(name+" at the pace of mainnet", fmt.Sprintf("%.1f %% of a core", 100*part), [...]string{"1 %", ""}[i])
	}
	s.printf("  (%d messages each %v, for %v; load %s)", 2*validators, roundTime, pacedFor, testnet.LoadAverage())
	return s.resident("memory of that gate", s.main)
}

func (s *stockPair) resident(name string, n *pair.Node) error {
	used, err := testnet.UsageOf(n.Gate.PID())
	if err != nil {
		return err
	}
	s.figure(name, fmt.Sprintf("%.0f MB resident, %.0f MB its own", float64(used.Resident)/megabyte,
		float64(used.Own)/megabyte), "30 MB")
	return nil
}
