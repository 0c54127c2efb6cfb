package testimony

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/wire"
	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
)

// writeEvery bounds how often a Keeper writes its file. A crash loses at most what was heard since.
const writeEvery = time.Second

// KeeperConfig is what a Keeper is made of.
type KeeperConfig struct {
	Path    string // of its file
	Members witness.Members
	Logger  zerolog.Logger
}

// Keeper keeps for an agent what the cosigners stated. OpenKeeper makes one. Its methods may be
// called concurrently.
type Keeper struct {
	KeeperConfig
	lock *os.File // nil if none could be made

	mu     sync.Mutex // guards all below
	book   *witness.Book
	shown  []*cosignerv1.SignedStatement // as they travel, made anew when one is kept
	told   []*cosignerv1.SignedStatement // those of them that other agents keep
	budget budgets                       // of other agents
	stale  bool                          // the file lacks some
	said   bool                          // that it could not be written
}

// keptFile is the file: readable, and each line proves itself.
type keptFile struct {
	Version    int    `json:"version"`
	Statements []kept `json:"statements"`
}

type kept struct {
	Says      string `json:"says"` // for people; Text counts
	Text      string `json:"text"`
	Key       string `json:"key"`
	Signature string `json:"signature"`
	Hearsay   bool   `json:"hearsay,omitempty"` // only others showed it
}

const keptVersion = 1

// OpenKeeper takes the folder for this process, until Close, and reads what was kept. An agent
// without a file starts with nothing, and says so.
func OpenKeeper(c KeeperConfig) (*Keeper, error) {
	k := &Keeper{KeeperConfig: c, book: witness.NewBook(c.Members), budget: budgets{}}
	if err := k.takeFolder(); err != nil {
		return nil, err
	}
	if err := k.open(); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// lockFile is taken in the folder while an agent runs. Of two agents with one folder each would
// undo what the other one wrote, here and in its note of restarts.
const lockFile = "witness.lock"

// takeFolder fails only if another agent has the folder. That no lock can be made there is no
// reason not to run: then no file can, which is told.
func (k *Keeper) takeFolder() (err error) {
	folder := filepath.Dir(k.Path)
	k.lock, err = statedir.Lock(filepath.Join(folder, lockFile))
	switch {
	case errors.Is(err, statedir.ErrInUse):
		return fmt.Errorf("opening %s: another agent has this folder for what it keeps, and each would undo what the other "+
			"one wrote: give each a folder of its own, `state` in agent.toml, or StateDirectory in its unit", folder)
	case err != nil:
		k.Logger.Error().Err(err).Msg("cannot lock the folder for what the cosigners state: another agent must not have it")
	}
	return nil
}

// Close gives the folder up.
func (k *Keeper) Close() error {
	if k.lock == nil {
		return nil
	}
	return k.lock.Close()
}

// open reads the file.
func (k *Keeper) open() error {
	c := k.KeeperConfig
	data, err := os.ReadFile(c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Logger.Warn().Str("file", c.Path).Msg("there is no file of what the cosigners stated: as a witness this agent " +
			"begins with nothing. If it is not new, it has forgotten what they had signed so far")
		k.stale = true
	case err != nil:
		return fmt.Errorf("reading what the cosigners stated: %w", err)
	default:
		if err := k.read(data); err != nil {
			return fmt.Errorf("reading what the cosigners stated: %s is damaged: %w. While the cosigners run and have "+
				"lost nothing, move the file away: the agent begins a new one. If a cosigner was restored or made anew "+
				"lately, keep it for those who look into that", c.Path, err)
		}
	}
	k.show()
	if n, looked := len(k.shown), most(c.Members); n > looked {
		c.Logger.Warn().Str("file", c.Path).Int("statements", n).Int("looked_at", looked).Msg("there are more statements " +
			"of this validator's cosigners than a cosigner looks at; those of this cluster come first")
	}
	return nil
}

// KeptBy reports whether what another agent of this validator kept lies in the folder, and no agent
// runs there. What is damaged may be that; what this process may not read another user's agent
// keeps.
func KeptBy(folder, name string, m witness.Members) bool {
	if folder == "" {
		return false
	}
	k := &Keeper{KeeperConfig: KeeperConfig{Path: filepath.Join(folder, name), Members: m}, book: witness.NewBook(m)}
	data, err := os.ReadFile(k.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false
	}
	var busy error
	if _, none := os.Lstat(filepath.Join(folder, lockFile)); none == nil { // nothing is made there
		lock, err := statedir.Lock(filepath.Join(folder, lockFile))
		if busy = err; err == nil {
			defer lock.Close()
		}
	}
	return !errors.Is(busy, statedir.ErrInUse) && (err != nil || k.read(data) != nil || len(k.book.All()) > 0)
}

func (k *Keeper) read(data []byte) error {
	var f keptFile
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	if f.Version != keptVersion {
		return fmt.Errorf("it is of version %d, this program knows %d", f.Version, keptVersion)
	}
	for i, s := range f.Statements {
		var parts [3][]byte
		for j, text := range []string{s.Text, s.Key, s.Signature} {
			var err error
			if parts[j], err = hex.DecodeString(text); err != nil {
				return fmt.Errorf("statement %d: %w", i+1, err)
			}
		}
		signed, err := witness.Read(parts[0], parts[1], parts[2])
		if err == nil && !k.book.Recall(signed, s.Hearsay) {
			err = errors.New("its signature is wrong")
		}
		if err != nil {
			return fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return nil
}

// Heard keeps what a cosigner's answer shows, if it is the newest word of a member of this cluster.
func (k *Keeper) Heard(cosigner string, all []*cosignerv1.SignedStatement) {
	read := wire.ReadStatements(all[:min(len(all), most(k.Members))])
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.book.Answered(cosigner, read) {
		k.stale = true
		k.show()
	}
}

// HeardAgent keeps what another agent shows that cosigners of this cluster stated. They may be
// others than this one asks: cosigners of the same names and keys run twice where a host is moved,
// or a cluster made anew, and those of before go on, and then only agents that tell each other find
// out.
func (k *Keeper) HeardAgent(node string, all []*cosignerv1.SignedStatement) {
	read := wire.ReadStatements(all[:min(len(all), most(k.Members))])
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.book.Told(read, func() bool { return k.budget.may(k.Members, node, time.Now()) }) {
		k.stale = true
		k.show()
	}
}

// show makes what is shown anew.
func (k *Keeper) show() {
	k.shown, k.told = wire.Statements(k.book.All()), wire.Statements(k.book.Current())
}

// Shown returns all that is kept, to be shown to cosigners. It must not be changed.
func (k *Keeper) Shown() []*cosignerv1.SignedStatement {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.shown
}

// ShownToAgents returns what is kept of the cosigners of this cluster: agents keep nothing else of
// each other. It must not be changed.
func (k *Keeper) ShownToAgents() []*cosignerv1.SignedStatement {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.told
}

// Position returns the highest index of the log that at least a threshold of the cosigners state to
// have applied; false while fewer have stated any.
func (k *Keeper) Position() (index uint64, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.book.Position()
}

// Run writes the file as statements come, at most once a second, and once more when ctx ends. That
// it cannot be written is said and stops nothing: the agent goes on as a witness while it runs.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		k.write()
		select {
		case <-tick.C:
		case <-ctx.Done():
			k.write()
			return
		}
	}
}

func (k *Keeper) write() {
	k.mu.Lock()
	if !k.stale {
		k.mu.Unlock()
		return
	}
	k.stale = false
	f := keptFile{Version: keptVersion, Statements: []kept{}}
	for _, s := range k.book.Held() {
		f.Statements = append(f.Statements, kept{Says: s.String(), Text: hex.EncodeToString(s.Append(nil)),
			Key: s.Key.String(), Signature: hex.EncodeToString(s.Signature[:]),
			Hearsay: k.book.Hearsay(s)})
	}
	k.mu.Unlock()

	data, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		err = statedir.WriteFile(k.Path, append(data, '\n'), 0o600)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stale = k.stale || err != nil
	if err != nil && !k.said {
		k.Logger.Error().Err(err).Bool("alarm", true).Msg("cannot keep what the cosigners state: after a restart " +
			"this agent would not know what they signed. See to the disk and to who may write there; trying on")
	}
	k.said = err != nil
}
