package drill

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"casper-cosigner/stock/gate"
	"casper-cosigner/stock/node"
)

// chainName is of no network that there is, so that nothing that is signed here is worth anything
// elsewhere.
const chainName = "casper-drill"

// What the network is like.
const (
	genesisIn   = 12 * time.Second
	blockTime   = time.Second
	eraDuration = 24 * time.Hour // one era, so that nobody is evicted for being halted
	eraHeight   = 1000
	firstPort   = 35000
	bondUnit    = 500_000_000_000_000
)

// gatePatience is longer than anything is held.
const gatePatience = time.Minute

// answerWithin is how long a node may take to answer over REST.
const answerWithin = 10 * time.Second

// player is one node.
type player struct {
	name  string
	dir   string
	key   ed25519.PrivateKey
	bond  uint64
	place node.Place
	cmd   *exec.Cmd
	ended chan struct{}
	runs  int
}

func newPlayer(work, name string, bond uint64, port int) (*player, error) {
	_, key, err := ed25519.GenerateKey(nil)
	at := func(i int) string { return "127.0.0.1:" + strconv.Itoa(port+i) }
	dir := filepath.Join(work, name)
	return &player{name: name, dir: dir, key: key, bond: bond, place: node.Place{Storage: filepath.Join(dir, "storage"),
		Network: at(0), REST: at(1), Events: at(2), BinaryPort: at(3)}}, err
}

func (p *player) unitFiles() string { return node.UnitFiles(p.place.Storage, chainName) }

// write makes the player's files, of what its version was staged with.
func (p *player) write(spec, accounts []byte, config node.Tree) error {
	pem, err := node.PEM(p.key)
	if err != nil {
		return err
	}
	for path, value := range p.place.Config() {
		config.Put(path, value)
	}
	// What ties a node to the network that it was staged for, or needs more than two nodes.
	config.Delete("node.trusted_hash")
	config.Delete("network.identity")
	config.Put("network.min_peers_for_initialization", 1)
	// What an operator may have chosen, and would keep it from voting, or from being asked.
	for path, value := range map[string]any{"diagnostics_port.enabled": false, "rest_server.enable_server": true,
		"node.sync_handling": "ttl", "node.force_resync": false} {
		if config.Get(path) != nil {
			config.Put(path, value)
		}
	}
	text, err := config.TOML()
	if err != nil {
		return err
	}
	// Without its last part: that is the gate's, or the node's, to make.
	folder := filepath.Dir(p.unitFiles())
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, text := range map[string][]byte{"config.toml": text, "chainspec.toml": spec, "accounts.toml": accounts,
		node.KeyFile: pem} {
		if err := os.WriteFile(filepath.Join(p.dir, name), text, 0o600); err != nil {
			return err
		}
		if err := os.Chown(filepath.Join(p.dir, name), nobody, nobody); err != nil {
			return err
		}
	}
	return errors.Join(os.Chown(p.dir, nobody, nobody), os.Chown(p.place.Storage, nobody, nobody),
		os.Chown(folder, nobody, nobody))
}

// start starts the player's process.
func (p *player) start(ctx context.Context, binary string) error {
	p.runs++
	log, err := os.Create(filepath.Join(p.dir, fmt.Sprintf("run-%d.log", p.runs)))
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = node.Command(ctx, binary, p.dir)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting the node that is %s: %w", p.name, err)
	}
	cmd, ended := p.cmd, make(chan struct{})
	p.ended = ended
	go func() {
		cmd.Wait() //nolint:errcheck // what it would say is in ProcessState
		close(ended)
	}()
	return nil
}

// kill ends the player's process and waits until it is gone.
func (p *player) kill() {
	if p.cmd != nil {
		p.cmd.Process.Kill() //nolint:errcheck // it has ended
		<-p.ended
	}
}

// gone says that the process ended by itself, and how.
func (p *player) gone() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the node that is %s ended by itself: %v; its log is in %s", p.name, p.cmd.ProcessState, p.dir)
	default:
		return nil
	}
}

// height asks the player for the height of its newest block.
func (p *player) height(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.place.REST+"/status", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("asking the node that is %s for its status: %w", p.name, err)
	}
	defer response.Body.Close()
	var status struct {
		Block *struct {
			Height int `json:"height"`
		} `json:"last_added_block_info"`
	}
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		return 0, fmt.Errorf("reading the status of the node that is %s: %w", p.name, err)
	}
	if status.Block == nil {
		return 0, nil
	}
	return status.Block.Height, nil
}

// network is the two nodes and the gate.
type network struct {
	order    order
	say      func(format string, args ...any)
	protocol string

	drilled, listens *player
	oracle           *Oracle
	blocks           int
}

// set makes all files.
func (n *network) set() error {
	spec, config, err := readStaged(n.order.Staged)
	if err != nil {
		return err
	}
	n.protocol, _ = spec.Get("protocol.version").(string)
	if n.drilled, err = newPlayer(n.order.Work, "drilled", 3*bondUnit, firstPort); err != nil {
		return err
	}
	if n.listens, err = newPlayer(n.order.Work, "listening", bondUnit, firstPort+10); err != nil {
		return err
	}
	n.drilled.place.Peers, n.listens.place.Peers = []string{n.listens.place.Network}, []string{n.drilled.place.Network}
	chain := node.Chain{Name: chainName, Genesis: time.Now().Add(genesisIn), BlockTime: blockTime,
		EraDuration: eraDuration, MinimumEraHeight: eraHeight}
	for path, value := range chain.Chainspec() {
		spec.Put(path, value)
	}
	text, err := spec.TOML()
	if err != nil {
		return err
	}
	_, faucet, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	var bonded []node.Bonded
	for _, p := range []*player{n.drilled, n.listens} {
		bonded = append(bonded, node.Bonded{Key: node.Public(p.key), Bond: p.bond})
	}
	for _, p := range []*player{n.drilled, n.listens} {
		if err := p.write(text, node.Accounts(node.Public(faucet), bonded), config); err != nil {
			return fmt.Errorf("making the files of a node: %w", err)
		}
	}
	return nil
}

// raise starts the gate, and waits until it stands.
func (n *network) raise(ctx context.Context, socket string) (stop func(), err error) {
	o := order{Part: partGate, Ask: socket, Gate: gate.Settings{Key: node.Public(n.drilled.key),
		UnitFiles: n.drilled.unitFiles(), State: filepath.Join(n.order.Work, "gate"), Patience: gatePatience}}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(n.order.Work, "gate.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, n.order.Self[0], n.order.Self[1:]...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		cmd.Process.Kill() //nolint:errcheck // it has ended
		cmd.Wait()         //nolint:errcheck // it was killed
	}
	if read, _ := out.Read(make([]byte, 16)); read == 0 {
		stop()
		why, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("the gate does not stand: %s", bytes.TrimSpace(why))
	}
	return stop, nil
}
