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
	"casper-cosigner/stock/claim"
)

// TestRefusingLeader: one of four cosigners refuses each claim of a stock node, falsely, and for a
// reason that never passes. While it leads nothing is granted, since the others cannot unseat it.
// Once it leads no more, a message that was waiting all the while is granted.
func TestRefusingLeader(t *testing.T) {
	s := fast()
	s.Stock, s.Hot, s.Cosigners, s.Threshold = []string{Main, Standby}, true, 4, 3
	r := &rig{t: t, witness: newWitness(t)}
	r.make(s)
	t.Cleanup(r.close)
	liar := r.Cosigners[0]
	path := filepath.Join(r.Dir, liar.Name, "cluster.toml")
	text, err := os.ReadFile(path)
	if err == nil { // by its own file no node is stock, so none may claim
		err = os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "stock = true", "stock = false")), 0o600)
	}
	if err == nil {
		err = r.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	for leader := r.ready(); leader != liar; leader = r.ready() {
		if err := errors.Join(leader.Kill(), leader.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	gate, err := r.Claims(Main)
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	m := freeRounds(3).Next()
	brief, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var no *claim.RefusedError
	if _, err := gate.Claim(brief, m); !errors.As(err, &no) ||
		no.Reason != cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED {
		t.Errorf("while it leads: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), answered)
	defer cancel()
	granted := make(chan error, 1)
	go func() {
		_, err := gate.Claim(ctx, m)
		granted <- err
	}()
	select {
	case err := <-granted:
		t.Errorf("it did not wait: %v", err)
	case <-time.After(time.Second):
		if err := liar.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := <-granted; err != nil {
			t.Errorf("another one leads: %v", err)
		}
	}
}
