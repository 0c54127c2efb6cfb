package gate

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sys/unix"
)

// caller is a process that wants the key, as the kernel shows it.
type caller struct {
	proc string // its folder in /proc
	args []string
	env  []string
	cwd  string
}

// callerAt reads what a process is. While it waits for its open to be answered, it stays that.
func callerAt(proc string) (c caller, err error) {
	c.proc = proc
	if c.args, err = c.list("cmdline"); err != nil {
		return caller{}, err
	}
	if c.env, err = c.list("environ"); err != nil {
		return caller{}, err
	}
	c.cwd, err = os.Readlink(c.proc + "/cwd")
	return c, err
}

func (c caller) list(name string) ([]string, error) {
	text, err := os.ReadFile(c.proc + "/" + name)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), nil
}

// hash is that of the program that runs.
func (c caller) hash() (h [sha256.Size]byte, err error) {
	f, err := os.Open(c.proc + "/exe")
	if err != nil {
		return h, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return h, err
	}
	return [sha256.Size]byte(sum.Sum(nil)), nil
}

// resolve finds a path as the process would, in its own root, and opens nothing there.
func (c caller) resolve(path string, flags uint64) (*os.File, error) {
	root, err := unix.Open(c.proc+"/root", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(root) //nolint:errcheck // nothing was written
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	fd, err := unix.Openat2(root, path, &how)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func (c caller) read(path string) ([]byte, error) {
	f, err := c.resolve(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// device is the minor number of what is mounted at a path for the process. The file system there is
// not asked: it is the gate's, which is busy with answering.
func (c caller) device(path string) (int, error) {
	f, err := c.resolve(path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var st unix.Statx_t
	err = unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st)
	if err == nil && st.Dev_major != 0 {
		err = errors.New("a disk is mounted there")
	}
	return int(st.Dev_minor), err
}

// config is the settings that a casper-node of these arguments reads, and fails for what is none,
// or for one whose settings are changed besides (cli.rs of casper-node: NODE_CONFIG, and -C).
func (c caller) config() (string, error) {
	for _, e := range c.env {
		if strings.HasPrefix(e, "NODE_CONFIG=") || strings.HasPrefix(e, "LD_") {
			name, _, _ := strings.Cut(e, "=")
			return "", fmt.Errorf("its environment has %s, which changes what it is or reads", name)
		}
	}
	path := ""
	switch a := c.args; {
	case len(a) == 3 && (a[1] == "validator" || a[1] == "standard"):
		path = a[2]
	case len(a) == 6 && a[1] == "migrate-data":
		if at := slices.Index(a, "--new-config"); (at == 2 || at == 4) && slices.Contains(a[2:], "--old-config") {
			path = a[at+1]
		}
	}
	switch {
	case path == "" || strings.HasPrefix(path, "-"):
		return "", fmt.Errorf("%q is not how a launcher starts a casper-node", strings.Join(c.args, " "))
	case !filepath.IsAbs(path):
		path = filepath.Join(c.cwd, path)
	}
	return path, nil
}

// unitFiles is where the process keeps its unit files: storage.rs and era_supervisor.rs of
// casper-node.
func (c caller) unitFiles() (string, error) {
	path, err := c.config()
	if err != nil {
		return "", err
	}
	var node struct {
		Storage struct{ Path string }
	}
	var chain struct {
		Network struct{ Name string }
	}
	dir := filepath.Dir(path)
	for name, into := range map[string]any{path: &node, filepath.Join(dir, "chainspec.toml"): &chain} {
		text, err := c.read(name)
		if err != nil {
			return "", err
		}
		if err := toml.Unmarshal(text, into); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	storage := node.Storage.Path
	if storage == "" || chain.Network.Name == "" {
		return "", fmt.Errorf("%s has no storage.path, or the chainspec beside it no network.name", path)
	}
	if !filepath.IsAbs(storage) {
		storage = filepath.Join(dir, storage)
	}
	return filepath.Join(storage, chain.Network.Name, "unit_files"), nil
}
