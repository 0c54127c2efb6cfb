package daemon_test

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

// keepKey marks node-b as stock, with its key at the cosigners.
func keepKey(f *cluster.File) {
	stockNodes("node-b")(f)
	for i := range f.Nodes {
		if f.Nodes[i].Name == "node-b" {
			f.Nodes[i].Custody = "cosigners"
		}
	}
}

// key is what the gate of a node gets.
func (l *local) key(node string, patience time.Duration) ([]byte, error) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	return daemon.CustodyKey(ctx, l.File, l.gate(node))
}

func (l *local) mustGetKey(node string) {
	l.t.Helper()
	text, err := l.key(node, patience)
	if err != nil {
		l.t.Fatal(err)
	}
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		l.t.Fatal(err)
	}
	if own := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey); casper.PublicKey(own) != l.File.Validator {
		l.t.Error("it is not the validator's key")
	}
}

// TestCustody: a node whose key the cosigners keep gets it at each start, by way of its agent, also
// with one of them gone; each records what it gave; a node that is not marked gets nothing.
func TestCustody(t *testing.T) {
	t.Parallel()
	l := newLocal(t, keepKey)
	l.start(all...)
	l.mustSign(l.node("node-a"), echo(1, 0, 1)) // once it is founded
	l.mustGetKey("node-b")
	l.mustGetKey("node-b")
	leader := l.leader()
	_ = l.stop(leader)
	l.mustGetKey("node-b")
	if text, err := l.key("node-a", 2*time.Second); err == nil {
		t.Errorf("a node that is not marked gets %d bytes", len(text))
	}
	recorded := 0
	for _, c := range l.File.Cosigners {
		text, err := os.ReadFile(filepath.Join(l.path, c.Name, "state", "custody.json"))
		if err == nil && strings.Contains(string(text), "node-b") && !strings.Contains(string(text), "node-a") {
			recorded++
		}
	}
	if recorded < l.File.Threshold {
		t.Errorf("%d cosigners recorded it", recorded)
	}
}

// TestCustodyWaits: a gate gets the key from an agent that is started again meanwhile; and of a
// suspended node it learns why it gets none.
func TestCustodyWaits(t *testing.T) {
	t.Parallel()
	l := newLocal(t, keepKey)
	l.start(all...)
	l.mustSign(l.node("node-a"), echo(1, 0, 1)) // once it is founded
	_ = l.stop("node-b")
	got := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := daemon.CustodyKey(ctx, l.File, l.gate("node-b"))
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("without an agent: %v", err)
	case <-time.After(time.Second):
	}
	l.start("node-b")
	if err := <-got; err != nil {
		t.Fatalf("from an agent that came back: %v", err)
	}
	_, err := l.admin(l.leader()).Suspend(t.Context(), &cosignerv1.SuspendRequest{Node: "node-b", Suspended: true,
		Reason: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.key("node-b", 10*time.Second); err == nil || !strings.Contains(err.Error(), "suspended this node") {
		t.Errorf("of a suspended node: %v", err)
	}
}

// TestCustodyDamaged: a cosigner that cannot read what it gave gives nothing, and does all else.
func TestCustodyDamaged(t *testing.T) {
	t.Parallel()
	l := newLocal(t, keepKey)
	damaged, third := l.File.Cosigners[0].Name, l.File.Cosigners[2].Name
	file := filepath.Join(l.path, damaged, "state", "custody.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.start(all...)
	l.mustSign(l.node("node-a"), echo(1, 0, 1))
	l.mustGetKey("node-b")
	_ = l.stop(third)
	l.mustSign(l.node("node-a"), echo(1, 1, 1))
	_, err := l.key("node-b", 10*time.Second)
	if err == nil || !strings.Contains(err.Error(), "cannot read what it gave") {
		t.Errorf("with the one that is damaged: %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "{" {
		t.Errorf("the file is %q, %v", text, err)
	}
}
