// Package pulsetest halts a process of the caller's own, and returns when it has halted.
//
// kill(2) returns before the threads that a SIGSTOP is for have noticed it: on a fast machine one
// of them can still answer a request that was made after it.
package pulsetest

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// within is how long a thread may take to leave the kernel.
const within = 10 * time.Second

// Halt sends SIGSTOP to a child of this process and returns once all of its threads stand still.
// The child goes on with SIGCONT. One that has ended is no error.
func Halt(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		return fmt.Errorf("halting process %d: %w", p.Pid, err)
	}
	for late := time.Now().Add(within); time.Now().Before(late); time.Sleep(time.Millisecond) {
		// Said when the last thread stands still; WNOWAIT leaves the child to be waited for.
		var said unix.Siginfo
		const ask = unix.WSTOPPED | unix.WEXITED | unix.WNOWAIT | unix.WNOHANG
		err := unix.Waitid(unix.P_PID, p.Pid, &said, ask, nil)
		switch {
		case errors.Is(err, unix.ECHILD), err == nil && said.Signo != 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("waiting until process %d halts: %w", p.Pid, err)
		}
	}
	return fmt.Errorf("process %d has not halted within %v: a thread of it waits in the kernel", p.Pid, within)
}
