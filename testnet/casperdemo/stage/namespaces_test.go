package stage

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/localnet"
)

// TestHosts: what is of one node's host is behind one link, and nothing else is: the agent is where
// the node is, by the cluster file too, and processes start in that namespace with this program's
// mounts.
func TestHosts(t *testing.T) {
	n := &Namespaces{bridge: "b", ours: []string{testnet.Main, testnet.Standby}, dir: t.TempDir()}
	want := map[string]string{"c1": bridgeAddress, testnet.Main: n.address(0), testnet.Standby: n.address(1)}
	if got := n.places([]string{"c1"}); !maps.Equal(got, want) {
		t.Errorf("places %v, want %v", got, want)
	}
	c := localnet.Config{Nodes: make([]localnet.NodeConfig, 3)}
	n.Arrange(&c)
	for i, ip := range []string{n.address(0), n.address(1), bridgeAddress} {
		if at := c.Nodes[i].Config["network.bind_address"].(string); !strings.HasPrefix(at, ip+":") {
			t.Errorf("node %d listens at %s, want it at %s", i, at, ip)
		}
	}
	p := &testnet.Process{Path: "/bin/program", Args: []string{"agent", "run"}}
	n.enter(testnet.Standby, p)
	if got := p.Path + " " + strings.Join(p.Args, " "); got != "nsenter --net=/run/netns/bn1 /bin/program agent run" {
		t.Errorf("the agent is started by %s", got)
	}
	if err := n.WritePrograms("/bin/casper-node"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(n.dir, "start-"+testnet.Standby))
	if err != nil || !strings.Contains(string(text), "exec nsenter --net=/run/netns/bn1 '/bin/casper-node' \"$@\"\n") {
		t.Errorf("the node is started by %s, %v", text, err)
	}
}
