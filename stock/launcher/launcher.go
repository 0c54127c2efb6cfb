// Package launcher reads what casper-node-launcher goes by: the versions of casper-node that are
// staged on a host, and which of them runs.
//
// It promises to see what the launcher sees (launcher.rs and utils.rs of casper-node-launcher 1.0),
// and writes nothing. Versions with something behind the third number, which the launcher knows
// too, it takes for none: no network's protocol has such.
package launcher

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// StateFile is the name of the launcher's own file, in the folder of settings.
const StateFile = "casper-node-launcher-state.toml"

// Version is that of a protocol, which is that of a casper-node too.
type Version [3]uint64

// ParseVersion takes 2.0.3, and 2_0_3 as folders are named.
func ParseVersion(text string) (v Version, err error) {
	parts := strings.Split(strings.ReplaceAll(text, "_", "."), ".")
	if len(parts) != len(v) {
		return v, fmt.Errorf("%q is no version: three numbers", text)
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 64)
		if err != nil || strconv.FormatUint(n, 10) != p {
			return v, fmt.Errorf("%q is no version: %q is no number", text, p)
		}
		v[i] = n
	}
	return v, nil
}

// Compare is negative if v is the lower one.
func (v Version) Compare(w Version) int { return slices.Compare(v[:], w[:]) }

// String returns it with dots.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// Folder returns it as its folders are named.
func (v Version) Folder() string { return strings.ReplaceAll(v.String(), ".", "_") }

// Folders is where versions are staged: a folder each, in both.
type Folders struct {
	Binaries string
	Settings string
}

// Default is where casper-node-launcher looks, also by the environment variables that it heeds.
func Default() Folders {
	return Folders{Binaries: cmp.Or(os.Getenv("CASPER_BIN_DIR"), "/var/lib/casper/bin"),
		Settings: cmp.Or(os.Getenv("CASPER_CONFIG_DIR"), "/etc/casper")}
}

// Binary is where a version's program is.
func (f Folders) Binary(v Version) string {
	return filepath.Join(f.Binaries, v.Folder(), "casper-node")
}

// Config is where a version's config is; the chainspec is beside it.
func (f Folders) Config(v Version) string {
	return filepath.Join(f.Settings, v.Folder(), "config.toml")
}

// Versions returns those that a folder has, ascending.
func Versions(dir string) (all []Version, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for staged versions: %w", err)
	}
	for _, e := range entries {
		if v, err := ParseVersion(e.Name()); err == nil {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, Version.Compare)
	return all, nil
}

// Staged returns the versions that have a program, ascending. Those that have no settings yet are
// among them: the launcher would not start with them.
func (f Folders) Staged() ([]Version, error) {
	all, err := Versions(f.Binaries)
	return slices.DeleteFunc(all, func(v Version) bool {
		_, err := os.Stat(f.Binary(v))
		return err != nil
	}), err
}

// NodeInfo is what the launcher's file says of a version.
type NodeInfo struct {
	Version    string `toml:"version,omitempty"`
	BinaryPath string `toml:"binary_path,omitempty"`
	ConfigPath string `toml:"config_path,omitempty"`
}

// Info returns what the file says of a version.
func (f Folders) Info(v Version) NodeInfo { return NodeInfo{v.String(), f.Binary(v), f.Config(v)} }

// The modes of a State.
const (
	Run     = "RunNodeAsValidator"
	Migrate = "MigrateData"
)

// State is the launcher's file: NodeInfo of the version that runs, or, while data are migrated, Old
// and New.
type State struct {
	Mode string `toml:"mode"`
	NodeInfo
	Old *NodeInfo `toml:"old_info,omitempty"`
	New *NodeInfo `toml:"new_info,omitempty"`
}

// State reads the launcher's file; false if it has none yet, and will run the highest version.
func (f Folders) State() (s State, ok bool, err error) {
	path := filepath.Join(f.Settings, StateFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, false, nil
	}
	if err == nil {
		err = toml.Unmarshal(text, &s)
	}
	if err == nil && s.Mode != Run && (s.Mode != Migrate || s.Old == nil || s.New == nil) {
		err = fmt.Errorf("unknown mode %q", s.Mode)
	}
	if err != nil {
		return s, false, fmt.Errorf("reading the launcher's state, %s: %w", path, err)
	}
	return s, true, nil
}

// Current returns the version that runs, or whose data are being migrated to.
func (s State) Current() (Version, error) {
	if s.Mode == Migrate {
		return ParseVersion(s.New.Version)
	}
	return ParseVersion(s.Version)
}

// Upcoming returns the version that runs and all that are staged to come after it, ascending. Where
// the launcher has not run yet, that is the highest one.
func (f Folders) Upcoming() ([]Version, error) {
	all, err := f.Staged()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	from := all[len(all)-1]
	s, ran, err := f.State()
	if err == nil && ran {
		from, err = s.Current()
	}
	return slices.DeleteFunc(all, func(v Version) bool { return v.Compare(from) < 0 }), err
}
