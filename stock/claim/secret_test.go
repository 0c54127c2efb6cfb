package claim_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/stock/claim"
)

// wiretap is a socket before an agent's. It keeps what a gate sends.
type wiretap struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

func (w *wiretap) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent.Write(b)
}

// has reports whether any eight bytes in sequence of the signature were sent.
func (w *wiretap) has(s casper.Signature) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range len(s) - 7 {
		if bytes.Contains(w.sent.Bytes(), s[i:i+8]) {
			return true
		}
	}
	return false
}

// tap returns the path of a socket before that of the agent.
func (w *wiretap) tap(t *testing.T, agent string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tap.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("unix", agent)
			if err != nil {
				c.Close()
				return
			}
			go func() { io.Copy(c, to); c.Close() }()
			go func() { io.Copy(io.MultiWriter(w, to), c); to.Close() }()
		}
	}()
	return path
}

// TestClaimsTellNoSignature: no byte of a message's signature is sent with its claim, whatever
// comes of it, but of a message that was signed before anybody was asked.
func TestClaimsTellNoSignature(t *testing.T) {
	no := yes
	no.Value = false
	agent, w := &told{}, &wiretap{}
	path := filepath.Join(t.TempDir(), "agent.sock")
	t.Cleanup(listen(t, path, agent, &knowing{of: casper.Round{Era: yes.Era}}))
	client := dial(t, claim.Config{Socket: w.tap(t, path), Attesters: committee})
	own, _ := casper.BallotOf(yes)
	for i := range own.Signature {
		own.Signature[i] = byte(200 - i)
	}
	asks := func(a claim.Asker, says answer, within time.Duration) error {
		agent.tell(says)
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := a.Claim(ctx, own)
		if n, last := agent.heard(); n == 0 || last != casper.Message(yes) {
			t.Fatalf("asked %d times, for %v", n, last)
		}
		return err
	}
	asker := claim.Asker{Client: client}
	for name, says := range map[string]answer{"refused": refused(refusal.Passive),
		"held else": held(no, by(no, "c1", "c2")), "by nobody": {response: &cosignerv1.ClaimResponse{}}} {
		if err := asks(asker, says, 2*time.Second); err == nil || w.has(own.Signature) {
			t.Errorf("%s: error %v; the agent has the signature: %v", name, err, w.has(own.Signature))
		}
	}
	if err := asks(asker, granted(yes), time.Minute); err != nil || w.has(own.Signature) {
		t.Errorf("granted: error %v; the agent has the signature: %v", err, w.has(own.Signature))
	}
	asker.Old = true
	if err := asks(asker, granted(yes), time.Minute); err != nil || !w.has(own.Signature) {
		t.Errorf("of an old file: error %v; the agent has the signature: %v", err, w.has(own.Signature))
	}
}
