package daemon_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// quickPings makes agents ping ten times a second.
func quickPings(f *cluster.File) {
	f.Failover.PingInterval, f.Failover.PingTimeout = cluster.Duration(100*time.Millisecond),
		cluster.Duration(100*time.Millisecond)
}

// TestAgentsPing: agents ping each other over mTLS and answer nobody else; pings that nobody
// answers are counted.
func TestAgentsPing(t *testing.T) {
	t.Parallel()
	l := newLocal(t, quickPings)
	metrics := freeAddress(t)
	l.writeAgent("node-a", func(f *daemon.AgentFile) { f.Metrics = metrics })
	l.start("node-a", "node-b")
	l.waitMetric(metrics, `casper_cosigner_ping_rtt_seconds_count{node="node-a",peer="node-b"}`)
	l.waitMetric(metrics, `casper_cosigner_pings_lost_total{node="node-a",peer="cosigner-3"}`)

	entry, _ := l.File.Node("node-a")
	stranger := clustertest.New(t, l.validator, nil)
	for name, c := range map[string]struct {
		certificate tls.Certificate
		server      string
		want        codes.Code
	}{
		"the other agent":            {l.Certificates["node-b"], "node-a", codes.OK},
		"a cosigner":                 {l.Certificates["cosigner-1"], "node-a", codes.Unavailable},
		"an operator":                {l.Certificates["ops"], "node-a", codes.Unavailable},
		"another cluster's agent":    {stranger.Certificates["node-b"], "node-a", codes.Unavailable},
		"nobody":                     {tls.Certificate{}, "node-a", codes.Unavailable},
		"one that wants another one": {l.Certificates["node-b"], "cosigner-1", codes.Unavailable},
	} {
		r, err := l.ping(c.certificate, c.server, entry.Address)
		if status.Code(err) != c.want || (r.GetHealth() != nil) != (c.want == codes.OK) || r.GetRoles() != nil {
			t.Errorf("%s: got %v, %v; want %v", name, r, err, c.want)
		}
	}
}

// TestAgentLearnsLeader: an agent knows who leads before its node has asked for anything, and who
// leads next.
func TestAgentLearnsLeader(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	metrics := freeAddress(t)
	l.writeAgent("node-a", func(f *daemon.AgentFile) { f.Metrics = metrics })
	l.start("cosigner-1", "cosigner-2", "cosigner-3", "node-a")
	known := func() (leader string) {
		deadline := time.Now().Add(patience)
		for {
			leader = l.leader() // it may change at any time on a busy machine
			if metricAboveZero(metrics, fmt.Sprintf("casper_cosigner_agent_leader{cosigner=%q,node=%q}", leader, "node-a")) {
				return leader
			}
			if time.Now().After(deadline) {
				t.Fatalf("the agent does not know that %s leads", leader)
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	first := known()
	_ = l.stop(first)
	if known() == first {
		t.Errorf("%s leads still", first)
	}
}

// ping pings whoever is at the address once. A connection that did not come about in time on a busy
// machine is tried again.
func (l *local) ping(own tls.Certificate, server, address string) (*cosignerv1.PingResponse, error) {
	l.t.Helper()
	conn, err := l.File.Dial(own, server, address)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	for {
		r, err := cosignerv1.NewPingServiceClient(conn).Ping(ctx, &cosignerv1.PingRequest{})
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
			return r, err
		}
	}
}

// TestPingPeerHangs: an agent whose peer takes connections and says nothing signs as ever.
func TestPingPeerHangs(t *testing.T) {
	t.Parallel()
	hung, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts: the system does, and that is all
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	l := newLocal(t, func(f *cluster.File) {
		quickPings(f)
		f.Nodes[1].Address = hung.Addr().String()
	})
	metrics := freeAddress(t)
	l.writeAgent("node-a", func(f *daemon.AgentFile) { f.Metrics = metrics })
	l.start("cosigner-1", "cosigner-2", "cosigner-3", "node-a")
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	l.waitMetric(metrics, `casper_cosigner_pings_lost_total{node="node-a",peer="node-b"}`)
	l.waitMetric(metrics, `casper_cosigner_last_signing_request_timestamp_seconds{node="node-a"}`)
	for round := range uint32(20) {
		if !l.signsWithin(a, echo(1, 1+round, 1), 10*time.Second) {
			t.Fatalf("round %d was not signed within 10 s", 1+round)
		}
	}
}

// TestPingPort: an agent does not start without its ping port, and says which one. `listen` goes
// before the cluster file.
func TestPingPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	l := newLocal(t, func(f *cluster.File) { f.Nodes[0].Address = taken.Addr().String() })
	l.start("node-a")
	<-l.running["node-a"].ended
	if err := l.running["node-a"].err; err == nil || !strings.Contains(err.Error(), taken.Addr().String()) ||
		!strings.Contains(err.Error(), "listen") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(l.path, "node-a", "signer.sock")); err == nil {
		t.Error("it left a socket that nobody serves")
	}
	address, metrics := freeAddress(t), freeAddress(t)
	l.writeAgent("node-a", func(f *daemon.AgentFile) { f.Listen, f.Metrics = address, metrics })
	l.start("node-a")
	l.waitMetric(metrics, `casper_cosigner_pings_lost_total{node="node-a",peer="node-b"}`)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// TestNotANode: a member of another role runs no agent.
func TestNotANode(t *testing.T) {
	l := newLocal(t, nil)
	l.writeAgent("cosigner-1", nil)
	f, err := daemon.ReadAgentFile(filepath.Join(l.path, "cosigner-1", "agent.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.RunAgent(t.Context(), f, daemon.Options{Now: time.Now}); err == nil || !strings.Contains(err.Error(),
		"not a node") {
		t.Errorf("got %v", err)
	}
}

// TestAgentFile: every faulty setting is named, and good ones are taken.
func TestAgentFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.toml")
	read := func(more string) error {
		text := "name = 'a'\ncluster = 'c'\ncertificate = 'c'\nkey = 'k'\nsocket = 's'\n" + more
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := daemon.ReadAgentFile(path)
		return err
	}
	for _, good := range []string{"", "http://127.0.0.1:8888", "http://node.example:8888/", "http://[::1]:8888",
		"http://node"} {
		if err := read(fmt.Sprintf("rest = %q\nevents = %q\nkey_files = ['/etc/casper/validator_keys/*.pem', 'x']\n",
			good, good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"127.0.0.1:8888", "https://node:8888", "http://", "http://:8888",
		"http://node:8888/status", "http://node:8888//",
		"http://node:8888?x", "http://node:8888/#x", "http://user@node:8888", "node:8888", "/run/node.sock",
		"http://node:port"} {
		err := read(fmt.Sprintf("rest = %q\nevents = %q\nkey_files = ['[']\n", bad, bad))
		for _, want := range []string{"rest: ", "events: ", "key_files: "} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got %v, want %q in it", bad, err, want)
			}
		}
	}
}

// waitMetric waits until the metric at the address is there and above zero.
func (l *local) waitMetric(address, series string) {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	for !metricAboveZero(address, series) {
		if time.Now().After(deadline) {
			l.t.Fatalf("no %s in time", series)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func metricAboveZero(address, series string) bool {
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return false
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value) != "0"
		}
	}
	return false
}
