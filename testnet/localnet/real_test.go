package localnet

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

const realSeed = 1

// realNetwork makes and starts a network of the casper-node that the environment names. Tests that
// call it are skipped without one:
//
//	CASPER_NODE=.../casper-node go test -v -run Real ./testnet/localnet
//
// The program localnet-defaults is looked for beside it. The context that it returns ends after a
// while, for the waits.
func realNetwork(t *testing.T, within time.Duration, c Config) (*Network, context.Context) {
	t.Helper()
	c.Binary, c.Seed, c.Dir = os.Getenv("CASPER_NODE"), realSeed, t.TempDir()
	if c.Binary == "" {
		t.Skip("CASPER_NODE does not name a casper-node")
	}
	c.Defaults = filepath.Join(filepath.Dir(c.Binary), "localnet-defaults")
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	network, err := Setup(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := network.Close(ctx); err != nil {
			t.Error(err)
		}
		if ends := network.Unwanted(); len(ends) > 0 {
			t.Errorf("nodes ended by themselves: %q", ends)
		}
	})
	if err := network.Start(context.WithoutCancel(ctx)); err != nil {
		t.Fatal(err)
	}
	return network, ctx
}

// follow records what the node tells until the test ends.
func follow(t *testing.T, network *Network, n *Node) *Record {
	record := NewRecord(network.Validators())
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := record.Follow(ctx, n); ctx.Err() == nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return record
}

func awaitHeight(t *testing.T, ctx context.Context, r *Record, height int64) {
	t.Helper()
	if err := r.Await(ctx, func(r *Record) bool { return r.Height() >= height }); err != nil {
		t.Fatal(err)
	}
}

// A network of stock nodes makes blocks with transactions, crosses eras, and nobody is
// missed or blamed.
func TestRealNetwork(t *testing.T) {
	const last = 20
	network, ctx := realNetwork(t, 2*time.Minute, Config{Validators: make([]Validator, 4),
		BlockTime: 2 * time.Second, EraDuration: 20 * time.Second})
	watched := network.Nodes[1]
	record := follow(t, network, watched)
	kept := filepath.Join(t.TempDir(), "kept")
	keeping, stop := context.WithCancel(ctx)
	keep := make(chan error, 1)
	go func() { keep <- KeepUnitFiles(keeping, watched.UnitFiles(), kept) }()

	awaitHeight(t, ctx, record, 1)
	t.Logf("first block %v after genesis", time.Since(network.Genesis).Round(time.Millisecond))
	transfers := sendTransfers(t, ctx, watched)
	awaitHeight(t, ctx, record, last)
	stop()
	if err := <-keep; err != nil {
		t.Error(err)
	}
	blocks := record.Blocks()
	begin, end := blocks[1].Block, blocks[last].Block
	t.Logf("blocks 1 to %d, eras %d to %d, on average %v apart", last, begin.Era, end.Era,
		(end.Timestamp.Sub(begin.Timestamp) / (last - 1)).Round(time.Millisecond))
	if end.Era < 2 {
		t.Errorf("the chain is in era %d", end.Era)
	}
	for i, v := range network.Validators() {
		if missed := record.Unsigned(v, 1, last-1); len(missed) > 0 {
			t.Errorf("validator %d: no finality signature at heights %v", i, missed)
		}
		if missed := record.Unrewarded(v, 1, last-4); len(missed) > 0 {
			t.Errorf("validator %d: no reward for heights %v", i, missed)
		}
	}
	for _, hash := range transfers {
		if processed, ok := record.Processed(hash); !ok || processed.Error != "" {
			t.Errorf("transfer %v: executed %v, %q", hash, ok, processed.Error)
		}
	}
	if faults, conflicts := record.Faults(), record.Conflicts(); len(faults)+len(conflicts) > 0 {
		t.Errorf("faults %v, conflicts %v", faults, conflicts)
	}
	files, err := filepath.Glob(filepath.Join(kept, "unit_*.dat"))
	if err != nil || len(files) != int(end.Era) {
		t.Errorf("kept %q, %v", files, err)
	}
	checkAnswers(t, ctx, network, last-1)
}

func sendTransfers(t *testing.T, ctx context.Context, n *Node) (hashes []casper.Hash) {
	t.Helper()
	for i := range 3 {
		hash, err := n.Send(ctx, Transfer{From: FaucetKey(realSeed), To: ValidatorKey(realSeed, 100+i).Public(),
			Amount: 2_500_000_000, ID: uint64(i), Time: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hash)
	}
	return hashes
}

// checkAnswers asks the nodes what can be asked.
func checkAnswers(t *testing.T, ctx context.Context, network *Network, height uint64) {
	t.Helper()
	for i, n := range network.Nodes {
		if changes, err := n.ValidatorChanges(ctx); err != nil || len(changes) > 0 {
			t.Errorf("%s: validator changes %v, %v", n.Name, changes, err)
		}
		status, err := n.Status(ctx)
		if err != nil || status.State != "Validate" || status.RoundLength == nil || status.Height() < int64(height) ||
			status.Peers != len(network.Nodes)-1 || *status.PublicKey != ValidatorKey(realSeed, i).Public() {
			t.Errorf("%s: status %+v, %v", n.Name, status, err)
		}
		metrics, err := n.Metrics(ctx)
		if err != nil || metrics["chain_height"] < float64(height) {
			t.Errorf("%s: chain_height %v, %v", n.Name, metrics["chain_height"], err)
		}
		usage, err := testnet.UsageOf(n.PID())
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s: %d MB resident, %d MB its own, %v of CPU", n.Name, usage.Resident>>20, usage.Own>>20, usage.CPU)
	}
}

// Two nodes with one key equivocate as soon as their validator leads a round, the others
// prove it and ban it.
func TestRealCopiedKey(t *testing.T) {
	network, ctx := realNetwork(t, 2*time.Minute, Config{Validators: make([]Validator, 4),
		Nodes:     []NodeConfig{{Validator: 0}, {Validator: 1}, {Validator: 2}, {Validator: 3}, {Validator: 0, Name: "copy"}},
		BlockTime: 2 * time.Second, EraDuration: 20 * time.Second})
	record := follow(t, network, network.Nodes[1])
	twice := network.Node("copy").Validator
	if err := record.Await(ctx, func(r *Record) bool { return len(r.Faults()) > 0 }); err != nil {
		t.Fatal(err)
	}
	fault := record.Faults()[0]
	t.Logf("fault at height %d: %+v", record.Height(), fault)
	if fault.Validator != twice {
		t.Errorf("a fault of %v, want one of %v", fault.Validator, twice)
	}
	var end *EraEnd
	if err := record.Await(ctx, func(r *Record) bool {
		for _, b := range r.Blocks() {
			if b.Block.Era == fault.Era && b.Block.End != nil {
				end = b.Block.End
			}
		}
		return end != nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(end.Equivocators) != 1 || end.Equivocators[0] != twice {
		t.Errorf("equivocators %v, want %v", end.Equivocators, twice)
	}
	// The list compares eras, so the next one must have begun.
	awaitHeight(t, ctx, record, record.Height()+1)
	changes, err := network.Nodes[1].ValidatorChanges(ctx)
	t.Logf("validator changes %+v", changes)
	banned := ValidatorChange{Validator: twice, Era: fault.Era + 1, Change: "Banned"}
	if err != nil || !slices.Contains(changes, banned) {
		t.Errorf("validator changes %v, %v, want %v", changes, err, banned)
	}
}

// A node can be halted and killed; it comes back with what it had.
func TestRealRestart(t *testing.T) {
	network, ctx := realNetwork(t, 3*time.Minute, Config{Validators: make([]Validator, 4),
		BlockTime: 4 * time.Second, EraDuration: 5 * time.Minute})
	record := follow(t, network, network.Nodes[1])
	victim := network.Nodes[3]
	awaitHeight(t, ctx, record, 2)
	if err := victim.Pause(); err != nil {
		t.Fatal(err)
	}
	awaitHeight(t, ctx, record, 4)
	if err := victim.Resume(); err != nil {
		t.Fatal(err)
	}
	if _, err := victim.Await(ctx, func(s Status) bool { return s.Height() >= 5 }); err != nil {
		t.Fatal(err)
	}
	if err := victim.Kill(); err != nil || victim.Running() {
		t.Fatalf("killed: %v, running %v", err, victim.Running())
	}
	if exits := victim.Exits(); len(exits) != 1 || exits[0].String() != "signal: killed" || !exits[0].Wanted {
		t.Errorf("exits %v", exits)
	}
	awaitHeight(t, ctx, record, 7)
	started := time.Now()
	if err := victim.Start(context.WithoutCancel(ctx)); err != nil {
		t.Fatal(err)
	}
	if _, err := victim.Await(ctx, func(s Status) bool { return s.State == "Validate" }); err != nil {
		t.Fatal(err)
	}
	t.Logf("Validate %v after the restart", time.Since(started).Round(time.Millisecond))
	stop, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if exit, err := victim.Stop(stop); err != nil || exit.Code != 143 {
		t.Errorf("stopped: %v, %v", exit, err)
	}
	if faults := record.Faults(); len(faults) > 0 {
		t.Errorf("faults %v", faults)
	}
}
