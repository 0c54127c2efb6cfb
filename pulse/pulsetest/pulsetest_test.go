package pulsetest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"casper-cosigner/pulse/pulsetest"
)

// TestMain is the child, too: it keeps some threads busy.
func TestMain(m *testing.M) {
	if os.Getenv("PULSETEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	for range 8 {
		go func() {
			for {
				_, _ = os.ReadFile("/proc/self/stat")
			}
		}()
	}
	fmt.Println("busy")
	select {}
}

// TestStandsStill: no thread runs when the process is said to be halted.
func TestStandsStill(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "PULSETEST_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := pulsetest.Halt(child.Process); err != nil {
			t.Fatal(err)
		}
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", child.Process.Pid))
		if err != nil || len(threads) == 0 {
			t.Fatal(threads, err)
		}
		for _, path := range threads {
			stat, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if after := stat[bytes.LastIndexByte(stat, ')')+2:]; after[0] != 'T' {
				t.Fatalf("a thread is in state %c", after[0])
			}
		}
		if err := child.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if err := pulsetest.Halt(child.Process); err != nil {
		t.Errorf("one that has ended: %v", err)
	}
}
