package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/localnet"
)

// Namespaces has each of our nodes in a network namespace of its own, on a bridge to the others.
// Unix sockets are in the file system, so a node whose link is down still reaches its agent. What
// enters a namespace keeps the mounts of this program: a gate's must be seen by its node.
type Namespaces struct {
	bridge string
	ours   []string // names of our nodes; the i-th has the namespace and the link end of index i
	dir    string   // of the programs that start a node in its namespace
}

const (
	bridgeAddress = "10.213.77.1"
	addressOfOurs = "10.213.77.%d" // from 2 on
	prefix        = "/24"
	firstPort     = 9000
	portsOfNode   = 4
	undoneIn      = 10 * time.Second
)

// NewNamespaces makes the bridge and the namespaces. The error says what the machine does
// not allow.
func NewNamespaces(ctx context.Context, dir string) (*Namespaces, error) {
	n := &Namespaces{bridge: "ccb" + strconv.Itoa(os.Getpid()%100_000), ours: []string{testnet.Main, testnet.Standby},
		dir: dir}
	commands := []string{
		"link add " + n.bridge + " type bridge",
		"addr add " + bridgeAddress + prefix + " dev " + n.bridge,
		"link set " + n.bridge + " up",
	}
	for i := range n.ours {
		name, link := n.name(i), n.link(i)
		commands = append(commands,
			"netns add "+name,
			"link add "+link+" type veth peer name eth0 netns "+name,
			"link set "+link+" master "+n.bridge+" up",
			"-n "+name+" addr add "+n.address(i)+prefix+" dev eth0",
			"-n "+name+" link set eth0 up",
			"-n "+name+" link set lo up")
	}
	for _, c := range commands {
		if err := ip(ctx, c); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

func (n *Namespaces) name(i int) string    { return n.bridge + "n" + strconv.Itoa(i) }
func (n *Namespaces) path(i int) string    { return "/run/netns/" + n.name(i) }
func (n *Namespaces) link(i int) string    { return n.bridge + "v" + strconv.Itoa(i) }
func (n *Namespaces) address(i int) string { return fmt.Sprintf(addressOfOurs, i+2) }

// Close removes what was made; a namespace's links go with it. What was never made is no error.
func (n *Namespaces) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), undoneIn)
	defer cancel()
	var err error
	for i := range n.ours {
		if _, statErr := os.Stat(n.path(i)); statErr == nil {
			err = errors.Join(err, ip(ctx, "netns del "+n.name(i)))
		}
	}
	if _, statErr := os.Stat("/sys/class/net/" + n.bridge); statErr == nil {
		err = errors.Join(err, ip(ctx, "link del "+n.bridge))
	}
	return err
}

// Set takes a node's link up or down.
func (n *Namespaces) Set(ctx context.Context, node, state string) error {
	for i, name := range n.ours {
		if name == node {
			return ip(ctx, "link set "+n.link(i)+" "+state)
		}
	}
	return fmt.Errorf("setting the link of %s: it has none", node)
}

// ip runs one command of iproute2.
func ip(ctx context.Context, command string) error {
	out, err := exec.CommandContext(ctx, "ip", strings.Fields(command)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running ip %s: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// host is where the i-th node of a network listens for its peers. Our nodes come first.
func (n *Namespaces) host(i int) string {
	if i < len(n.ours) {
		return n.address(i)
	}
	return bridgeAddress
}

func (n *Namespaces) at(i, port int) string {
	return n.host(i) + ":" + strconv.Itoa(firstPort+portsOfNode*i+port)
}

// Arrange has the nodes listen where all of them, and this program, can reach them.
func (n *Namespaces) Arrange(c *localnet.Config) {
	for i := range c.Nodes {
		var others []string
		for j := range c.Nodes {
			if j != i {
				others = append(others, n.at(j, 0))
			}
		}
		config := map[string]any{"network.bind_address": n.at(i, 0), "network.public_address": n.at(i, 0),
			"network.known_addresses": others}
		if i < len(n.ours) {
			config["rest_server.address"] = n.at(i, 1)
			config["event_stream_server.address"] = n.at(i, 2)
			config["binary_port_server.address"] = n.at(i, 3)
			c.Nodes[i].Binary = n.program(i)
		}
		c.Nodes[i].Config = config
	}
}

// Arranged tells the network of what Arrange did.
func (n *Namespaces) Arranged(network *localnet.Network) {
	for i, node := range network.Nodes {
		node.Network = n.at(i, 0)
		if i < len(n.ours) {
			node.REST, node.Events, node.BinaryPort = n.at(i, 1), n.at(i, 2), n.at(i, 3)
		}
	}
}

// program is a shell script that becomes the i-th node, in its namespace.
func (n *Namespaces) program(i int) string { return filepath.Join(n.dir, "start-"+n.ours[i]) }

// places are the addresses of a cluster's members whose agents are where their nodes are.
func (n *Namespaces) places(cosigners []string) map[string]string {
	all := map[string]string{}
	for _, name := range cosigners {
		all[name] = bridgeAddress
	}
	for i, name := range n.ours {
		all[name] = n.address(i)
	}
	return all
}

// enter has a process of a node's host start where that node does.
func (n *Namespaces) enter(node string, p *testnet.Process) {
	i := slices.Index(n.ours, node)
	p.Path, p.Args = "nsenter", append([]string{"--net=" + n.path(i), p.Path}, p.Args...)
}

// WritePrograms writes what starts our nodes, with this casper-node.
func (n *Namespaces) WritePrograms(node string) error {
	node, err := filepath.Abs(node)
	if err != nil {
		return fmt.Errorf("finding casper-node: %w", err)
	}
	for i := range n.ours {
		text := fmt.Sprintf("#!/bin/sh\nexec nsenter --net=%s '%s' \"$@\"\n", n.path(i), node)
		if err := os.WriteFile(n.program(i), []byte(text), 0o700); err != nil {
			return fmt.Errorf("writing a program that starts a node: %w", err)
		}
	}
	return nil
}
