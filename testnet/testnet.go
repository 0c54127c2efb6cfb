// Package testnet runs the built program as a user would: a folder made by its own commands, one
// process per cosigner and agent, requests through the agents' unix sockets. The demo and the
// bench stand on it.
//
// It promises that every process which it starts ends with it: when the cluster is closed, when the
// context ends, and when the starting program dies. It waits by asking, never by sleeping a guessed
// time. It judges nothing: what an answer is worth, its callers say. Shipped code never imports it.
package testnet

import (
	"cmp"
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
)

// The members of every cluster here: 2 of 3 cosigners if its Settings do not say otherwise, a main
// and a standby.
const (
	Main    = "node-a"
	Standby = "node-b"

	size      = 3
	threshold = 2
	operator  = "operator"

	witnessWait = 3 * time.Second // the least: many cosigners here are started beside agents that are down
)

// Settings say how a cluster is made.
type Settings struct {
	Binary   string            // the program, built
	Dir      string            // folder to make the cluster in; empty or absent
	PEM      string            // the validator's secret_key.pem, as casper-node writes it
	Chain    string            // chain name
	MinEra   time.Duration     // least duration of an era, for the cluster file
	MinBlock time.Duration     // least time between blocks, for the cluster file
	States   map[string]string // state directory by cosigner; one that is not named keeps it in its own folder
	Init     []string          // more arguments of init
	Stock    []string          // nodes that the cluster file marks so
	Hot      bool              // stock nodes all vote
	Places   map[string]string // IP address by member, where it is not the loopback address

	Cosigners, Threshold int // 0: those of every cluster here
}

// Cluster is a cluster of processes on this machine.
type Cluster struct {
	Dir       string
	Binary    string
	Cosigners []*Process
	Agents    []*Process

	basePort int
	closeIn  time.Duration // for processes to end by themselves
}

// Setup makes the files of a cluster by the program's own commands: init, keygen split, and init of
// each host. It starts nothing. The PEM is left where it is. With init's --stock no key is split.
func Setup(ctx context.Context, s Settings) (*Cluster, error) {
	binary, err := filepath.Abs(s.Binary)
	if err != nil {
		return nil, fmt.Errorf("finding the program: %w", err)
	}
	base, err := FreePorts()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: s.Dir, Binary: binary, basePort: base, closeIn: 5 * time.Second}
	args := []string{"init", "--local", "--dir", s.Dir, "--chain", s.Chain, "--validator-pem", s.PEM,
		"--threshold", strconv.Itoa(cmp.Or(s.Threshold, threshold)), "--operator", operator, "--main", Main,
		"--node", Main, "--node", Standby, "--base-port", strconv.Itoa(base),
		"--min-era-time", s.MinEra.String(), "--min-block-time", s.MinBlock.String(),
		"--witness-wait", witnessWait.String()}
	cosigners := cmp.Or(s.Cosigners, size)
	for i := range cosigners {
		args = append(args, "--cosigner", cosignerName(i))
	}
	args = append(args, s.Init...)
	if err := c.Command(ctx, args...); err != nil {
		return nil, err
	}
	if err := c.edit(s); err != nil {
		return nil, fmt.Errorf("editing the cluster file: %w", err)
	}
	if !slices.Contains(s.Init, "--stock") {
		if err := c.Command(ctx, "keygen", "split", "--pem", s.PEM, "--into", s.Dir); err != nil {
			return nil, err
		}
	}
	for i := range cosigners {
		if err := c.addCosigner(ctx, cosignerName(i), s.States); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{Main, Standby} {
		config := filepath.Join(c.Dir, name, "agent.toml")
		if err := c.Command(ctx, "agent", "init", "--config", config); err != nil {
			return nil, err
		}
		c.Agents = append(c.Agents, c.process(name, "agent", "run", "--config", config))
	}
	return c, nil
}

// edit edits the cluster file of all hosts as an operator would.
func (c *Cluster) edit(s Settings) error {
	hosts, err := filepath.Glob(filepath.Join(c.Dir, "*", "cluster.toml"))
	if err != nil || len(s.Stock)+len(s.Places) == 0 {
		return err
	}
	text, err := os.ReadFile(filepath.Join(c.Dir, "cluster.toml"))
	if err != nil {
		return err
	}
	edited := string(text)
	if s.Hot {
		edited = strings.Replace(edited, "\n[failover]\n", "\n[failover]\nstandby = 'hot'\n", 1)
	}
	for _, name := range s.Stock {
		entry := fmt.Sprintf("[[node]]\nname = '%s'\n", name)
		if !strings.Contains(edited, entry) {
			return fmt.Errorf("the cluster file has no node %q", name)
		}
		edited = strings.Replace(edited, entry, entry+"stock = true\n", 1)
	}
	edited = placed(edited, s.Places)
	for _, path := range append(hosts, filepath.Join(c.Dir, "cluster.toml")) {
		err = errors.Join(err, os.WriteFile(path, []byte(edited), 0o600))
	}
	return err
}

// placed is a cluster file with its members at other addresses.
func placed(text string, places map[string]string) string {
	const table = "\n[["
	members := strings.Split(text, table)
	for i, m := range members {
		for name, ip := range places {
			if strings.Contains(m, fmt.Sprintf("\nname = '%s'\n", name)) {
				members[i] = strings.ReplaceAll(m, "'127.0.0.1:", fmt.Sprintf("'%s:", ip))
			}
		}
	}
	return strings.Join(members, table)
}

// Watch has a node's agent look at the casper-node that serves these addresses, once the
// agent is started.
func (c *Cluster) Watch(node, rest, events string) error {
	if err := c.tellAgent(node, fmt.Sprintf("rest = 'http://%s'\nevents = 'http://%s'\n", rest, events)); err != nil {
		return fmt.Errorf("telling %s's agent where its node is: %w", node, err)
	}
	return nil
}

// RestartBy has a stock node's agent run this program when the cosigners order a restart, once the
// agent is started.
func (c *Cluster) RestartBy(node, program, arg string) error {
	if err := c.tellAgent(node, fmt.Sprintf("restart = ['%s', '%s']\n", program, arg)); err != nil {
		return fmt.Errorf("telling %s's agent what restarts its node: %w", node, err)
	}
	return nil
}

func (c *Cluster) tellAgent(node, lines string) error {
	f, err := os.OpenFile(filepath.Join(c.Dir, node, "agent.toml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(lines)
	return errors.Join(err, f.Close())
}

// CosignerNames are those of every cluster here whose Settings do not say otherwise.
func CosignerNames() (all []string) {
	for i := range size {
		all = append(all, cosignerName(i))
	}
	return all
}

func cosignerName(i int) string { return "c" + strconv.Itoa(i+1) }

func (c *Cluster) addCosigner(ctx context.Context, name string, states map[string]string) error {
	config := filepath.Join(c.Dir, name, "cosigner.toml")
	if state, ok := states[name]; ok {
		if err := moveState(config, state); err != nil {
			return fmt.Errorf("placing the state of %s: %w", name, err)
		}
	}
	err := c.Command(ctx, "cosigner", "init", "--first-era", "0", "--first-height", "0", "--again", "0/0", "--config",
		config, "--without", Main+","+Standby) // some tests start agents late, or none
	if err != nil {
		return err
	}
	c.Cosigners = append(c.Cosigners, c.process(name, "cosigner", "run", "--config", config))
	return nil
}

// moveState edits the host's settings as an operator would.
func moveState(config, state string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	const own = "state = 'state'"
	edited := strings.Replace(string(text), own, fmt.Sprintf("state = '%s'", state), 1)
	if edited == string(text) {
		return fmt.Errorf("%s has no line %q", config, own)
	}
	return os.WriteFile(config, []byte(edited), 0o600)
}

func (c *Cluster) process(name string, args ...string) *Process {
	return &Process{Name: name, Path: c.Binary, Args: args, Log: filepath.Join(c.Dir, name+".log")}
}

// Command runs one command of the program to its end.
func (c *Cluster) Command(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, c.Binary, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running %s %s: %w\n%s", filepath.Base(c.Binary), strings.Join(args, " "), err, out)
	}
	return nil
}

// Start starts every process that does not run. They end with ctx at the latest.
func (c *Cluster) Start(ctx context.Context) error {
	for _, p := range c.processes() {
		if p.Running() {
			continue
		}
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close ends every process: with SIGTERM, and SIGKILL for one that does not heed it.
func (c *Cluster) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.closeIn)
	defer cancel()
	var err error
	for _, p := range c.processes() {
		err = errors.Join(err, p.Term())
	}
	for _, p := range c.processes() {
		if p.Wait(ctx) != nil {
			err = errors.Join(err, p.Kill())
		}
	}
	return err
}

// Cosigner returns the cosigner of that name, or nil.
func (c *Cluster) Cosigner(name string) *Process {
	i := slices.IndexFunc(c.Cosigners, func(p *Process) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return c.Cosigners[i]
}

// Socket is the unix socket on which a node's agent listens.
func (c *Cluster) Socket(node string) string { return filepath.Join(c.Dir, node, "signer.sock") }

// Restarts lists every time that a process ended by itself and was started again, with the
// last that it said.
func (c *Cluster) Restarts() (all []string) {
	for _, p := range c.processes() {
		all = append(all, p.Restarts()...)
	}
	return all
}

// StateDir is where a cosigner keeps its state.
func (c *Cluster) StateDir(cosigner string) string { return filepath.Join(c.Dir, cosigner, "state") }

// agents first: they must not be the last to go, waiting for cosigners that are gone.
func (c *Cluster) processes() []*Process { return slices.Concat(c.Agents, c.Cosigners) }
