package testnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const terminate = syscall.SIGTERM

// Process is one run of the program after another, under one name and with one log.
type Process struct {
	Name string
	Path string
	Args []string
	Log  string // file for its standard error and output

	cmd  *exec.Cmd
	done chan struct{} // closed when the running process has ended
}

// Start starts the process. It is killed when ctx ends, and by the system when this program dies.
func (p *Process) Start(ctx context.Context) error {
	if p.Running() {
		return fmt.Errorf("starting %s: it runs already, pid %d", p.Name, p.PID())
	}
	log, err := os.OpenFile(p.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, p.Path, p.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // an interrupt from the terminal is for this program, which then ends the others in order
		Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() {
		defer close(done)
		cmd.Wait() //nolint:errcheck // how it ended is in its log, and most are killed on purpose
	}()
	return nil
}

// Running reports whether the process has been started and has not ended.
func (p *Process) Running() bool {
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
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Signal sends a signal. A process that has ended gets none, which is no error.
func (p *Process) Signal(s os.Signal) error {
	if !p.Running() {
		return nil
	}
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signalling %s: %w", p.Name, err)
	}
	return nil
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return p.Wait(ctx)
}

// Term asks the process to end, with SIGTERM, and does not wait.
func (p *Process) Term() error { return p.Signal(terminate) }

// Stop halts the process where it stands, with SIGSTOP.
func (p *Process) Stop() error { return p.Signal(syscall.SIGSTOP) }

// Cont lets a halted process go on.
func (p *Process) Cont() error { return p.Signal(syscall.SIGCONT) }

// Wait waits until the process has ended.
func (p *Process) Wait(ctx context.Context) error {
	if p.done == nil {
		return nil
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of %s, pid %d: %w", p.Name, p.PID(), ctx.Err())
	}
}
