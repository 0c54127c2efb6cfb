package localnet

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeNode is a node whose binary is a shell script.
func fakeNode(t *testing.T, script string) *Node {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "casper-node")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	n := &Node{Name: "fake", Dir: dir, binary: binary, env: []string{"WORD=said"}}
	t.Cleanup(func() {
		if err := n.Kill(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// started starts a node that says a word when it is ready, and waits for that.
func started(t *testing.T, ctx context.Context, n *Node) {
	t.Helper()
	if err := n.Start(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a word", func() bool {
		text, err := os.ReadFile(n.LogFile())
		return err == nil && strings.Contains(string(text), "said")
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(10 * time.Second); !is(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s", what)
		}
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

const sleeper = `echo "$WORD $*"; exec sleep 60`

func TestNodeIsKilledAndStartsAgain(t *testing.T) {
	n := fakeNode(t, sleeper)
	if n.Running() || n.PID() != 0 || n.LogFile() != "" || n.Exits() != nil {
		t.Error("it is something before its start")
	}
	if _, err := n.Wait(within(t, time.Second)); err != nil {
		t.Error(err)
	}
	started(t, t.Context(), n)
	first, log := n.PID(), n.LogFile()
	if n.Start(t.Context()) == nil {
		t.Error("it runs twice")
	}
	if text, _ := os.ReadFile(log); string(text) != "said validator "+filepath.Join(n.Dir, "config.toml")+"\n" {
		t.Errorf("it was called with %s", text)
	}
	if err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n.PID() == first || n.LogFile() == log || !n.Running() {
		t.Errorf("pid %d, log %s, running %v", n.PID(), n.LogFile(), n.Running())
	}
	if exits := n.Exits(); len(exits) != 1 || exits[0].Signal != syscall.SIGKILL || !exits[0].Wanted {
		t.Errorf("exits %v", exits)
	}
	if _, err := n.Wait(within(t, 10*time.Millisecond)); err == nil {
		t.Error("a running node was waited for to its end")
	}
}

// What ends by itself stays away, and is told of.
func TestNodeEndsByItself(t *testing.T) {
	n := fakeNode(t, "exit 101")
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	exit, err := n.Wait(within(t, 10*time.Second))
	if err != nil || exit.Code != 101 || exit.Wanted || exit.String() != "exit 101" {
		t.Errorf("exit %+v, %v", exit, err)
	}
	network := &Network{Nodes: []*Node{n}}
	if ends := network.Unwanted(); len(ends) != 1 || ends[0] != "fake: exit 101" {
		t.Errorf("unwanted %q", ends)
	}
}

func TestNodeIsHalted(t *testing.T) {
	n := fakeNode(t, `trap 'echo heeded; exit 143' TERM; echo "$WORD"; while :; do sleep 0.01; done`)
	started(t, t.Context(), n)
	state := func(want string) func() bool {
		return func() bool {
			stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(n.PID()), "stat"))
			return err == nil && strings.Contains(string(stat), ") "+want+" ")
		}
	}
	if err := n.Pause(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the halt", state("T"))
	if err := n.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its going on", func() bool { return !state("T")() })
	if err := n.Pause(); err != nil {
		t.Fatal(err)
	}
	exit, err := n.Stop(within(t, 10*time.Second)) // a halted node heeds it too
	if err != nil || exit.Code != 143 || !exit.Wanted {
		t.Errorf("exit %+v, %v", exit, err)
	}
}

func TestNodeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := fakeNode(t, sleeper)
	started(t, ctx, n)
	cancel()
	if _, err := n.Wait(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
}

// Close must end what does not heed SIGTERM.
func TestNetworkClose(t *testing.T) {
	deaf := fakeNode(t, `trap '' TERM; echo "$WORD"; while :; do sleep 0.1; done`)
	network := &Network{Nodes: []*Node{deaf, fakeNode(t, sleeper)}}
	started(t, t.Context(), deaf)
	if err := network.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := network.Close(within(t, 300*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for _, n := range network.Nodes {
		if n.Running() {
			t.Errorf("%s runs", n.Name)
		}
	}
	if ends := network.Unwanted(); len(ends) > 0 {
		t.Errorf("unwanted %q", ends)
	}
}
