package main

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	"casper-cosigner/rule/casper"
)

// Ports of one cosigner, counted from the base port. Several on one host follow each other.
const (
	portData = iota
	portRaft
	portAdmin
	portMetrics
	portsEach
)

// defaultPort is the base port unless init is told another.
const defaultPort = 7400

// Ports of one agent, counted from agentPorts above the base port, away from any cosigner's ports.
const (
	agentPorts = 100

	portPing         = 0
	portAgentMetrics = 1
	portsEachAgent   = 2
)

// Where things lie on a host that is set up as the documentation says.
const (
	configFolder = "/etc/casper-cosigner"
	statePath    = "/var/lib/casper-cosigner"
	socketPath   = "/run/casper-cosigner/signer.sock"
	caFolder     = "ca"
)

// Where casper-node is to be found beside its agent, as its packages set it up.
const (
	nodeREST      = "http://127.0.0.1:8888"
	nodeEvents    = "http://127.0.0.1:9999"
	nodeKeyFolder = "/etc/casper/validator_keys"
	nodeKeys      = nodeKeyFolder + "/*.pem"
	nodeStorage   = "/var/lib/casper/casper-node"
)

// Where the gate of a stock node has what is its own.
const (
	gateFolder  = "/var/lib/casper-cosigner-gate"
	gateKeyFile = "/etc/casper-cosigner-gate/secret_key.pem"
)

// setup is the cluster that init was asked for.
type setup struct {
	chain       string
	validator   casper.PublicKey
	threshold   int
	main        string
	cosigners   []place
	nodes       []place
	operators   []string
	basePort    int
	timing      string
	minEra      time.Duration
	witnessWait time.Duration
	minBlock    time.Duration
	grace       time.Duration
	failover    cluster.Failover
	stock       bool // all nodes are, and there are no shares
	singleHost  bool // everything on 127.0.0.1, state and sockets in the folders
}

// place is a cosigner or node and the host that it runs on.
type place struct{ name, host string }

// material is what is drawn at random for a setup: what of it is public.
type material struct {
	id         cluster.Key
	authority  string                 // certificate, PEM
	keys       map[string]cluster.Key // by member
	recipients map[string]string      // age, by cosigner
}

// members lists every member, each of which gets a folder of its name.
func (s setup) members() []string {
	var names []string
	for _, p := range slices.Concat(s.cosigners, s.nodes) {
		names = append(names, p.name)
	}
	return append(names, s.operators...)
}

// cluster returns the cluster file.
func (s setup) cluster(m material) *cluster.File {
	f := &cluster.File{
		ID: m.id, Chain: s.chain, Validator: s.validator, Threshold: s.threshold, Main: s.main,
		MinEraTime: cluster.Duration(s.minEra), MinBlockTime: cluster.Duration(s.minBlock), Grace: cluster.Duration(s.grace),
		Timing: s.timing, CACertificate: m.authority, Failover: s.failover, WitnessWait: cluster.Duration(s.witnessWait),
	}
	for i, p := range s.cosigners {
		f.Cosigners = append(f.Cosigners, cluster.CosignerEntry{
			Name: p.name, Key: m.keys[p.name], Share: i + 1, ShareRecipient: m.recipients[p.name],
			Address: s.address(i, portData), RaftAddress: s.address(i, portRaft), AdminAddress: s.address(i, portAdmin),
		})
	}
	for i, p := range s.nodes {
		f.Nodes = append(f.Nodes, cluster.NodeEntry{Name: p.name, Key: m.keys[p.name], Stock: s.stock,
			Address: net.JoinHostPort(p.host, strconv.Itoa(s.agentPort(i, portPing)))})
	}
	for _, name := range s.operators {
		f.Operators = append(f.Operators, cluster.Entry{Name: name, Key: m.keys[name]})
	}
	return f
}

// port returns one of the ports of the i-th cosigner, apart from those of others on its host.
func (s setup) port(i, offset int) int {
	return s.basePort + sharing(s.cosigners, i)*portsEach + offset
}

// agentPort returns one of the ports of the i-th node's agent, apart from those of others
// on its host.
func (s setup) agentPort(i, offset int) int {
	return s.basePort + agentPorts + sharing(s.nodes, i)*portsEachAgent + offset
}

// sharing counts the places before the i-th that are on its host.
func sharing(places []place, i int) (n int) {
	for _, p := range places[:i] {
		if p.host == places[i].host {
			n++
		}
	}
	return n
}

func (s setup) address(i, offset int) string {
	return net.JoinHostPort(s.cosigners[i].host, strconv.Itoa(s.port(i, offset)))
}

// gateFiles returns the settings of the gates of stock nodes, by node. On one machine each of
// several nodes has folders of its own, which are not known.
func (s setup) gateFiles() map[string]newFile {
	files := map[string]newFile{}
	for _, p := range s.nodes {
		if !s.stock || s.singleHost {
			break
		}
		files[p.name] = settings("gate", daemon.GateFile{Cluster: "cluster.toml", Socket: socketPath,
			UnitFiles: filepath.Join(nodeStorage, s.chain, "unit_files"), Folder: gateFolder,
			KeyFile: gateKeyFile, KeyFolder: nodeKeyFolder})
	}
	return files
}

// hostFiles returns each member's own settings, by member.
func (s setup) hostFiles() map[string]newFile {
	state, agentState, socket := statePath, daemon.AgentState, socketPath
	if s.singleHost {
		state, agentState, socket = "state", "state", "signer.sock"
	}
	files := map[string]newFile{}
	for i, p := range s.cosigners {
		own := daemon.CosignerFile{
			Name: p.name, Cluster: "cluster.toml", Certificate: "tls.crt", Key: "tls.key",
			State: state, Share: "share.age", ShareIdentity: "share.identity",
			Metrics: loopback(s.port(i, portMetrics)),
		}
		role := "cosigner"
		if s.stock {
			role, own.Share = "cosigner without a share", ""
		}
		files[p.name] = settings(role, own)
	}
	for i, p := range s.nodes {
		own := daemon.AgentFile{
			Name: p.name, Cluster: "cluster.toml", Certificate: "tls.crt", Key: "tls.key",
			Socket: socket, State: agentState, Metrics: loopback(s.agentPort(i, portAgentMetrics)),
		}
		if !s.singleHost { // several nodes on one host cannot all have the usual ports
			own.REST, own.Events = nodeREST, nodeEvents
		}
		if !s.singleHost && !s.stock { // a stock node's key is no leftover
			own.KeyFiles = []string{nodeKeys}
		}
		if !s.singleHost && s.chain != "" {
			own.UnitFiles = filepath.Join(nodeStorage, s.chain, "unit_files")
		}
		files[p.name] = settings("agent", own)
	}
	for _, name := range s.operators {
		files[name] = settings("operator", daemon.OperatorFile{
			Name: name, Cluster: "cluster.toml", Certificate: "tls.crt", Key: "tls.key"})
	}
	return files
}

// settings encodes a host's settings; its path is a bare file name. The structs hold strings and
// lists of them, which TOML can always write.
func settings(role string, v any) newFile {
	var b bytes.Buffer
	name, _, _ := strings.Cut(role, " ")
	fmt.Fprintf(&b, "# casper-cosigner %s settings of this host. Relative paths start at this file.\n\n", name)
	if err := toml.NewEncoder(&b).Encode(v); err != nil {
		panic(fmt.Sprintf("encoding %s settings: %v", role, err))
	}
	b.WriteString(leftOut[role])
	return newFile{path: name + ".toml", data: b.Bytes(), mode: publicMode}
}

// leftOut are a role's settings that most hosts do without.
var leftOut = map[string]string{
	"cosigner": cosignerLeftOut,
	"cosigner without a share": `
# encrypted share, which keygen split makes once a node that holds no key is to sign
# share = 'share.age'
` + cosignerLeftOut,
	"agent": `
# address to bind for the other agents' pings instead of the cluster file's
# listen = '0.0.0.0:7500'
`,
}

const cosignerLeftOut = `
# told of each change of roles, in JSON: a command and its arguments, or one http(s) URL
# hook = ['/usr/local/bin/on-failover']
# addresses to bind instead of the cluster file's
# listen = '0.0.0.0:7400'
# listen_raft = '0.0.0.0:7401'
# listen_admin = '0.0.0.0:7402'
`

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// folder is where a member's files go below dir.
func folder(dir, member string) string { return filepath.Join(dir, member) }
