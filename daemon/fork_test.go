package daemon_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

// eventsOf serves a node's events: that it has this finality signature of ours.
func (l *local) eventsOf(height uint64, value byte) string {
	m := block(height, value)
	signature := casper.Signature(ed25519.Sign(ed25519.NewKeyFromSeed(l.seed[:]), m.SignBytes()))
	text, err := json.Marshal(map[string]any{"FinalitySignature": map[string]any{"V2": map[string]any{
		"block_hash": m.Block, "block_height": m.Height, "era_id": m.Era, "chain_name_hash": m.ChainName,
		"signature": signature, "public_key": l.validator}}})
	if err != nil {
		l.t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data:{\"ApiVersion\":\"2.0.0\"}\n\ndata:%s\nid:1\n\n", text)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	l.t.Cleanup(server.Close)
	return server.URL
}

// TestTwoBlocks: the nodes of a stock pair sign two blocks at one height, as on two sides of a
// fork, and each agent hears of one. Roles are held until an operator resumes, and every cosigner
// keeps both signatures.
func TestTwoBlocks(t *testing.T) {
	t.Parallel()
	l := newLocal(t, stockPair)
	for i, node := range []string{"node-a", "node-b"} {
		events := l.eventsOf(77, byte(1+i))
		l.writeAgent(node, func(f *daemon.AgentFile) { f.Events = events })
	}
	l.start(all...)
	t.Cleanup(l.stopAll) // before the servers, which wait for their streams
	l.waitReady("cosigner-1")
	var s *cosignerv1.StatusResponse
	waitFor(t, "hold", func() bool {
		s = l.status(l.leader())
		return s.GetHoldUntil() != nil
	})
	if !strings.Contains(s.GetReason(), "two blocks at height 77") {
		t.Errorf("roles are held because %q", s.GetReason())
	}
	for _, c := range l.File.Cosigners {
		waitFor(t, "evidence at "+c.Name, func() bool {
			text, err := os.ReadFile(filepath.Join(l.path, c.Name, "state", "two-blocks-77.json"))
			return err == nil && strings.Contains(string(text), block(77, 1).Block.String()) &&
				strings.Contains(string(text), block(77, 2).Block.String())
		})
	}
	waitFor(t, "end of the hold", func() bool {
		_, err := l.admin(l.leader()).Resume(t.Context(), &cosignerv1.ResumeRequest{Epoch: l.status(l.leader()).GetEpoch(),
			Reason: "we know"})
		return err == nil
	})
	_ = l.stop("node-a") // its agent tells anew of what is known
	l.start("node-a")
	waitFor(t, "ping", func() bool {
		for _, n := range l.status(l.leader()).GetNodes() {
			if n.GetName() == "node-a" && len(n.GetHealth().GetFinals()) > 0 {
				return true
			}
		}
		return false
	})
	if s := l.status(l.leader()); s.GetHoldUntil() != nil {
		t.Errorf("roles are held again: %s", s.GetReason())
	}
}
