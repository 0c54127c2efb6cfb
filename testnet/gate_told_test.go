package testnet

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gateLost is within which a gate that is gone is seen in the status.
const gateLost = 90 * time.Second

// TestGateIsSeen: what a real gate and its watch tell: that it stands, that it was killed, that the
// next one stands, and that it hangs.
func TestGateIsSeen(t *testing.T) {
	p := newStockPair(t, 3)
	b := p.nodes[1]
	watch := p.process(b.name+"-watch", "gate", "watch", "--config", filepath.Join(p.Dir, b.name, "gate.toml"))
	if err := watch.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watch.Kill() })
	p.gateUp(b.name, 1)
	if err := b.gate.Kill(); err != nil {
		t.Fatal(err)
	}
	p.gateUp(b.name, 0)
	p.says(b.name, "none stands")
	p.revive(b)
	p.gateUp(b.name, 1)
	if err := b.gate.Stop(); err != nil {
		t.Fatal(err)
	}
	p.gateUp(b.name, 0)
	p.says(b.name, "it does not answer its watch")
}

// gateUp waits until the agent's metrics say so of its gate.
func (p *stockPair) gateUp(node string, is int) {
	p.t.Helper()
	want := fmt.Sprintf("\ncasper_cosigner_gate_up{node=%q} %d\n", node, is)
	for end := time.Now().Add(gateLost); !strings.Contains(p.agentMetrics(node), want); {
		if time.Now().After(end) || Pause(p.t.Context(), askAgain) != nil {
			p.t.Fatalf("no %s in the metrics of %s's agent:\n%s", want, node, p.agentMetrics(node))
		}
	}
}

// agentMetrics is what the agent of the node serves, empty if nothing.
func (p *stockPair) agentMetrics(node string) string {
	settings, err := os.ReadFile(filepath.Join(p.Dir, node, "agent.toml"))
	if err != nil {
		return ""
	}
	_, address, _ := strings.Cut(string(settings), "\nmetrics = '")
	address, _, _ = strings.Cut(address, "'")
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	return string(text)
}

// says waits until the cosigners say of the node that its gate is down, and why.
func (p *stockPair) says(node, why string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), gateLost)
	defer cancel()
	r, err := p.AwaitRoles(ctx, func(r Roles) bool {
		for _, n := range r.Nodes {
			if n.Name == node && n.Condition == "gate_down" && strings.Contains(n.Why, why) {
				return true
			}
		}
		return false
	})
	if err != nil {
		p.t.Fatalf("nobody says of %s %q: %v; %+v", node, why, err, r)
	}
}
