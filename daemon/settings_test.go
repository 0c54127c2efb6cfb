package daemon

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/agent/health"
	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/pulse"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// unusual is a cluster file in which no setting of failover has its default.
func unusual(t *testing.T) *clustertest.Cluster {
	t.Helper()
	return clustertest.New(t, casper.PublicKey{7}, func(f *cluster.File) {
		f.MinBlockTime, f.Main, f.Threshold = cluster.Duration(3*time.Second), "node-b", 3
		f.MinEraTime, f.Grace = cluster.Duration(time.Hour), cluster.Duration(70*time.Millisecond)
		f.Failover = cluster.Failover{Policy: "confirm", Return: "manual",
			PingInterval: cluster.Duration(700 * time.Millisecond), PingTimeout: cluster.Duration(300 * time.Millisecond),
			After: cluster.Duration(4 * time.Second), FailbackAfter: cluster.Duration(time.Minute),
			Standby: "hot", Rearm: "manual"}
		f.Nodes[0].Stock = true
	})
}

// TestFailoverSettings: each setting of the cluster file is the one that the judge goes by.
func TestFailoverSettings(t *testing.T) {
	c := unusual(t)
	if c.File.Failover == cluster.DefaultFailover() {
		t.Fatal("these are the defaults")
	}
	want := failover.Settings{Main: "node-b", Validator: casper.PublicKey{7}.String(), Nodes: []string{"node-a",
		"node-b"}, Threshold: 3,
		Round: 3 * time.Second, PingInterval: 700 * time.Millisecond, After: 4 * time.Second, FailbackAfter: time.Minute,
		Failover: failover.Confirm, Failback: failover.Manual, Stock: []string{"node-a"}, Era: time.Hour,
		Rearm: failover.Manual}
	if got := failoverSettings(c.File); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	p := &process{self: Host{Cluster: c.File, Name: "cosigner-1"}}
	if m := monitorConfig(p, nil); m.Timeout != 300*time.Millisecond || !reflect.DeepEqual(m.Settings, want) {
		t.Errorf("the monitor waits %v for an answer, and goes by %+v", m.Timeout, m.Settings)
	}
}

// TestPassive: stock nodes are passive, unless the file lets all vote.
func TestPassive(t *testing.T) {
	for standby, want := range map[string][]string{"": {"node-a"}, "passive": {"node-a"}, "hot": nil} {
		c := clustertest.New(t, casper.PublicKey{7}, func(f *cluster.File) {
			f.Nodes[0].Stock, f.Failover.Standby = true, standby
		})
		v := &validator{process: &process{self: Host{Cluster: c.File, Name: "cosigner-1"}}, verifier: c.File.Verifier()}
		if got := v.signerConfig().Passive; !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v are passive", standby, got)
		}
	}
}

// TestSignerSettings: each setting of the cluster file is the one that requests are decided by.
func TestSignerSettings(t *testing.T) {
	c := unusual(t)
	v := &validator{process: &process{self: Host{Cluster: c.File, Name: "cosigner-1"}}, verifier: c.File.Verifier()}
	s := v.signerConfig()
	if s.Chain != clustertest.Chain || s.Validator != (casper.PublicKey{7}) || s.EraTime != time.Hour ||
		s.BlockTime != 3*time.Second || s.Grace != 70*time.Millisecond {
		t.Errorf("chain %q, validator %v, eras of %v, blocks of %v, grace %v", s.Chain, s.Validator, s.EraTime, s.BlockTime,
			s.Grace)
	}
	request := func(node string) [64]byte { return c.Request(t, node, casper.Vote{}) }
	if s.VerifyRequest("node-a", casper.Vote{}, 0, request("node-a")) != nil ||
		s.VerifyRequest("node-a", casper.Vote{}, 0, request("node-b")) == nil {
		t.Error("who signed a request is not what the cluster file says")
	}
	point := casper.TLSPoint{2}
	registration := func(node string) [64]byte { return c.File.SignRegistration(c.Keys[node], node, point, 0) }
	if s.VerifyRegistration("node-a", point, 0, registration("node-a")) != nil ||
		s.VerifyRegistration("node-a", point, 0, registration("node-b")) == nil {
		t.Error("who signed a registration is not what the cluster file says")
	}
}

// TestAgentSettings: each setting of the cluster file and of agent.toml is the one that
// the agent goes by.
func TestAgentSettings(t *testing.T) {
	c := unusual(t)
	f := &AgentFile{Name: "node-a", REST: "http://127.0.0.1:1/", Events: "http://127.0.0.1:2",
		KeyFiles: []string{"keys/*.pem", "/etc/x.pem"}, UnitFiles: "units", dir: "/host"}
	h := &agentHost{self: Host{Cluster: c.File, Name: "node-a", Certificate: c.Certificates["node-a"]}, pulse: pulse.New(),
		options: Options{Now: time.Now, Logger: zerolog.Nop()}, links: links{}}
	if err := h.assemble(f); err != nil {
		t.Fatal(err)
	}
	defer h.links.close() //nolint:errcheck // nothing was sent
	if p := h.pinger; p.Interval != 700*time.Millisecond || p.Timeout != 300*time.Millisecond {
		t.Errorf("it pings each %v and waits %v", p.Interval, p.Timeout)
	}
	var pinged []string
	for _, p := range h.pinger.Peers {
		pinged = append(pinged, p.Name)
	}
	if want := []string{"cosigner-1", "cosigner-2", "cosigner-3", "node-b"}; !reflect.DeepEqual(pinged, want) {
		t.Errorf("it pings %v, want %v", pinged, want)
	}
	w := h.watcher.Config
	want := health.Config{REST: "http://127.0.0.1:1", Events: "http://127.0.0.1:2", Validator: casper.PublicKey{7},
		KeyFiles: []string{"/host/keys/*.pem", "/etc/x.pem"}, UnitFiles: "/host/units", Stock: true}
	if w.Measured == nil {
		t.Error("how long a start took is not kept")
	}
	w.Measured = nil
	if w.Told == nil || w.Ended == nil || w.Unknown == nil || h.almanac == nil || h.pinger.Chain == nil {
		t.Error("nobody hears of eras, or tells the other agents")
	}
	w.Now, w.Logger, w.Told, w.Ended, w.Undrilled, w.Unknown = nil, want.Logger, nil, nil, nil, nil
	if !reflect.DeepEqual(w, want) {
		t.Errorf("it watches %+v, want %+v", w, want)
	}
}

// TestAgentWatches: what /status, /events and a leftover key say of a node arrives in the
// agent's account of it.
func TestAgentWatches(t *testing.T) {
	pem, err := os.ReadFile("../testdata/node-1.secret_key.pem")
	if err != nil {
		t.Fatal(err)
	}
	seed, err := casper.ParseSecretKeyPEM(pem)
	if err != nil {
		t.Fatal(err)
	}
	validator := casper.PublicKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	status, err := os.ReadFile("../agent/health/testdata/status.json")
	if err != nil {
		t.Fatal(err)
	}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/status" {
			w.Write(status) //nolint:errcheck // the agent says so
			return
		}
		w.Write([]byte(`data:{"ApiVersion":"2.0.0"}` + "\n\n" + //nolint:errcheck // likewise
			`data:{"Fault":{"era_id":3,"public_key":"` + validator.String() + `","timestamp":"2026-01-01T00:00:00.000Z"}}` +
			"\nid:1\n\n"))
	}))
	defer node.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old.pem"), pem, 0o600); err != nil {
		t.Fatal(err)
	}
	c := clustertest.New(t, validator, nil)
	f := &AgentFile{Name: "node-a", REST: node.URL, Events: node.URL, KeyFiles: []string{"*.pem"}, dir: dir}
	w := health.New(f.health(c.File, zerolog.Nop()))
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- w.Run(ctx) }()
	defer func() { cancel(); <-ran }()
	for deadline := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		h := w.Health(time.Now())
		if h.GetReactorState() != "" && h.FaultAgoMs != nil && h.GetLeftoverKey() == filepath.Join(dir, "old.pem") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not all is seen: %v", h)
		}
	}
}
