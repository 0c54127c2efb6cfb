// Package launcher stands in for casper-node-launcher, the program that runs casper-node on a
// validator's host and takes it to its next version on the day of an upgrade.
//
// It does what launcher.rs and utils.rs of casper-node-launcher 1.0 do: which version is run, what
// its exit codes come to, migrate-data before a new version, and the state file after each step. It
// differs in that the node dies with it: there is no systemd in a test.
package launcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/pelletier/go-toml/v2"

	"casper-cosigner/statedir"
	"casper-cosigner/stock/launcher"
)

// What casper-node's exit codes say to the launcher (types/exit_code.rs). Any other one is an
// error.
const (
	exitSuccess   = 0   // the next version is due
	exitDowngrade = 102 // the one before is; no casper-node of today says that
	exitShutdown  = 103 // a clean stop, to be followed by the operator's script
)

// shutdownScript is run after a clean stop, if it is there. In the folder of settings.
const shutdownScript = "casper_shutdown_script"

// killedScript is the launcher's exit code if a signal ended the script.
const killedScript = 254

// Launcher runs casper-node. New makes one.
type Launcher struct {
	folders launcher.Folders
	out     io.Writer // of the nodes
	env     []string
	state   launcher.State

	mu  sync.Mutex
	cmd *exec.Cmd // that runs, or ran last
}

// New returns a Launcher as it starts on a host: with the state that its file says, else with the
// highest version, or with a forced one, if that is not zero. Nothing runs yet.
func New(f launcher.Folders, forced launcher.Version, out io.Writer) (*Launcher, error) {
	binaries, err := versions(f.Binaries)
	if err != nil {
		return nil, err
	}
	settings, err := versions(f.Settings)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(binaries, settings) {
		return nil, fmt.Errorf("installed binary versions (%v) don't match installed configs (%v)", binaries, settings)
	}
	l := &Launcher{folders: f, out: out, env: os.Environ()}
	if forced != (launcher.Version{}) {
		if !slices.Contains(binaries, forced) {
			return nil, fmt.Errorf("the requested version (%v) is not installed", forced)
		}
		return l, l.set(l.running(forced))
	}
	state, ok, err := f.State()
	switch {
	case err != nil:
		return nil, err
	case ok:
		l.state = state
		return l, nil
	}
	return l, l.set(l.running(binaries[len(binaries)-1]))
}

// versions are those of a folder, of which there must be one.
func versions(dir string) ([]launcher.Version, error) {
	all, err := launcher.Versions(dir)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("failed to get a valid version from subdirs in %s", dir)
	}
	return all, err
}

func (l *Launcher) running(v launcher.Version) launcher.State {
	return launcher.State{Mode: launcher.Run, NodeInfo: l.folders.Info(v)}
}

// set takes a state, and writes it.
func (l *Launcher) set(s launcher.State) error {
	l.state = s
	text, err := toml.Marshal(s)
	if err != nil {
		return err
	}
	return statedir.Replace(filepath.Join(l.folders.Settings, launcher.StateFile), 0o644, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

// State is what is done, or was last.
func (l *Launcher) State() launcher.State { return l.state }

// PID is the id of the casper-node that runs or ran last, 0 before the first.
func (l *Launcher) PID() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cmd == nil {
		return 0
	}
	return l.cmd.Process.Pid
}

// ExitError is the end of a Launcher that has done all that it had to do.
type ExitError struct{ Code int }

// Error says with which code it ends.
func (e *ExitError) Error() string { return fmt.Sprintf("the launcher exits with %d", e.Code) }

// Run runs one casper-node after the other. It returns an *ExitError after a clean stop, and
// another error where casper-node-launcher exits with 1. When ctx ends, the node gets SIGTERM.
func (l *Launcher) Run(ctx context.Context) error {
	for {
		if err := l.Step(ctx); err != nil {
			return err
		}
	}
}

// Step runs casper-node once, and goes on to the state that its exit code calls for.
func (l *Launcher) Step(ctx context.Context) error {
	args := []string{l.state.BinaryPath, "validator", l.state.ConfigPath}
	if s := l.state; s.Mode == launcher.Migrate {
		args = []string{s.New.BinaryPath, "migrate-data", "--old-config", s.Old.ConfigPath, "--new-config", s.New.ConfigPath}
	}
	code, err := l.node(ctx, args)
	if err != nil {
		return fmt.Errorf("failed to execute %q: %w", args, err)
	}
	current, err := l.state.Current()
	if err != nil {
		return err
	}
	switch code {
	case exitSuccess:
		return l.upgrade(current)
	case exitDowngrade:
		return l.downgrade(current)
	case exitShutdown:
		return l.shutdown()
	}
	return fmt.Errorf("%q exited with error: %v", args, l.cmd.ProcessState)
}

// node runs casper-node to its end, and returns its exit code, -1 after a signal.
func (l *Launcher) node(ctx context.Context, args []string) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = l.out, l.out, l.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	l.mu.Lock()
	err := cmd.Start()
	if err == nil {
		l.cmd = cmd
	}
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it has ended
		case <-ended:
		}
	}()
	err = cmd.Wait()
	close(ended)
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = nil
	}
	return cmd.ProcessState.ExitCode(), err
}

// upgrade goes from a version to the migration to the next one, and from there to that.
func (l *Launcher) upgrade(current launcher.Version) error {
	if l.state.Mode == launcher.Migrate {
		return l.set(l.running(current))
	}
	next, err := l.nearest(current, func(v launcher.Version) bool { return v.Compare(current) > 0 })
	if err != nil {
		return fmt.Errorf("looking for a higher version than %v: %w", current, err)
	}
	from, to := l.folders.Info(current), l.folders.Info(next)
	return l.set(launcher.State{Mode: launcher.Migrate, Old: &from, New: &to})
}

func (l *Launcher) downgrade(current launcher.Version) error {
	previous, err := l.nearest(current, func(v launcher.Version) bool { return v.Compare(current) < 0 })
	if err != nil {
		return fmt.Errorf("looking for a lower version than %v: %w", current, err)
	}
	return l.set(l.running(previous))
}

// errNone says that no other version is installed in that direction.
var errNone = errors.New("none is installed")

// nearest returns the installed version nearest to the current one among those that are wanted.
// Both folders must have the same.
func (l *Launcher) nearest(
	current launcher.Version, wanted func(launcher.Version) bool,
) (v launcher.Version, err error) {
	var found [2]launcher.Version
	for i, dir := range []string{l.folders.Binaries, l.folders.Settings} {
		all, err := versions(dir)
		if err != nil {
			return v, err
		}
		all = slices.DeleteFunc(all, func(v launcher.Version) bool { return !wanted(v) })
		switch {
		case len(all) == 0:
			found[i] = current
		case all[0].Compare(current) > 0:
			found[i] = all[0]
		default:
			found[i] = all[len(all)-1]
		}
	}
	switch {
	case found[0] != found[1]:
		return v, fmt.Errorf("binary version %v != config version %v", found[0], found[1])
	case found[0] == current:
		return v, errNone
	}
	return found[0], nil
}

// shutdown runs the operator's script, if there is one.
func (l *Launcher) shutdown() error {
	script := filepath.Join(l.folders.Settings, shutdownScript)
	if _, err := os.Stat(script); err != nil {
		return &ExitError{}
	}
	err := exec.Command(script).Run()
	exit := new(exec.ExitError)
	switch {
	case err == nil:
		return &ExitError{}
	case !errors.As(err, &exit):
		return fmt.Errorf("couldn't execute script at %s: %w", script, err)
	case exit.ExitCode() < 0:
		return &ExitError{killedScript}
	}
	return &ExitError{exit.ExitCode()}
}
