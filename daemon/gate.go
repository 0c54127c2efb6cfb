package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/cluster"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/claim"
	"casper-cosigner/stock/gate"
)

// GateFile is the settings of the gate of a stock node, in TOML. Paths are relative to the file.
type GateFile struct {
	Cluster   string `toml:"cluster" comment:"the cluster file, which only root can change: it says whose word counts"`
	Socket    string `toml:"socket" comment:"the agent's unix socket: socket in agent.toml"`
	UnitFiles string `toml:"unit_files" comment:"where the node looks for them: storage, network, unit_files"`
	Folder    string `toml:"folder" comment:"the gate's own folder, where they lie. Never copy or restore it"`
	KeyFile   string `toml:"key_file,omitempty" comment:"the validator's, for root only; none where cosigners keep it"`
	KeyFolder string `toml:"key_folder,omitempty" comment:"where the node finds it, if its program passed gate drill"`

	path, dir string
}

// What the watch of a gate goes by. A gate that hangs costs the node the blocks that it would sign
// meanwhile, and a finality signature is of use for six of them.
const (
	watchInterval = 500 * time.Millisecond
	watchPatience = 2 * time.Second
	// importPatience is how long a message of an old unit file waits to be granted. No node waits.
	importPatience = 30 * time.Second
)

// ReadGateFile reads a gate's settings. Its error lists every fault found.
func ReadGateFile(path string) (*GateFile, error) {
	f := &GateFile{path: path, dir: filepath.Dir(path)}
	if err := readTOML(path, f); err != nil {
		return nil, err
	}
	err := missing(path, "cluster", f.Cluster, "socket", f.Socket, "unit_files", f.UnitFiles, "folder", f.Folder)
	if f.KeyFile != "" && f.KeyFolder == "" {
		err = errors.Join(err, fmt.Errorf("%s: give both of key_file and key_folder, or none; key_folder alone where the "+
			"cosigners keep the key (custody in the cluster file)", path))
	}
	return f, err
}

// Settings is what the gate is made of; the log is still to be added.
func (f *GateFile) Settings() (gate.Settings, error) {
	c, err := f.readCluster()
	if err != nil {
		return gate.Settings{}, err
	}
	return gate.Settings{Key: c.Validator, UnitFiles: f.UnitFilesPath(), State: resolve(f.dir, f.Folder)}, nil
}

// readCluster reads the cluster file, by which the gate tells whose word counts. It, and what names
// it, must not be the agent's to change.
func (f *GateFile) readCluster() (*cluster.File, error) {
	path := resolve(f.dir, f.Cluster)
	for _, file := range []string{f.path, path} {
		if err := onlyRootWrites(file); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	c, err := cluster.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// UnitFilesPath is where the node looks for its unit files.
func (f *GateFile) UnitFilesPath() string { return resolve(f.dir, f.UnitFiles) }

// RunGate runs the gate until ctx ends.
func RunGate(ctx context.Context, f *GateFile, o Options) (err error) {
	s, err := f.Settings()
	if err != nil {
		return err
	}
	s.Log = o.Logger
	if s.Secret, err = f.secret(s.Key); err != nil {
		return err
	}
	a, err := f.asker()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Client.Close()) }()
	if err := f.takeCustody(&s, a); err != nil {
		return err
	}
	g := gate.New(s, a)
	ctx, end := context.WithCancel(ctx)
	var telling sync.WaitGroup
	defer func() { end(); telling.Wait() }()
	return g.Run(ctx, func() { // what does not stand yet tells nothing
		telling.Go(func() { g.Tell(ctx, agentHearer{a.Client}) })
		notifyReady(o.Logger)
	})
}

// takeCustody has the key come from the cosigners, if the settings name no file of it but a folder.
func (f *GateFile) takeCustody(s *gate.Settings, a agentAsker) error {
	if f.KeyFile != "" || f.KeyFolder == "" {
		return nil
	}
	c, err := f.readCluster()
	if err != nil {
		return err
	}
	if len(c.Custody().Keeps()) == 0 {
		return fmt.Errorf("%s: key_folder without key_file: by the cluster file the cosigners keep no node's key: give "+
			"both, or none", f.path)
	}
	if err := keepMemory(); err != nil {
		s.Log.Warn().Err(err).Msg("this process's memory may be swapped or dumped, and the validator's key with it: run " +
			"the gate as root, with LimitMEMLOCK=infinity, and swap off")
	}
	s.Secret.Custody = gateCustody{cluster: c, keys: a.Client.Keys, log: s.Log}
	return nil
}

// WatchGate watches the gate until ctx ends.
func WatchGate(ctx context.Context, f *GateFile, o Options) (err error) {
	a, err := f.asker()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Client.Close()) }()
	w := gate.Watch{UnitFiles: f.UnitFilesPath(), Interval: watchInterval, Patience: watchPatience,
		Tell: agentHearer{a.Client}.Sees, Log: o.Logger}
	return w.Run(ctx)
}

// ImportUnitFiles has the gate take over unit files that a node wrote without it, or folders of
// them.
func ImportUnitFiles(ctx context.Context, f *GateFile, paths ...string) (all []gate.Old, err error) {
	s, err := f.Settings()
	if err != nil {
		return nil, err
	}
	s.Patience, s.Log = importPatience, zerolog.Nop()
	a, err := f.asker()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Client.Close()) }()
	a.Old = true
	return gate.New(s, a).Import(ctx, a, paths...)
}

// agentAsker asks the node's agent, and tells a gate's words for what it answers.
type agentAsker struct{ claim.Asker }

// asker asks the agent that is named in the settings. It is connected to when it is needed.
func (f *GateFile) asker() (agentAsker, error) {
	c, err := f.readCluster()
	if err != nil {
		return agentAsker{}, err
	}
	client, err := claim.Dial(claim.Config{Socket: resolve(f.dir, f.Socket), Attesters: c.Attesters()})
	return agentAsker{claim.Asker{Client: client}}, err
}

// Claim returns a proof that the slot holds this message, by attestations of t cosigners.
func (a agentAsker) Claim(ctx context.Context, own casper.Ballot) (attest.Proof, error) {
	p, err := a.Asker.Claim(ctx, own)
	if held := new(claim.HeldError); errors.As(err, &held) {
		holds, _ := casper.BallotOf(held.Held) // to be compared with what was claimed
		return attest.Proof{}, fmt.Errorf("%w, %s: %w", gate.ErrBound, holds.Content(), err)
	}
	if no := new(claim.RefusedError); errors.As(err, &no) && no.Never() {
		return attest.Proof{}, fmt.Errorf("%w: %w", gate.ErrNever, err)
	}
	return p, err
}

// notifyReady tells systemd, with Type=notify, that what comes after may start.
func notifyReady(log zerolog.Logger) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	c, err := net.Dial("unixgram", name)
	if err == nil {
		defer c.Close()
		_, err = c.Write([]byte("READY=1"))
	}
	if err != nil {
		log.Warn().Err(err).Msg("telling systemd that the gate stands")
	}
}
