package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"casper-cosigner/pulse/pulsetest"
)

// restartAfter is how long a process that ended by itself stays away, as under systemd
// with its defaults.
const restartAfter = 100 * time.Millisecond

// saysWithin is how long after the end of a process one that it started may hold its log open.
const saysWithin = time.Second

// Process is one run of the program after another, under one name and with one log. A process that
// ends without having been told to is started again, as a host's service manager does: a cosigner
// whose disk hangs ends itself.
//
// The log is written by this program, from a pipe: what limits the files of the process does not
// keep it from saying why it ends.
type Process struct {
	Name string
	Path string
	Args []string
	Log  string // file for its standard error and output

	mu       sync.Mutex
	cmd      *exec.Cmd
	log      *os.File      // of cmd; whoever has waited for that closes it
	done     chan struct{} // closed when the process has ended and will not be started again
	ending   bool          // it was told to end
	restarts []string      // why each happened, as far as its log says
}

// Start starts the process. It is killed when ctx ends, and by the system when this program dies.
func (p *Process) Start(ctx context.Context) error {
	if p.Running() {
		return fmt.Errorf("starting %s: it runs already, pid %d", p.Name, p.PID())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = false
	if err := p.launch(ctx); err != nil {
		return err
	}
	p.done = make(chan struct{})
	go p.keep(ctx, p.done)
	return nil
}

// launch runs the program once; mu is held.
func (p *Process) launch(ctx context.Context) error {
	log, err := os.OpenFile(p.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	cmd := exec.CommandContext(ctx, p.Path, p.Args...)
	piped := struct{ io.Writer }{log} // the file itself would be handed to the process
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = piped, piped, saysWithin
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // an interrupt from the terminal is for this program, which then ends the others in order
		Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		log.Close()
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	p.cmd, p.log = cmd, log
	return nil
}

// keep waits for the end, and starts the process again unless that end was wanted.
func (p *Process) keep(ctx context.Context, done chan struct{}) {
	defer close(done)
	for {
		p.mu.Lock()
		cmd, log := p.cmd, p.log
		p.mu.Unlock()
		cmd.Wait() //nolint:errcheck // how it ended is in its log, and most are killed on purpose
		log.Close()
		if p.isEnding() || Pause(ctx, restartAfter) != nil || !p.relaunch(ctx) {
			return
		}
	}
}

func (p *Process) isEnding() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ending
}

func (p *Process) relaunch(ctx context.Context) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending {
		return false
	}
	p.restarts = append(p.restarts, p.Name+": "+lastLine(p.Log))
	return p.launch(ctx) == nil
}

// Running reports whether the process has been started and has not ended for good.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running()
}

func (p *Process) running() bool {
	if p.done == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// PID is the id of the process that ran last, 0 before the first.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Restarts lists how often the process ended by itself, and each time the last that it said.
func (p *Process) Restarts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.restarts)
}

// lastLine is the last line of a file, or why it cannot be read.
func lastLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}

// end sends a signal that ends the process for good.
func (p *Process) end(s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = true
	return p.signal(s)
}

// signal sends a signal; mu is held. A process that has ended gets none, which is no error.
func (p *Process) signal(s os.Signal) error {
	if !p.running() {
		return nil
	}
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signalling %s: %w", p.Name, err)
	}
	return nil
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.end(syscall.SIGKILL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return p.Wait(ctx)
}

// Term asks the process to end, with SIGTERM, and does not wait.
func (p *Process) Term() error { return p.end(syscall.SIGTERM) }

// Stop halts the process where it stands, with SIGSTOP. It has halted when Stop returns.
func (p *Process) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return nil
	}
	return pulsetest.Halt(p.cmd.Process)
}

// Cont lets a halted process go on.
func (p *Process) Cont() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signal(syscall.SIGCONT)
}

// Wait waits until the process has ended for good.
func (p *Process) Wait(ctx context.Context) error {
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of %s, pid %d: %w", p.Name, p.PID(), ctx.Err())
	}
}
