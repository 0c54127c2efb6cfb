package monitor

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/ear"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// shown is a Witness that notes what it is told of the chain.
type shown struct{ last map[string]watermark.Mark }

func (s shown) HeardChain(node string, last watermark.Mark) { s.last[node] = last }

func (s shown) HeardAgent(node string, _ []*cosignerv1.SignedStatement) {
	if _, ok := s.last[node]; !ok {
		s.last[node] = watermark.Mark{}
	}
}

func (shown) Shown() []*cosignerv1.SignedStatement { return nil }

// TestChainShown: how far a node's chain is is told before its agent counts as heard.
func TestChainShown(t *testing.T) {
	w := &world{t: t, state: machine.New()}
	m := New(Config{Settings: failover.Settings{Nodes: []string{"a", "b"}}, Log: copyOf{w, "cosigner-1"}, Now: time.Now,
		Ready: func() error { return nil }})
	heard := shown{map[string]watermark.Mark{}}
	s := &Server{Monitor: m, Witness: heard, Lead: func() (string, uint64) { return "", 0 },
		Caller: func(context.Context) (cluster.Member, bool) {
			return cluster.Member{Name: "b", Role: cluster.Node}, true
		}}
	says := &cosignerv1.PingRequest{Health: &cosignerv1.NodeHealth{Block: &cosignerv1.Block{Era: 4, Height: 70}}}
	if _, err := s.Ping(t.Context(), says); err != nil {
		t.Fatal(err)
	}
	if got := heard.last["b"]; got != (watermark.Mark{Era: 4, Height: 70}) {
		t.Errorf("told %v", got)
	}
}

// TestServer: an agent pings for its own node, nobody else pings, and the answer is what the log
// says of the roles, and who leads.
func TestServer(t *testing.T) {
	w := &world{t: t, state: machine.New()}
	w.state.Apply(machine.Genesis{First: watermark.Mark{Era: 10}, Active: "a"})
	w.state.Apply(machine.SetMode{Mode: failover.Fenced})
	m := New(Config{Settings: failover.Settings{Nodes: []string{"a", "b"}}, Log: copyOf{w, "cosigner-1"}, Now: time.Now,
		Ready: func() error { return nil }})
	caller := cluster.Member{}
	s := &Server{Monitor: m, Caller: func(context.Context) (cluster.Member, bool) { return caller, caller.Name != "" },
		Lead: func() (string, uint64) { return "cosigner-2", 7 }}
	says := &cosignerv1.PingRequest{Health: &cosignerv1.NodeHealth{Peers: 1}}
	for name, c := range map[string]struct {
		caller  cluster.Member
		request *cosignerv1.PingRequest
		want    codes.Code
	}{
		"an agent":                 {cluster.Member{Name: "b", Role: cluster.Node}, says, codes.OK},
		"a program that only asks": {cluster.Member{Name: "a", Role: cluster.Node}, &cosignerv1.PingRequest{}, codes.OK},
		"a cosigner": {cluster.Member{Name: "b", Role: cluster.Cosigner}, &cosignerv1.PingRequest{},
			codes.PermissionDenied},
		"an operator": {cluster.Member{Name: "ops", Role: cluster.Operator}, &cosignerv1.PingRequest{},
			codes.PermissionDenied},
		"a stranger":          {cluster.Member{}, &cosignerv1.PingRequest{}, codes.PermissionDenied},
		"an agent of no node": {cluster.Member{Name: "c", Role: cluster.Node}, says, codes.InvalidArgument},
		"an agent that says all": {cluster.Member{Name: "a", Role: cluster.Node}, &cosignerv1.PingRequest{
			Reach: []*cosignerv1.Reach{{Name: strings.Repeat("x", ear.MaxPing)}}}, codes.InvalidArgument},
	} {
		caller = c.caller
		r, err := s.Ping(t.Context(), c.request)
		if status.Code(err) != c.want {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if roles := r.GetRoles(); c.want == codes.OK &&
			(roles.GetActive() != "a" || roles.GetMode() != cosignerv1.Mode_MODE_FENCED || roles.GetEpoch() != 1) {
			t.Errorf("%s: got %v", name, roles)
		}
		if c.want == codes.OK && (r.GetLeader() != "cosigner-2" || r.GetTerm() != 7) {
			t.Errorf("%s: %q leads in term %d", name, r.GetLeader(), r.GetTerm())
		}
	}
	if got := m.Reports().GetNodes(); len(got) != 1 || got[0].GetName() != "b" {
		t.Errorf("got %v, want b's ping and no other", got)
	}
}
