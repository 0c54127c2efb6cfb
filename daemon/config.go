// Package daemon assembles a cosigner or an agent from its host's files and runs it. It is where
// signer, cosigner, raftstore and agent meet; it decides nothing of its own.
package daemon

import (
	"crypto/ed25519"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/rs/zerolog"

	"casper-cosigner/agent/health"
	"casper-cosigner/cluster"
	"casper-cosigner/cosigner"
	"casper-cosigner/stock/drill"
	"casper-cosigner/stock/launcher"
)

// CosignerFile is a cosigner host's own settings, in TOML. Paths are relative to the file.
type CosignerFile struct {
	Name            string `toml:"name" comment:"of this cosigner in the cluster file"`
	Cluster         string `toml:"cluster" comment:"the cluster file"`
	Certificate     string `toml:"certificate"`
	Key             string `toml:"key" comment:"secret key of the certificate"`
	State           string `toml:"state" comment:"state directory, made by cosigner init. Never copy or restore it"`
	Share           string `toml:"share,omitempty" comment:"encrypted share, made by keygen split. Back it up"`
	ShareIdentity   string `toml:"share_identity,omitempty" comment:"age identity that opens the share"`
	SharePassphrase string `toml:"share_passphrase,omitempty" comment:"or a file with its passphrase"`
	Listen          string `toml:"listen,omitempty" comment:"address to bind instead of the cluster file's, likewise the next two"`
	ListenRaft      string `toml:"listen_raft,omitempty"`
	ListenAdmin     string `toml:"listen_admin,omitempty"`
	Metrics         string `toml:"metrics,omitempty" comment:"loopback address for /metrics, /livez and /readyz"`

	Hook []string `toml:"hook,omitempty" comment:"told of each change of roles, in JSON: a command and its arguments, or one http(s) URL"`

	dir string
}

// AgentFile is an agent host's own settings, in TOML. Paths are relative to the file.
type AgentFile struct {
	Name        string   `toml:"name" comment:"of this node in the cluster file"`
	Cluster     string   `toml:"cluster" comment:"the cluster file"`
	Certificate string   `toml:"certificate"`
	Key         string   `toml:"key" comment:"the node's failover key"`
	Socket      string   `toml:"socket" comment:"unix socket for casper-node"`
	State       string   `toml:"state,omitempty" comment:"folder of this agent alone. Never restore it"`
	REST        string   `toml:"rest,omitempty" comment:"casper-node's REST server, where its /status is; without it nobody sees why the node is not ready"`
	Events      string   `toml:"events,omitempty" comment:"casper-node's event server, which tells of shutdowns and faults"`
	Listen      string   `toml:"listen,omitempty" comment:"address to bind for the other agents' pings instead of the cluster file's"`
	Metrics     string   `toml:"metrics,omitempty" comment:"loopback address for /metrics and /livez"`
	UnitFiles   string   `toml:"unit_files,omitempty" comment:"casper-node's folder of them, where a fault is looked into"`
	Restart     []string `toml:"restart,omitempty" comment:"command and arguments that restart a stock node"`
	KeyFiles    []string `toml:"key_files,omitempty" comment:"where no secret key of the validator may lie any more; * stands for any name"`

	dir string
}

// OperatorFile is an operator's own settings, in TOML. Paths are relative to the file.
type OperatorFile struct {
	Name        string `toml:"name" comment:"of this operator in the cluster file"`
	Cluster     string `toml:"cluster" comment:"the cluster file"`
	Certificate string `toml:"certificate"`
	Key         string `toml:"key"`

	dir string
}

// Host is who a host is: the cluster file and the proof of a place in it.
type Host struct {
	Cluster     *cluster.File
	Name        string
	Certificate tls.Certificate
}

// Key is the secret key of the host's certificate.
func (h Host) Key() ed25519.PrivateKey { return h.Certificate.PrivateKey.(ed25519.PrivateKey) }

// ReadCosignerFile reads a cosigner's settings. Its error lists every fault found.
func ReadCosignerFile(path string) (*CosignerFile, error) {
	f := &CosignerFile{dir: filepath.Dir(path)}
	if err := readTOML(path, f); err != nil {
		return nil, err
	}
	err := missing(path, "name", f.Name, "cluster", f.Cluster, "certificate", f.Certificate, "key", f.Key,
		"state", f.State)
	if f.Share != "" && (f.ShareIdentity == "") == (f.SharePassphrase == "") {
		err = errors.Join(err, fmt.Errorf("%s: give one of share_identity and share_passphrase", path))
	}
	if len(f.Hook) > 0 && !isURL(f.Hook) {
		if _, lookErr := exec.LookPath(f.HookTarget()[0]); lookErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: hook: want a program and its arguments, or one http(s) URL: %w",
				path, lookErr))
		}
	}
	return f, err
}

// ReadAgentFile reads an agent's settings. Its error lists every fault found.
func ReadAgentFile(path string) (*AgentFile, error) {
	f := &AgentFile{dir: filepath.Dir(path)}
	if err := readTOML(path, f); err != nil {
		return nil, err
	}
	err := missing(path, "name", f.Name, "cluster", f.Cluster, "certificate", f.Certificate,
		"key", f.Key, "socket", f.Socket)
	for _, s := range [][2]string{{"rest", f.REST}, {"events", f.Events}} {
		if !isBase(s[1]) {
			err = errors.Join(err, fmt.Errorf("%s: %s: want http://HOST:PORT and nothing behind it, got %q", path, s[0], s[1]))
		}
	}
	if command := f.RestartCommand(); len(command) > 0 {
		if _, lookErr := exec.LookPath(command[0]); lookErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: restart: want a program and its arguments: %w", path, lookErr))
		}
	}
	for _, pattern := range f.KeyFiles {
		if _, bad := filepath.Match(pattern, ""); bad != nil || pattern == "" {
			err = errors.Join(err, fmt.Errorf("%s: key_files: want paths, in which * stands for any name, got %q",
				path, pattern))
		}
	}
	return f, err
}

// isBase reports whether the text is empty or names a plain HTTP server and no page of it.
func isBase(text string) bool {
	if text == "" {
		return true
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return false
	}
	bare := url.URL{Scheme: "http", Host: u.Host}
	return strings.TrimSuffix(text, "/") == bare.String()
}

// ReadOperatorFile reads an operator's settings. Its error lists every fault found.
func ReadOperatorFile(path string) (*OperatorFile, error) {
	f := &OperatorFile{dir: filepath.Dir(path)}
	if err := readTOML(path, f); err != nil {
		return nil, err
	}
	return f, missing(path, "name", f.Name, "cluster", f.Cluster, "certificate", f.Certificate, "key", f.Key)
}

// Host reads the cluster file and this host's certificate.
func (f *CosignerFile) Host() (Host, error) {
	return readHost(f.dir, f.Name, f.Cluster, [2]string{f.Certificate, f.Key})
}

// Host reads the cluster file and this host's certificate.
func (f *AgentFile) Host() (Host, error) {
	return readHost(f.dir, f.Name, f.Cluster, [2]string{f.Certificate, f.Key})
}

// Host reads the cluster file and the operator's certificate.
func (f *OperatorFile) Host() (Host, error) {
	return readHost(f.dir, f.Name, f.Cluster, [2]string{f.Certificate, f.Key})
}

// HookTarget is the hook: a command with its arguments, or one URL. It is empty if there is none.
func (f *CosignerFile) HookTarget() []string {
	if isURL(f.Hook) {
		return f.Hook
	}
	return command(f.dir, f.Hook)
}

// RestartCommand is the command that restarts the node, with its arguments. It is empty if there is
// none.
func (f *AgentFile) RestartCommand() []string { return command(f.dir, f.Restart) }

// command returns the words of a command whose program may be named by a path.
func command(dir string, words []string) []string {
	if len(words) == 0 || !strings.Contains(words[0], "/") {
		return words
	}
	return append([]string{resolve(dir, words[0])}, words[1:]...)
}

// StatePath is the state directory.
func (f *CosignerFile) StatePath() string { return resolve(f.dir, f.State) }

// SocketPath is the unix socket.
func (f *AgentFile) SocketPath() string { return resolve(f.dir, f.Socket) }

// health is what the agent watches of its node. Ages are measured by the monotonic clock, whatever
// the wall clock says.
func (f *AgentFile) health(c *cluster.File, logger zerolog.Logger) health.Config {
	w := health.Config{REST: strings.TrimSuffix(f.REST, "/"), Events: strings.TrimSuffix(f.Events, "/"),
		Validator: c.Validator, Stock: c.StockNodes()[f.Name], Logger: logger, Now: time.Now}
	if f.UnitFiles != "" {
		w.UnitFiles = resolve(f.dir, f.UnitFiles)
	}
	if w.Stock {
		w.Undrilled = newStaged(launcher.Default(), drill.Folder).undrilled
	}
	for _, pattern := range f.KeyFiles {
		w.KeyFiles = append(w.KeyFiles, resolve(f.dir, pattern))
	}
	return w
}

// CheckShare opens the share, if there is one, and returns the fingerprint of its split, empty if
// no share is used, or what is wrong with the share or with having none. Only a cluster whose nodes
// are all stock does without.
func (f *CosignerFile) CheckShare(c *cluster.File) (split string, err error) {
	keys, err := f.keyring(c)
	if err == nil {
		_, err = f.piece(c)
	}
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(keys.Split()), nil
}

// keyring returns who holds which share, as far as shares are used: not where all nodes are stock.
// A share that is there is checked all the same.
func (f *CosignerFile) keyring(c *cluster.File) (*cosigner.Keyring, error) {
	keyless := c.Keyless()
	if f.Share == "" {
		if len(keyless) > 0 {
			return nil, fmt.Errorf("no share is set here, and by the cluster file %q holds no key, so that the cosigners have "+
				"to sign for it: if that casper-node signs itself, behind a gate, write `stock = true` at it, the same on all "+
				"hosts; else have `keygen split` make the shares, and set `share` in cosigner.toml of each cosigner", keyless)
		}
		return cosigner.NoKeys(), nil
	}
	share, epoch, err := f.OpenShare(c)
	switch {
	case err != nil:
		return nil, err
	case len(keyless) == 0:
		return cosigner.NoKeys(), nil
	}
	return keyring(c, f.Name, share, epoch)
}

func (f *CosignerFile) shareIdentity() (age.Identity, error) {
	if f.SharePassphrase != "" {
		text, err := os.ReadFile(resolve(f.dir, f.SharePassphrase))
		if err != nil {
			return nil, fmt.Errorf("reading the share's passphrase: %w", err)
		}
		return age.NewScryptIdentity(strings.TrimRight(string(text), "\r\n"))
	}
	path := resolve(f.dir, f.ShareIdentity)
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the share's identity: %w", err)
	}
	defer file.Close()
	ids, err := age.ParseIdentities(file)
	if err != nil || len(ids) != 1 { // whose words may quote the secret
		return nil, fmt.Errorf("reading the share's identity %s: it does not hold one age identity", path)
	}
	return ids[0], nil
}

func readTOML(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "; `init` makes it, --config names another"
		}
		return fmt.Errorf("reading settings: %w%s", err, hint)
	}
	if err := cluster.DecodeTOML(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// missing returns a fault for each setting without a value; settings are names and values in turn.
func missing(path string, settings ...string) error {
	var faults []error
	for pair := range slices.Chunk(settings, 2) {
		if pair[1] == "" {
			faults = append(faults, fmt.Errorf("%s: %s is missing", path, pair[0]))
		}
	}
	return errors.Join(faults...)
}

func readHost(dir, name, clusterPath string, pair [2]string) (Host, error) {
	var text [3][]byte
	for i, path := range []string{clusterPath, pair[0], pair[1]} {
		var err error
		if text[i], err = os.ReadFile(resolve(dir, path)); err != nil {
			return Host{}, fmt.Errorf("reading settings: %w", err)
		}
	}
	c, err := cluster.Parse(text[0])
	if err != nil {
		return Host{}, fmt.Errorf("%s: %w", resolve(dir, clusterPath), err)
	}
	certificate, err := c.LoadCertificate(name, text[1], text[2])
	if err != nil {
		return Host{}, err
	}
	return Host{Cluster: c, Name: name, Certificate: certificate}, nil
}

func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
