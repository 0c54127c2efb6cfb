package daemon_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/wire"
)

// quickFailover has a node failed over within two seconds. Rounds and pings are slow enough for
// a busy machine.
func quickFailover(f *cluster.File) {
	f.MinBlockTime = cluster.Duration(time.Second)
	f.Failover.PingInterval, f.Failover.PingTimeout = cluster.Duration(200*time.Millisecond),
		cluster.Duration(200*time.Millisecond)
	f.Failover.After, f.Failover.FailbackAfter = cluster.Duration(2*time.Second), cluster.Duration(2*time.Second)
}

// writeCosigner writes a cosigner's settings, which edit may change.
func (l *local) writeCosigner(name string, edit func(*daemon.CosignerFile)) {
	l.t.Helper()
	f := daemon.CosignerFile{Name: name, Cluster: "cluster.toml", Certificate: "tls.crt", Key: "tls.key", State: "state",
		Share: "share.age", ShareIdentity: "share.identity"}
	edit(&f)
	l.write(name, "cosigner.toml", f)
}

// nodes ask for rounds, one every 100 ms, until stopped. alive says which of them live.
func (l *local) nodes(alive func(node string) bool) (stop func()) {
	end := make(chan struct{})
	var running sync.WaitGroup
	for _, name := range []string{"node-a", "node-b"} {
		client := l.node(name)
		running.Go(func() {
			for round := uint32(0); ; round++ {
				if alive(name) {
					_, _ = client.Sign(l.t.Context(), wire.Request(echo(1, round, 1)))
				}
				select {
				case <-time.After(100 * time.Millisecond):
				case <-end:
					return
				}
			}
		})
	}
	return func() { close(end); running.Wait() }
}

// waitActive waits until the node is the active one, and returns what the leader says then.
func (l *local) waitActive(name string) *cosignerv1.StatusResponse {
	l.t.Helper()
	var s *cosignerv1.StatusResponse
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		if s = l.status(l.leader()); s.GetActive() == name {
			return s
		}
	}
	l.t.Fatalf("%s is not active in time: %v", name, s)
	return nil
}

// TestFailover: the agent of main dies, and the standby becomes active; main comes back, and is
// active again. Whoever leads tells why, counts it, and its hook is told of both.
func TestFailover(t *testing.T) {
	t.Parallel()
	l := newLocal(t, quickFailover)
	told, metrics := filepath.Join(l.path, "told"), freeAddress(t)
	l.writeCosigner("cosigner-1", func(f *daemon.CosignerFile) {
		f.Metrics, f.Hook = metrics, []string{"/bin/sh", "-c", "cat >> " + told}
	})
	var mu sync.Mutex
	dead := false
	l.start(all...)
	l.waitReady("cosigner-1")
	for _, node := range []string{"node-a", "node-b"} { // its agent has heard how far the log is
		l.mustSign(l.node(node), echo(1, 0, 1))
	}
	stop := l.nodes(func(node string) bool {
		mu.Lock()
		defer mu.Unlock()
		return node == "node-b" || !dead
	})
	defer stop()
	l.waitMetric(metrics, `casper_cosigner_node_ready{node="node-b"}`)
	if s := l.status(l.leader()); s.GetActive() != "node-a" || s.GetEpoch() != 0 {
		t.Fatalf("before anything failed: %v", s)
	}

	mu.Lock()
	dead = true
	mu.Unlock()
	if err := l.stop("node-a"); err != nil {
		t.Error(err)
	}
	stopped := time.Now()
	s := l.waitActive("node-b")
	if s.GetCause() != "silent" || s.GetEpoch() != 1 {
		t.Errorf("got cause %q (%s), epoch %d", s.GetCause(), s.GetReason(), s.GetEpoch())
	}
	t.Logf("failed over %v after the agent was stopped", time.Since(stopped))
	l.waitMetric(metrics, `casper_cosigner_failovers_total{cause="silent"}`)
	l.waitMetric(metrics, `casper_cosigner_active_node{node="node-b"}`)
	l.waitMetric(metrics, `casper_cosigner_node_condition{code="silent",node="node-a"}`)
	_, err := l.admin(l.leader()).Activate(t.Context(), &cosignerv1.ActivateRequest{Node: "node-a", Epoch: 1})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a dead node was promoted: %v", err)
	}

	l.start("node-a")
	mu.Lock()
	dead = false
	mu.Unlock()
	if s := l.waitActive("node-a"); s.GetCause() != "return" || s.GetEpoch() != 2 {
		t.Errorf("got cause %q (%s), epoch %d", s.GetCause(), s.GetReason(), s.GetEpoch())
	}
	l.waitTold(told, 2)
	for i, c := range l.told(told) {
		want := []string{"activate node-b silent node-b", "activate node-a return node-a"}[i]
		if got := fmt.Sprintf("%v %v %v %v", c["what"], c["subject"], c["cause"], c["active"]); got != want ||
			c["epoch"] != float64(i+1) {
			t.Errorf("got %v, want %s", c, want)
		}
	}
	var h *cosignerv1.HistoryResponse // a follower applies after the leader
	for deadline := time.Now().Add(patience); len(h.GetChanges()) < 2; <-time.After(50 * time.Millisecond) {
		if h, err = l.admin("cosigner-2").History(t.Context(), &cosignerv1.HistoryRequest{}); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %v, want two changes", h)
		}
	}
	if len(h.GetChanges()) != 2 {
		t.Errorf("got %v, want two changes", h)
	}
}

// TestHookAfterRestart: a cosigner that is started again does not tell of what it has told, or
// missed, before.
func TestHookAfterRestart(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	told := filepath.Join(l.path, "told")
	l.writeCosigner("cosigner-1", func(f *daemon.CosignerFile) { f.Hook = []string{"/bin/sh", "-c", "cat >> " + told} })
	l.start(all[:3]...)
	epoch := uint64(0)
	hold := func() {
		t.Helper()
		for deadline := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
			_, err := l.admin(l.leader()).Hold(t.Context(), &cosignerv1.HoldRequest{Reason: "test", Epoch: epoch})
			if err == nil {
				epoch++
				return
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			epoch = l.status(l.leader()).GetEpoch() // done, perhaps, and the answer lost with the lead
		}
	}
	holdUntilTold := func(n int) {
		t.Helper()
		for tries := 0; len(l.told(told)) < n; tries++ { // those before it has caught up are no news to it
			if tries == 20 {
				t.Fatalf("%d changes, and the hook was told %v", tries, l.told(told))
			}
			hold()
			<-time.After(300 * time.Millisecond)
		}
	}
	holdUntilTold(1)
	if err := l.stop("cosigner-1"); err != nil {
		t.Error(err)
	}
	before := len(l.told(told))
	hold() // while it is down
	missed := float64(epoch)
	l.start("cosigner-1")
	l.waitReady("cosigner-1")
	holdUntilTold(before + 1)
	for i, c := range l.told(told) {
		if i >= before && c["epoch"].(float64) <= missed {
			t.Errorf("told of %v, which was before it was started", c)
		}
	}
}

// TestFailoverMetrics: every figure of roles and nodes is there before a node was ever heard, and
// for every node.
func TestFailoverMetrics(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	address := freeAddress(t)
	l.writeCosigner("cosigner-1", func(f *daemon.CosignerFile) { f.Metrics = address })
	l.start(all[:3]...)
	l.waitMetric(address, `casper_cosigner_mode{mode="hot"}`)
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`mode{mode="fenced"} 0`, `hold 0`, `epoch 0`, `active_node{node="node-a"} 1`,
		`active_node{node="node-b"} 0`,
		`node_ready{node="node-a"} 0`, `node_height{node="node-a"} 0`, `node_lag_rounds{node="node-b"} `,
		`node_leftover_key{node="node-a"} 0`, `node_fault{node="node-b"} 0`,
		`node_undrilled{node="node-b"} 0`, `node_unknown_instance{node="node-b"} 0`} {
		if !strings.Contains(string(text), "\ncasper_cosigner_"+want) {
			t.Errorf("no %s", want)
		}
	}
}

// told returns the changes that a hook has written down.
func (l *local) told(path string) (changes []map[string]any) {
	b, _ := os.ReadFile(path)
	for line := range strings.Lines(string(b)) {
		var c map[string]any
		if json.Unmarshal([]byte(line), &c) == nil {
			changes = append(changes, c)
		}
	}
	return changes
}

func (l *local) waitTold(path string, n int) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); len(l.told(path)) < n; <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("the hook was told %v, want %d changes", l.told(path), n)
		}
	}
}

// TestHookSetting: a hook is a program that can be run, by path or by name, or one URL.
func TestHookSetting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cosigner.toml")
	read := func(hook string) (*daemon.CosignerFile, error) {
		text := "name = 'a'\ncluster = 'c'\ncertificate = 'c'\nkey = 'k'\nstate = 's'\nshare = 's'\nshare_identity = 'i'\n" +
			hook
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return daemon.ReadCosignerFile(path)
	}
	script := filepath.Join(filepath.Dir(path), "tell")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for hook, want := range map[string][]string{
		"":                                 nil,
		"hook = ['/bin/sh', '-c', 'true']": {"/bin/sh", "-c", "true"},
		"hook = ['./tell', 'ops']":         {script, "ops"},
		"hook = ['sh']":                    {"sh"},
		"hook = ['https://example.com/failover']": {"https://example.com/failover"},
	} {
		if f, err := read(hook); err != nil || !slices.Equal(f.HookTarget(), want) {
			t.Errorf("%s: got %v, %v; want %v", hook, f.HookTarget(), err, want)
		}
	}
	for _, hook := range []string{"hook = ['']", "hook = ['./absent']", "hook = ['no-such-program']",
		"hook = ['ftp://example.com']", "hook = ['https://example.com', 'more']"} {
		if _, err := read(hook); err == nil || !strings.Contains(err.Error(), "hook: ") {
			t.Errorf("%s: got %v", hook, err)
		}
	}
}
