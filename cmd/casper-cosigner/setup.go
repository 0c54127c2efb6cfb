package main

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/pelletier/go-toml/v2"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	"casper-cosigner/signer/casper"
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

// agentPorts is how far above the base port the agents' metrics are, away from any cosigner's ports.
const agentPorts = 100

// Where things lie on a host that is set up as the documentation says.
const (
	configFolder = "/etc/casper-cosigner"
	statePath    = "/var/lib/casper-cosigner"
	socketPath   = "/run/casper-cosigner/signer.sock"
	caFolder     = "ca"
)

// setup is the cluster that init was asked for.
type setup struct {
	chain      string
	validator  casper.PublicKey
	threshold  int
	main       string
	cosigners  []place
	nodes      []string
	operators  []string
	basePort   int
	timing     string
	minEra     time.Duration
	minBlock   time.Duration
	grace      time.Duration
	singleHost bool // everything on 127.0.0.1, state and sockets in the folders
}

// place is a cosigner and the host that it runs on.
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
	for _, p := range s.cosigners {
		names = append(names, p.name)
	}
	return slices.Concat(names, s.nodes, s.operators)
}

// cluster returns the cluster file.
func (s setup) cluster(m material) *cluster.File {
	f := &cluster.File{
		ID: m.id, Chain: s.chain, Validator: s.validator, Threshold: s.threshold, Main: s.main,
		MinEraTime: cluster.Duration(s.minEra), MinBlockTime: cluster.Duration(s.minBlock), Grace: cluster.Duration(s.grace),
		Timing: s.timing, CACertificate: m.authority,
	}
	for i, p := range s.cosigners {
		f.Cosigners = append(f.Cosigners, cluster.CosignerEntry{
			Name: p.name, Key: m.keys[p.name], Share: i + 1, ShareRecipient: m.recipients[p.name],
			Address: s.address(i, portData), RaftAddress: s.address(i, portRaft), AdminAddress: s.address(i, portAdmin),
		})
	}
	for _, name := range s.nodes {
		f.Nodes = append(f.Nodes, cluster.Entry{Name: name, Key: m.keys[name]})
	}
	for _, name := range s.operators {
		f.Operators = append(f.Operators, cluster.Entry{Name: name, Key: m.keys[name]})
	}
	return f
}

// port returns one of the ports of the i-th cosigner, apart from those of others on its host.
func (s setup) port(i, offset int) int {
	before := 0
	for _, p := range s.cosigners[:i] {
		if p.host == s.cosigners[i].host {
			before++
		}
	}
	return s.basePort + before*portsEach + offset
}

func (s setup) address(i, offset int) string {
	return net.JoinHostPort(s.cosigners[i].host, strconv.Itoa(s.port(i, offset)))
}

// hostFiles returns each member's own settings, by member.
func (s setup) hostFiles() map[string]newFile {
	state, socket := statePath, socketPath
	if s.singleHost {
		state, socket = "state", "signer.sock"
	}
	files := map[string]newFile{}
	for i, p := range s.cosigners {
		files[p.name] = settings("cosigner", daemon.CosignerFile{
			Name: p.name, Cluster: "cluster.toml", Certificate: "tls.crt", Key: "tls.key",
			State: state, Share: "share.age", ShareIdentity: "share.identity",
			Metrics: loopback(s.port(i, portMetrics)),
		})
	}
	for i, name := range s.nodes {
		files[name] = settings("agent", daemon.AgentFile{
			Name: name, Cluster: "cluster.toml", Certificate: "tls.crt", Key: "tls.key",
			Socket: socket, Metrics: loopback(s.basePort + agentPorts + i),
		})
	}
	for _, name := range s.operators {
		files[name] = settings("operator", daemon.OperatorFile{
			Name: name, Cluster: "cluster.toml", Certificate: "tls.crt", Key: "tls.key"})
	}
	return files
}

// settings encodes a host's settings; its path is a bare file name. The structs hold strings only, which TOML can
// always write.
func settings(role string, v any) newFile {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# casper-cosigner %s settings of this host. Relative paths start at this file.\n\n", role)
	if err := toml.NewEncoder(&b).Encode(v); err != nil {
		panic(fmt.Sprintf("encoding %s settings: %v", role, err))
	}
	return newFile{path: role + ".toml", data: b.Bytes(), mode: publicMode}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// folder is where a member's files go below dir.
func folder(dir, member string) string { return filepath.Join(dir, member) }
