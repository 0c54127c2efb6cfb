package testnet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/claim"
)

// stockRig is a cluster that init --stock made, with the gates' side of each node.
type stockRig struct {
	*rig
	gates map[string]*claim.Client
}

// newStockRig makes and starts one whose nodes all vote.
func newStockRig(t *testing.T) *stockRig {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := fast()
	s.Binary, s.Dir, s.Chain = binary, filepath.Join(t.TempDir(), "c"), testChain
	s.PEM, s.Init = filepath.Join("..", "testdata", "node-1.secret_key.pem"), []string{"--stock", "--grace", "0s"}
	r := &stockRig{rig: &rig{t: t, witness: newWitness(t)}, gates: map[string]*claim.Client{}}
	if r.Cluster, err = Setup(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.edit("[failover]\n", "[failover]\nstandby = 'hot'\n")
	t.Cleanup(r.close)
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.ready()
	for _, name := range []string{Main, Standby} {
		if r.gates[name], err = r.Claims(name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.gates[name].Close() })
	}
	return r
}

// edit changes the cluster file of all hosts as an operator would.
func (r *stockRig) edit(before, after string) {
	r.t.Helper()
	all, err := filepath.Glob(filepath.Join(r.Dir, "*", "cluster.toml"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, path := range append(all, filepath.Join(r.Dir, "cluster.toml")) {
		text, err := os.ReadFile(path)
		if err == nil && !strings.Contains(string(text), before) {
			r.t.Fatalf("%s has no %q", path, before)
		}
		if err == nil {
			err = os.WriteFile(path, []byte(strings.Replace(string(text), before, after, 1)), 0o600)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// mustHold claims m for a node, and demands what its slot holds then.
func (r *stockRig) mustHold(node string, m, want casper.Message) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), answered)
	defer cancel()
	_, err := r.gates[node].Claim(ctx, m)
	var other *claim.HeldError
	switch {
	case err == nil && m == want:
	case errors.As(err, &other) && other.Held == want && m != want:
	default:
		r.t.Fatalf("%s claimed %v, got %v; want %v held", node, m, err, want)
	}
}

// TestNoShares: a cluster that init --stock made is founded, grants each slot once to two nodes
// that sign themselves, over the death of each cosigner, and signs nothing for anybody; nor does
// one cosigner alone grant anything. No share lies anywhere.
func TestNoShares(t *testing.T) {
	r := newStockRig(t)
	shares, err := filepath.Glob(filepath.Join(r.Dir, "*", "share.age"))
	if err != nil || len(shares) > 0 {
		t.Fatalf("shares: %v, %v", shares, err)
	}
	free := freeRounds(3)
	a, b := free.Next(), free.Next()
	r.mustHold(Main, a, a)
	r.mustHold(Standby, Other(a), a)
	r.mustHold(Standby, b, b)
	r.mustHold(Main, Other(b), b)

	node, err := r.Node(Main)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	for _, m := range []casper.Message{free.Next(), MadeUpFinality(testChain, 3, 7)} {
		ctx, cancel := context.WithTimeout(t.Context(), answered)
		answer := node.Ask(ctx, m, answered)
		cancel()
		if answer.Kind != Refused || answer.Reason != "UNSUPPORTED" {
			t.Errorf("a stock node asks for a signature of %v: %+v", m, answer)
		}
	}
	var said struct {
		Cosigners []struct {
			AttestsOnly bool `json:"attests_only"`
		}
	}
	if err := r.Ask(t.Context(), &said, "status"); err != nil || len(said.Cosigners) != size {
		t.Fatal(said, err)
	}
	for _, c := range said.Cosigners {
		if !c.AttestsOnly {
			t.Errorf("status does not say that all attest only: %+v", said)
		}
	}
	for _, c := range r.Cosigners {
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
		m := free.Next()
		r.mustHold(Main, m, m)
		r.mustHold(Standby, Other(m), m)
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.ready()
		r.mustHold(Standby, Other(a), a)
	}
	for _, c := range r.Cosigners[1:] {
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var no *claim.RefusedError
	if _, err := r.gates[Main].Claim(ctx, a); err == nil || errors.As(err, &no) &&
		no.Reason == cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED {
		t.Errorf("with one cosigner of three: %v", err)
	}
}

// TestNoSharesForKeyless: where a node holds no key, a cosigner without a share does not start, and
// says what to do.
func TestNoSharesForKeyless(t *testing.T) {
	r := newStockRig(t)
	_ = r.Close()
	r.edit("stock = true", "stock = false")
	ctx, cancel := context.WithTimeout(t.Context(), answered)
	defer cancel()
	out := r.Command(ctx, "cosigner", "run", "--config", filepath.Join(r.Dir, "c1", "cosigner.toml"))
	for _, want := range []string{"no share is set here", Main, "stock = true", "keygen split"} {
		if out == nil || !strings.Contains(out.Error(), want) {
			t.Errorf("%v; want %q", out, want)
		}
	}
}
