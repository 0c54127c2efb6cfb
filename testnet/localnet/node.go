package localnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/node"
)

// killedIn is how long the system may take to end a process that got SIGKILL.
const killedIn = 10 * time.Second

// Node is one casper-node: its files and, when it runs, its process. A node that ends by itself
// stays away, so that its end is seen. It is safe for concurrent use.
type Node struct {
	Name      string
	Dir       string
	Validator casper.PublicKey // as which it runs

	// Where it listens, as host:port.
	Network, REST, Events, BinaryPort string

	binary string
	chain  string
	env    []string

	mu   sync.Mutex
	runs []*run
}

// run is one process of a node.
type run struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed when exit is set
	exit   Exit
	wanted bool // it was told to end
}

// Exit is how a process ended.
type Exit struct {
	Code   int            // of the exit, -1 after a signal: 101 after a panic or a fatal error, 103 after a clean stop
	Signal syscall.Signal // that ended it, or 0
	At     time.Time
	Wanted bool // it had been told to end
}

// String says how it ended, as "exit 101" or "signal: killed".
func (e Exit) String() string {
	if e.Signal != 0 {
		return "signal: " + e.Signal.String()
	}
	return "exit " + strconv.Itoa(e.Code)
}

// Start starts the node. It is killed when ctx ends, and by the system when this program dies. Its
// standard output, one JSON object a line, goes to a new file, which LogFile names.
func (n *Node) Start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running() != nil {
		return fmt.Errorf("starting %s: it runs already", n.Name)
	}
	name := filepath.Join(n.Dir, "run-"+strconv.Itoa(len(n.runs)+1))
	out, err := os.Create(name + ".log")
	if err != nil {
		return fmt.Errorf("starting %s: %w", n.Name, err)
	}
	defer out.Close()
	problems, err := os.Create(name + ".stderr")
	if err != nil {
		return fmt.Errorf("starting %s: %w", n.Name, err)
	}
	defer problems.Close()
	cmd := node.Command(ctx, n.binary, n.Dir)
	cmd.Env = append(cmd.Env, n.env...)
	cmd.Stdout, cmd.Stderr = out, problems
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", n.Name, err)
	}
	r := &run{cmd: cmd, done: make(chan struct{})}
	n.runs = append(n.runs, r)
	go n.reap(r)
	return nil
}

// reap waits for the end of a process and notes it.
func (n *Node) reap(r *run) {
	r.cmd.Wait() //nolint:errcheck // what it would say is in ProcessState
	n.mu.Lock()
	defer n.mu.Unlock()
	r.exit = Exit{Code: r.cmd.ProcessState.ExitCode(), At: time.Now(), Wanted: r.wanted}
	if status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.exit.Signal = status.Signal()
	}
	close(r.done)
}

// last is the newest process, or nil; mu is held.
func (n *Node) last() *run {
	if len(n.runs) == 0 {
		return nil
	}
	return n.runs[len(n.runs)-1]
}

// running is the process that runs, or nil; mu is held.
func (n *Node) running() *run {
	r := n.last()
	if r == nil {
		return nil
	}
	select {
	case <-r.done:
		return nil
	default:
		return r
	}
}

// Running reports whether the node's process exists, halted or not.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running() != nil
}

// PID is the id of the process that ran last, 0 before the first.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.last()
	if r == nil {
		return 0
	}
	return r.cmd.Process.Pid
}

// LogFile is the log of the process that ran last, empty before the first.
func (n *Node) LogFile() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.runs) == 0 {
		return ""
	}
	return filepath.Join(n.Dir, "run-"+strconv.Itoa(len(n.runs))+".log")
}

// Exits lists how each process of the node ended, oldest first.
func (n *Node) Exits() []Exit {
	n.mu.Lock()
	defer n.mu.Unlock()
	var exits []Exit
	for _, r := range n.runs {
		if r != n.running() {
			exits = append(exits, r.exit)
		}
	}
	return exits
}

// Wait waits until the node's process has ended, and says how. A node that was never
// started has ended.
func (n *Node) Wait(ctx context.Context) (Exit, error) {
	n.mu.Lock()
	r := n.last()
	n.mu.Unlock()
	if r == nil {
		return Exit{}, nil
	}
	select {
	case <-r.done:
		return r.exit, nil
	case <-ctx.Done():
		return Exit{}, fmt.Errorf("waiting for the end of %s, pid %d: %w", n.Name, r.cmd.Process.Pid, ctx.Err())
	}
}

// Kill ends the node with SIGKILL, and waits until it is gone.
func (n *Node) Kill() error {
	if err := n.signal(syscall.SIGKILL, wanted); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), killedIn)
	defer cancel()
	_, err := n.Wait(ctx)
	return err
}

// Stop asks the node to end, with SIGTERM, and waits until it has. It is left running when
// ctx ends first.
func (n *Node) Stop(ctx context.Context) (Exit, error) {
	if err := n.signalEnd(); err != nil {
		return Exit{}, err
	}
	return n.Wait(ctx)
}

// signalEnd sends SIGTERM; a halted process is let go on to receive it.
func (n *Node) signalEnd() error {
	if err := n.signal(syscall.SIGTERM, wanted); err != nil {
		return err
	}
	return n.Resume()
}

// Pause halts the node where it stands, with SIGSTOP: its connections stay open and
// nothing answers.
func (n *Node) Pause() error { return n.signal(syscall.SIGSTOP, nil) }

// Resume lets a halted node go on, with SIGCONT.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT, nil) }

// Restart kills the node if it runs, and starts it.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.Kill(); err != nil {
		return err
	}
	return n.Start(ctx)
}

func wanted(r *run) { r.wanted = true }

// signal sends a signal to the process, if one runs, and notes it.
func (n *Node) signal(s os.Signal, note func(*run)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.running()
	if r == nil {
		return nil
	}
	if note != nil {
		note(r)
	}
	if err := r.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signalling %s: %w", n.Name, err)
	}
	return nil
}

// Unwanted lists the ends of processes that nobody had asked for, as "node-2: exit 101".
func (n *Network) Unwanted() []string {
	var all []string
	for _, node := range n.Nodes {
		for _, e := range node.Exits() {
			if !e.Wanted {
				all = append(all, node.Name+": "+e.String())
			}
		}
	}
	return all
}
