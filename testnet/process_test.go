package testnet

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// comesWithin is how long is waited for what must come: only a failure takes it.
const comesWithin = 25 * time.Second

func newSleeper(t *testing.T, ctx context.Context, script string) *Process {
	t.Helper()
	p := &Process{Name: "sleeper", Path: "/bin/sh", Args: []string{"-c", script}, Log: filepath.Join(t.TempDir(), "log")}
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	return p
}

// awaitLog waits until the process has said something.
func awaitLog(t *testing.T, p *Process) {
	t.Helper()
	for deadline := time.Now().Add(comesWithin); time.Now().Before(deadline); runtime.Gosched() {
		if text, err := os.ReadFile(p.Log); err == nil && len(text) > 0 {
			return
		}
	}
	t.Fatal("it says nothing")
}

func waitFor(t *testing.T, p *Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), comesWithin)
	defer cancel()
	if err := p.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestProcessIsKilledAndStartsAgain(t *testing.T) {
	p := newSleeper(t, t.Context(), "exec sleep 60")
	first := p.PID()
	if err := p.Start(t.Context()); err == nil {
		t.Error("one process ran twice")
	}
	if err := p.Kill(); err != nil || p.Running() {
		t.Fatalf("after kill: %v, running %v", err, p.Running())
	}
	if err := p.Kill(); err != nil {
		t.Errorf("killing one that is gone: %v", err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.PID() == first || !p.Running() {
		t.Errorf("pid %d, running %v", p.PID(), p.Running())
	}
}

func TestProcessEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := newSleeper(t, ctx, "exec sleep 60")
	cancel()
	waitFor(t, p)
}

// A process that ends by itself comes back; one that was told to end stays away.
func TestProcessIsKept(t *testing.T) {
	p := newSleeper(t, t.Context(), "echo the disk hangs; exec sleep 60")
	first := p.PID()
	awaitLog(t, p)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(comesWithin); p.PID() == first; {
		if time.Now().After(deadline) {
			t.Fatal("it did not come back")
		}
		runtime.Gosched()
	}
	if got := p.Restarts(); len(got) != 1 || got[0] != "sleeper: the disk hangs" {
		t.Errorf("restarts %q, want one that says why", got)
	}
	if err := p.Term(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p)
	if len(p.Restarts()) != 1 || p.Running() {
		t.Errorf("restarts %q, running %v", p.Restarts(), p.Running())
	}
}

func TestProcessWaitIsBounded(t *testing.T) {
	p := newSleeper(t, t.Context(), "exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if p.Wait(ctx) == nil {
		t.Error("a running process was waited for to its end")
	}
}

// Close must end what does not heed SIGTERM, and also a process that is halted.
func TestCloseEndsAll(t *testing.T) {
	c := &Cluster{
		Cosigners: []*Process{newSleeper(t, t.Context(), "exec sleep 60"), newSleeper(t, t.Context(), "exec sleep 60")},
		Agents:    []*Process{newSleeper(t, t.Context(), "trap '' TERM; while :; do sleep 0.1; done")},
		closeIn:   200 * time.Millisecond,
	}
	if err := c.Cosigners[0].Stop(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.processes() {
		if p.Running() {
			t.Errorf("%s runs on", p.Name)
		}
	}
}

func TestUsage(t *testing.T) {
	p := newSleeper(t, t.Context(), "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exec sleep 60")
	awaitLog(t, p)
	used, err := UsageOf(p.PID())
	if err != nil || used.CPU < clockTick || used.CPU > 10*time.Second ||
		used.Resident < 4<<10 || used.Resident > 100<<20 || used.Own > used.Resident {
		t.Errorf("used %+v, %v", used, err)
	}
	disk, err := DiskUse(filepath.Dir(p.Log))
	if err != nil || disk < 512 || disk > 1<<16 {
		t.Errorf("%d bytes on disk, %v", disk, err)
	}
}
