package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
	"casper-cosigner/stock/claim"
)

// tellingEra is the era of these tests, of which no block is there yet.
const tellingEra = 1

// teller is a stock node behind its gate. It votes in each round until that is refused, and again
// once it was started anew; its gate, and the watch of that, tell its agent.
type teller struct {
	l       *local
	name    string
	value   byte   // that it votes for
	file    string // its restarts by order, a line each
	metrics string // of its agent
	begun   time.Time

	mu    sync.Mutex // guards what follows
	down  bool       // its gate is
	sees  failover.GateSight
	word  failover.GateWord
	waits failover.Waits
	seen  int // restarts that it knows of
	voted int
	out   bool
}

// newTeller makes a node and the settings of its agent.
func newTeller(l *local, name string, value byte, begun time.Time) *teller {
	n := &teller{l: l, name: name, value: value, file: filepath.Join(l.path, name+"-restarts"), begun: begun,
		metrics: freeAddress(l.t), sees: failover.GateStands}
	server := httptest.NewServer(http.HandlerFunc(n.status))
	l.t.Cleanup(server.Close)
	l.writeAgent(name, func(f *daemon.AgentFile) {
		f.REST, f.Metrics = server.URL, n.metrics
		f.Restart = []string{"/bin/sh", "-c", "echo restarted >> " + n.file}
	})
	return n
}

// status is the node's: it validates, and the chain grows.
func (n *teller) status(w http.ResponseWriter, _ *http.Request) {
	up := time.Since(n.begun) + time.Hour
	if info, err := os.Stat(n.file); err == nil {
		up = time.Since(info.ModTime())
	}
	height := 100 + int(time.Since(n.begun)/time.Second)
	_ = json.NewEncoder(w).Encode(map[string]any{"build_version": "2.0.3", "api_version": "2.0.0",
		"reactor_state": "Validate", "uptime": fmt.Sprintf("%dms", up.Milliseconds()), "round_length": "2s",
		"our_public_signing_key": n.l.validator.String(),
		"available_block_range":  map[string]int{"low": 0, "high": height},
		"last_added_block_info":  map[string]int{"era_id": tellingEra - 1, "height": height}})
}

// restarts is how often it was restarted by order.
func (n *teller) restarts() int {
	text, _ := os.ReadFile(n.file)
	return strings.Count(string(text), "\n")
}

// run votes and tells until the test ends.
func (n *teller) run() {
	ctx, end := context.WithCancel(context.Background())
	gate := n.l.gate(n.name)
	var running sync.WaitGroup
	every := func(pause time.Duration, do func()) {
		running.Go(func() {
			for ctx.Err() == nil {
				do()
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
			}
		})
	}
	every(200*time.Millisecond, func() { n.tell(ctx, gate) })
	every(time.Duration(n.l.File.MinBlockTime), func() { n.vote(ctx, gate) })
	n.l.t.Cleanup(func() { end(); running.Wait() })
}

// vote asks for the message of the round that it is.
func (n *teller) vote(ctx context.Context, gate *claim.Client) {
	restarts := n.restarts()
	n.mu.Lock()
	if restarts > n.seen {
		n.seen, n.out = restarts, false
	}
	out := n.out
	n.mu.Unlock()
	if out {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	round := uint32(time.Since(n.begun) / time.Duration(n.l.File.MinBlockTime))
	_, err := gate.Claim(ctx, echo(tellingEra, round, n.value))
	switch {
	case err == nil:
		n.mu.Lock()
		defer n.mu.Unlock()
		n.voted++
		n.word.Voted, n.word.VotedEra = time.Now(), tellingEra
	case errors.As(err, new(*claim.RefusedError)), errors.As(err, new(*claim.HeldError)):
		n.refuse()
	}
}

// refuse has it out of the era.
func (n *teller) refuse() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.out, n.word.Refused, n.word.RefusedEra = true, time.Now(), tellingEra
}

// tell has the gate and the watch tell what they know.
func (n *teller) tell(ctx context.Context, gate *claim.Client) {
	n.mu.Lock()
	word, sees, down := n.word, n.sees, n.down
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _ = gate.Report(ctx, wire.GateSight(sees))
	if down {
		return
	}
	if r, err := gate.Report(ctx, wire.GateWord(word, time.Now())); err == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.waits = wire.ToldWaits(r, time.Now())
	}
}

// votes is how often it was granted a message.
func (n *teller) votes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.voted
}

// firstWait is how long its gate may wait for an era's first message.
func (n *teller) firstWait() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.waits.First
}

// set changes what its gate does.
func (n *teller) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// tellers starts a stock pair of which main votes, and the other one is out.
func tellers(t *testing.T) (l *local, a, b *teller) {
	t.Helper()
	l = newLocal(t, func(f *cluster.File) {
		stockPair(f)
		f.Failover.FailbackAfter = cluster.Duration(5 * time.Second)
	})
	begun := time.Now()
	a, b = newTeller(l, "node-a", 1, begun), newTeller(l, "node-b", 2, begun)
	l.start(all...)
	l.waitReady("cosigner-1")
	a.run()
	waitFor(t, "vote", func() bool { return a.votes() > 0 })
	b.run()
	l.waitCondition("node-b", failover.Out, "it signs blocks")
	return l, a, b
}

// waitCondition waits until the leader says that of the node.
func (l *local) waitCondition(name, code, why string) {
	l.t.Helper()
	waitFor(l.t, name+" that is "+code, func() bool {
		return slices.ContainsFunc(l.status(l.leader()).GetNodes(), func(n *cosignerv1.NodeStatus) bool {
			return n.GetName() == name && n.GetCondition() == code && strings.Contains(n.GetWhy(), why)
		})
	})
}

// TestRefusedIsRestarted: the gate of the active node refuses it a message, in an era that has
// messages of ours. The cosigners know by what the gate tells that it is out, and that enough of
// the era is left; they have it restarted, and it votes. The other node is left alone.
func TestRefusedIsRestarted(t *testing.T) {
	t.Parallel()
	l, a, b := tellers(t)
	if a.firstWait() != 8*time.Second || b.firstWait() != 250*time.Millisecond {
		t.Errorf("the gates wait %v and %v", a.firstWait(), b.firstWait())
	}
	a.refuse()
	l.waitCondition("node-a", failover.Out, "refused a message of its own in era 1")
	waitFor(t, "restart", func() bool { return a.restarts() > 0 })
	before := a.votes()
	waitFor(t, "vote after the restart", func() bool { return a.votes() > before })
	h, err := l.admin(l.leader()).History(t.Context(), &cosignerv1.HistoryRequest{})
	if err != nil {
		t.Fatal(err)
	}
	orders := slices.DeleteFunc(h.GetChanges(), func(c *cosignerv1.RoleChange) bool { return c.GetWhat() != "restart" })
	if len(orders) != 1 || orders[0].GetSubject() != "node-a" || orders[0].GetCause() != failover.RearmWorth {
		t.Errorf("the history has %v", orders)
	}
	if b.restarts() != 0 {
		t.Errorf("the other node was restarted %d times", b.restarts())
	}
}

// TestStockReturn: main's agent is away, and the other node is made active and votes. Once main is
// back it is out of the era, by what its gate tells; it becomes active again by itself, while the
// other one votes on. How long the gates wait follows.
func TestStockReturn(t *testing.T) {
	t.Parallel()
	l, a, b := tellers(t)
	_ = l.stop("node-a")
	a.refuse() // nobody grants anything
	waitFor(t, "failover", func() bool { return l.status(l.leader()).GetActive() == "node-b" })
	waitFor(t, "vote of the other node", func() bool { return b.votes() > 0 })
	l.start("node-a")
	waitFor(t, "change of how long gates wait", func() bool {
		return a.firstWait() == 250*time.Millisecond && b.firstWait() == 8*time.Second
	})
	l.waitCondition("node-a", failover.Out, "")
	waitFor(t, "return", func() bool { return l.status(l.leader()).GetActive() == "node-a" })
	before := b.votes()
	waitFor(t, "vote of who voted in this era", func() bool { return b.votes() > before })
	waitFor(t, "change of how long gates wait", func() bool {
		return a.firstWait() == 8*time.Second && b.firstWait() == 250*time.Millisecond
	})
	h, err := l.admin(l.leader()).History(t.Context(), &cosignerv1.HistoryRequest{})
	if err != nil {
		t.Fatal(err)
	}
	returned := func(c *cosignerv1.RoleChange) bool { return c.GetCause() == failover.Return }
	if !slices.ContainsFunc(h.GetChanges(), returned) {
		t.Errorf("the history has %v", h.GetChanges())
	}
}

// TestGateDownIsTold: a gate that is gone, and one that hangs, are seen in the status and in the
// agent's metrics; so is one that let something pass, until its node is started anew.
func TestGateDownIsTold(t *testing.T) {
	t.Parallel()
	l, _, b := tellers(t)
	l.waitCount(b.metrics, `casper_cosigner_gate_up{node="node-b"}`, 1)
	b.set(func() { b.down, b.sees = true, failover.GateHangs })
	l.waitCondition("node-b", failover.GateDown, "it does not answer its watch")
	l.waitNone(b.metrics, `casper_cosigner_gate_up{node="node-b"}`)
	b.set(func() { b.sees = failover.GateGone })
	l.waitCondition("node-b", failover.GateDown, "none stands")
	b.set(func() { b.sees = failover.GatePasses })
	l.waitCondition("node-b", failover.GatePassed, "let pass what it must refuse")
	b.set(func() { b.down, b.sees = false, failover.GateStands })
	l.waitCount(b.metrics, `casper_cosigner_gate_up{node="node-b"}`, 1)
	l.waitCount(b.metrics, `casper_cosigner_gate_passed{node="node-b"}`, 1)
	if err := os.WriteFile(b.file, nil, 0o600); err != nil { // it is started by hand
		t.Fatal(err)
	}
	l.waitNone(b.metrics, `casper_cosigner_gate_passed{node="node-b"}`)
}

// waitNone waits until the metric is 0.
func (l *local) waitNone(address, metric string) {
	l.t.Helper()
	waitFor(l.t, metric+" of 0", func() bool { return strings.Contains(l.metrics(address), "\n"+metric+" 0\n") })
}
