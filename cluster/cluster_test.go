package cluster_test

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

func TestEncodeParse(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	again, err := c.File.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(c.Text) {
		t.Errorf("encoding a parsed file changed it:\n%s\n---\n%s", c.Text, again)
	}
}

// TestFaults: every fault is listed, not the first one only.
func TestFaults(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	f := *c.File
	f.ID, f.Chain, f.Threshold, f.Main, f.Timing, f.Grace = nil, "", 1, "nobody", "warp", cluster.Duration(time.Hour)
	f.MinBlockTime, f.CACertificate = 0, "no"
	f.Cosigners = slices.Clone(f.Cosigners)
	f.Cosigners[1].Share, f.Cosigners[2].Address = 1, "nowhere"
	f.Cosigners[2].AdminAddress = f.Cosigners[0].Address
	f.Nodes = slices.Clone(f.Nodes)
	f.Nodes[0].Name, f.Nodes[1].Key = "Bad Name", f.Operators[0].Key
	err := f.Validate()
	for _, want := range []string{"id:", "chain:", "threshold: 1 of 3", `main: "nobody"`, `"warp"`, "grace:",
		"min_block_time",
		"ca_certificate", "share 1", `"nowhere" is not host:port`, "used twice", `"Bad Name"`, `has the key of`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %q:\n%v", want, err)
		}
	}
	if _, err := cluster.Parse(append(c.Text, "\ntreshold = 2\n"...)); err == nil || !strings.Contains(err.Error(),
		"treshold") {
		t.Errorf("an unknown key: got %v", err)
	}
	for _, n := range []struct{ t, n int }{{2, 4}, {1, 3}, {4, 3}, {3, 6}} {
		f := *c.File
		f.Threshold, f.Cosigners = n.t, nil
		for i := range n.n {
			e := c.File.Cosigners[0]
			e.Share = i + 1
			f.Cosigners = append(f.Cosigners, e)
		}
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), "threshold") {
			t.Errorf("%d of %d: got %v", n.t, n.n, err)
		}
	}
}

// TestFailoverFaults: each setting of failover is held against what makes sense, and the
// others are taken.
func TestFailoverFaults(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	const ms, s = cluster.Duration(time.Millisecond), cluster.Duration(time.Second)
	for name, edit := range map[string]func(*cluster.Failover){
		"failover.failover:":       func(f *cluster.Failover) { f.Policy = "perhaps" },
		"failover.failback:":       func(f *cluster.Failover) { f.Return = "confirm" },
		"failover.ping_interval:":  func(f *cluster.Failover) { f.PingInterval, f.PingTimeout = 9*ms, 9*ms },
		"failover.ping_timeout:":   func(f *cluster.Failover) { f.PingTimeout = f.PingInterval + 1 },
		"failover.failover_after:": func(f *cluster.Failover) { f.After = 3*f.PingInterval - 1 },
		"failover.failback_after:": func(f *cluster.Failover) { f.FailbackAfter = f.After - 1 },
	} {
		f := *c.File
		edit(&f.Failover)
		if err := f.Validate(); err == nil || !strings.HasPrefix(err.Error(), name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one fault, %q", err, name)
		}
	}
	for _, good := range []cluster.Failover{
		{Policy: "confirm", Return: "manual", PingInterval: 10 * ms, PingTimeout: 10 * ms, After: 30 * ms,
			FailbackAfter: 30 * ms},
		{Policy: "manual", Return: "auto", PingInterval: 60 * s, PingTimeout: 1, After: 180 * s, FailbackAfter: 180 * s},
	} {
		f := *c.File
		f.Failover, f.WitnessWait = good, 0
		if err := f.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}

// TestWitnessWait: a cosigner that starts waits long enough for what reaches it by way of another
// one, whatever the file says or leaves out.
func TestWitnessWait(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	const s = time.Second
	for _, w := range []struct{ ping, wait, want time.Duration }{
		{s, 0, 30 * s}, {s, 3 * s, 3 * s}, {s, 3*s - 1, 0}, {s, -1, 0}, {s, 10*60*s + 1, 0}, {20 * s, 0, 60 * s},
		{20 * s, 30 * s, 0},
	} {
		f := *c.File
		f.Failover.PingInterval, f.Failover.After, f.Failover.FailbackAfter = cluster.Duration(w.ping), 3600e9, 3600e9
		f.WitnessWait = cluster.Duration(w.wait)
		switch err := f.Validate(); {
		case w.want == 0 && (err == nil || !strings.Contains(err.Error(), "witness_wait: want at ")):
			t.Errorf("%v with pings each %v: got %v", w.wait, w.ping, err)
		case w.want > 0 && (err != nil || f.WaitForWitnesses() != w.want):
			t.Errorf("%v with pings each %v: waits for %v, %v", w.wait, w.ping, f.WaitForWitnesses(), err)
		}
	}
}

// TestGraceFitsNode: the longest grace is half of what casper-node waits for an echo or a vote.
func TestGraceFitsNode(t *testing.T) {
	const source = "../node/casper-node-2.0.3/files/src/components/consensus/protocols/zug/remote.rs"
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`const DEADLINE: .* = .*::from_millis\((\d+)\);`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has no DEADLINE in milliseconds", source)
	}
	deadline, err := time.ParseDuration(string(m[1]) + "ms")
	if err != nil {
		t.Fatal(err)
	}
	f := *clustertest.New(t, casper.PublicKey{1}, nil).File
	for grace, good := range map[time.Duration]bool{deadline / 2: true, deadline/2 + 1: false} {
		f.Grace = cluster.Duration(grace)
		if err := f.Validate(); (err == nil) != good {
			t.Errorf("grace %v of a deadline of %v: %v", grace, deadline, err)
		}
	}
}

func TestRequestSignatures(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	other := clustertest.New(t, casper.PublicKey{1}, func(f *cluster.File) { f.ID[0] = 2 })
	m := casper.Vote{Round: casper.Round{Era: 3, ID: 4}, Value: true}
	good := c.Request(t, "node-a", m)
	verifier := c.File.Verifier()
	if err := verifier.VerifyRequest("node-a", m, 0, good); err != nil {
		t.Fatal(err)
	}
	foreign, err := other.File.SignRequest(c.Keys["node-a"], "node-a", m, 0)
	if err != nil {
		t.Fatal(err)
	}
	changed := m
	changed.Value = false
	flipped := good
	flipped[5] ^= 1
	for name, err := range map[string]error{
		"another message":      verifier.VerifyRequest("node-a", changed, 0, good),
		"another node":         verifier.VerifyRequest("node-b", m, 0, good),
		"a flipped bit":        verifier.VerifyRequest("node-a", m, 0, flipped),
		"another cluster's id": verifier.VerifyRequest("node-a", m, 0, foreign),
		"an unknown node":      verifier.VerifyRequest("node-x", m, 0, good),
		"a cosigner as a node": verifier.VerifyRequest("cosigner-1", m, 0, c.Request(t, "cosigner-1", m)),
		"a registration": verifier.VerifyRequest("node-a", m, 0, c.File.SignRegistration(c.Keys["node-a"], "node-a",
			casper.TLSPoint{}, 0)),
		"a bare message": verifier.VerifyRequest("node-a", m, 0, [64]byte(ed25519.Sign(c.Keys["node-a"], m.SignBytes()))),
	} {
		if !errors.Is(err, cluster.ErrRequestSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// admin answers Status and nothing else.
type admin struct {
	cosignerv1.UnimplementedAdminServiceServer
	caller func(context.Context) (cluster.Member, bool)
}

func (a admin) Status(ctx context.Context, _ *cosignerv1.StatusRequest) (*cosignerv1.StatusResponse, error) {
	m, _ := a.caller(ctx)
	return &cosignerv1.StatusResponse{Name: m.Name}, nil
}

// TestMutualTLS: each role reaches what it may and nothing else; a stranger reaches nothing.
func TestMutualTLS(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	stranger := clustertest.New(t, casper.PublicKey{1}, nil)
	expired, err := c.Authority.Issue("ops",
		c.Keys["ops"].Public().(ed25519.PublicKey), time.Now().Add(-10*365*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	unregistered, err := c.Authority.Issue("ops", stranger.Keys["ops"].Public().(ed25519.PublicKey), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server := c.File.NewServer(c.Certificates["cosigner-1"], cluster.Access{
		cosignerv1.AdminService_Status_FullMethodName:  {cluster.Operator},
		cosignerv1.AdminService_SetMode_FullMethodName: {cluster.Node},
	})
	cosignerv1.RegisterAdminServiceServer(server, admin{caller: c.File.Caller})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	defer server.Stop()
	for _, w := range []struct {
		name        string
		certificate tls.Certificate
		server      string
		want        codes.Code
	}{
		{"operator", c.Certificates["ops"], "cosigner-1", codes.OK},
		{"node may not ask for status", c.Certificates["node-a"], "cosigner-1", codes.PermissionDenied},
		{"cosigner has no business on this port", c.Certificates["cosigner-2"], "cosigner-1", codes.Unavailable},
		{"another authority's operator", stranger.Certificates["ops"], "cosigner-1", codes.Unavailable},
		{"expired certificate", pair(t, expired, c.Keys["ops"]), "cosigner-1", codes.Unavailable},
		{"certificate over an unregistered key", pair(t, unregistered, stranger.Keys["ops"]), "cosigner-1",
			codes.Unavailable},
		{"no certificate", tls.Certificate{}, "cosigner-1", codes.Unavailable},
		{"another server than wanted", c.Certificates["ops"], "cosigner-2", codes.Unavailable},
	} {
		t.Run(w.name, func(t *testing.T) {
			conn, err := c.File.Dial(w.certificate, w.server, listener.Addr().String(), grpc.WithDisableRetry())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			r, err := cosignerv1.NewAdminServiceClient(conn).Status(ctx, &cosignerv1.StatusRequest{})
			if status.Code(err) != w.want || w.want == codes.OK && r.GetName() != "ops" {
				t.Errorf("got %v, %v; want %v", r, err, w.want)
			}
		})
	}
}

func pair(t *testing.T, certPEM []byte, key ed25519.PrivateKey) tls.Certificate {
	t.Helper()
	keyPEM, err := cluster.EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLoadCertificate(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	stranger := clustertest.New(t, casper.PublicKey{1}, nil)
	load := func(from *clustertest.Cluster, holder, name string) error {
		key := from.Keys[holder]
		certPEM, err := from.Authority.Issue(holder, key.Public().(ed25519.PublicKey), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		keyPEM, err := cluster.EncodeKey(key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.File.LoadCertificate(name, certPEM, keyPEM)
		return err
	}
	if err := load(c, "node-a", "node-a"); err != nil {
		t.Error(err)
	}
	if err := load(c, "node-a", "node-b"); err == nil {
		t.Error("a certificate was taken for another member's")
	}
	if err := load(stranger, "node-a", "node-a"); err == nil {
		t.Error("another authority's certificate was taken")
	}
}

func TestAuthorityRoundTrip(t *testing.T) {
	a, err := cluster.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := a.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.LoadAuthority(a.CertificatePEM(), keyPEM); err != nil {
		t.Error(err)
	}
	b, err := cluster.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.LoadAuthority(b.CertificatePEM(), keyPEM); err == nil {
		t.Error("an authority was taken whose key is another's")
	}
}

// TestDated: the node signs the index at which it asks, and what it signed with one passes neither
// with another nor without.
func TestDated(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	v, key := c.File.Verifier(), c.Keys["node-a"]
	m, point := casper.Vote{Round: casper.Round{Era: 3, ID: 4}, Value: true}, casper.TLSPoint{2}
	for _, at := range []uint64{0, 1, 256, 1 << 63} {
		request, registration := c.Dated(t, "node-a", m, at), c.File.SignRegistration(key, "node-a", point, at)
		for _, as := range []uint64{0, 1, 256, 1 << 63} {
			if err := v.VerifyRequest("node-a", m, as, request); (err == nil) != (as == at) {
				t.Errorf("a request of %d as one of %d: %v", at, as, err)
			}
			if err := v.VerifyClaimed("node-a", m, as, request); (err == nil) != (as == at) {
				t.Errorf("a claim of %d as one of %d: %v", at, as, err)
			}
			if err := v.VerifyRegistration("node-a", point, as, registration); (err == nil) != (as == at) {
				t.Errorf("a registration of %d as one of %d: %v", at, as, err)
			}
		}
	}
}
