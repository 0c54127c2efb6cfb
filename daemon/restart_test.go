package daemon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// stockPair makes both nodes stock. Rounds and pings are slow enough for a busy machine.
func stockPair(f *cluster.File) {
	f.MinBlockTime, f.MinEraTime = cluster.Duration(2*time.Second), cluster.Duration(time.Hour)
	f.Failover.PingInterval, f.Failover.PingTimeout = cluster.Duration(time.Second), cluster.Duration(time.Second)
	f.Failover.After = cluster.Duration(5 * time.Second)
	for i := range f.Nodes {
		f.Nodes[i].Stock = true
	}
}

// mute is a stock node that validates and casts no vote, as one that could not read its unit file.
// What restarts it leaves a line in a file.
type mute struct {
	file   string // that its command writes to
	status *httptest.Server
}

func newMute(t *testing.T, key casper.PublicKey, file string) *mute {
	begun := time.Now()
	m := &mute{file: file}
	m.status = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		up := time.Since(begun) + time.Hour
		if info, err := os.Stat(file); err == nil {
			up = time.Since(info.ModTime())
		}
		height := 100 + int(time.Since(begun)/time.Second)
		_ = json.NewEncoder(w).Encode(map[string]any{"build_version": "2.0.3", "api_version": "2.0.0",
			"reactor_state": "Validate", "uptime": fmt.Sprintf("%ds", int(up.Seconds())), "round_length": "2s",
			"our_public_signing_key": key.String(),
			"available_block_range":  map[string]int{"low": 0, "high": height},
			"last_added_block_info":  map[string]int{"era_id": 1, "height": height}})
	}))
	t.Cleanup(m.status.Close)
	return m
}

// restarts is how often it was restarted.
func (m *mute) restarts(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(m.file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

// mutePair is a stock pair whose main is mute.
func mutePair(t *testing.T, edit func(*cluster.File)) (*local, *mute) {
	t.Helper()
	l := newLocal(t, func(f *cluster.File) { stockPair(f); edit(f) })
	m := newMute(t, l.validator, filepath.Join(l.path, "restarts"))
	l.writeAgent("node-a", func(f *daemon.AgentFile) {
		f.REST, f.Restart = m.status.URL, []string{"/bin/sh", "-c", "echo restarted >> " + m.file}
	})
	return l, m
}

// waitFor waits for what must come.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !is(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in three minutes there was no %s", what)
		}
	}
}

// TestRestartByOrder: our validator has no message in an era, and its active node asks for nothing.
// The cosigners order a restart, whose reason is in the history; the agent obeys once, whoever
// starts again, its own process or the cosigners' leader.
func TestRestartByOrder(t *testing.T) {
	t.Parallel()
	l, node := mutePair(t, func(*cluster.File) {})
	l.start(all...)
	l.waitReady("cosigner-1")
	waitFor(t, "restart", func() bool { return node.restarts(t) > 0 })
	leader := l.leader()
	h, err := l.admin(leader).History(t.Context(), &cosignerv1.HistoryRequest{})
	if err != nil {
		t.Fatal(err)
	}
	orders := slices.DeleteFunc(h.GetChanges(), func(c *cosignerv1.RoleChange) bool { return c.GetWhat() != "restart" })
	if len(orders) != 1 || orders[0].GetSubject() != "node-a" || orders[0].GetEra() != 1 ||
		orders[0].GetCause() != failover.RearmSilent || !strings.Contains(orders[0].GetReason(), "no message in era 1") {
		t.Errorf("the history has %v", orders)
	}
	_ = l.stop("node-a")
	_ = l.stop(leader)
	metrics := freeAddress(t)
	l.writeAgent("node-a", func(f *daemon.AgentFile) {
		f.REST, f.Metrics = node.status.URL, metrics
		f.Restart = []string{"/bin/sh", "-c", "echo again >> " + node.file}
	})
	l.start("node-a")
	for _, c := range l.File.Cosigners {
		if c.Name != leader {
			l.waitCount(metrics, `casper_cosigner_ping_rtt_seconds_count{node="node-a",peer="`+c.Name+`"}`, 5)
		}
	}
	if n := node.restarts(t); n != 1 {
		t.Errorf("the node was restarted %d times by one order", n)
	}
}

// waitCount waits until the metric is so high.
func (l *local) waitCount(address, metric string, least int) {
	l.t.Helper()
	waitFor(l.t, fmt.Sprintf("%s of %d", metric, least), func() bool {
		for line := range strings.Lines(l.metrics(address)) {
			var n int
			if value, ok := strings.CutPrefix(line, metric+" "); ok {
				if _, err := fmt.Sscan(value, &n); err == nil && n >= least {
					return true
				}
			}
		}
		return false
	})
}

// metrics returns all that is served, empty if nothing is yet.
func (l *local) metrics(address string) string {
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	return string(text)
}

// liar answers pings with restarts that nobody ordered.
type liar struct {
	cosignerv1.UnimplementedPingServiceServer
	pings atomic.Uint64
}

func (l *liar) Ping(context.Context, *cosignerv1.PingRequest) (*cosignerv1.PingResponse, error) {
	return &cosignerv1.PingResponse{Restart: &cosignerv1.RestartOrder{Epoch: 1000 + l.pings.Add(1), Era: 1,
		Cause: failover.RearmSilent, Why: "because I say so"}}, nil
}

// TestRestartByOneWord: one compromised cosigner restarts no node, however often it says that the
// log wants that.
func TestRestartByOneWord(t *testing.T) {
	t.Parallel()
	l, node := mutePair(t, func(f *cluster.File) { f.Failover.Rearm = "manual" })
	l.start(all...)
	l.waitReady("cosigner-1")
	_ = l.stop("cosigner-3")
	entry, _ := l.File.Cosigner("cosigner-3")
	listener, err := net.Listen("tcp", entry.Address)
	if err != nil {
		t.Fatal(err)
	}
	server := l.File.NewServer(l.Certificates["cosigner-3"],
		cluster.Access{cosignerv1.PingService_Ping_FullMethodName: {cluster.Node}})
	lies := &liar{}
	cosignerv1.RegisterPingServiceServer(server, lies)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	waitFor(t, "lie", func() bool { return lies.pings.Load() >= 10 })
	if n := node.restarts(t); n != 0 {
		t.Errorf("the node was restarted %d times by one cosigner's word", n)
	}
}
