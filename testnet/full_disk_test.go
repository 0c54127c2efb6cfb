package testnet

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFullDisk fills the leader's disk while it signs. It must refuse, or end and say why; the
// others sign on, and no slot gets two values. When there is room again it comes back by itself.
func TestFullDisk(t *testing.T) {
	const after = 50 // signatures, once the full one has ended
	disks, states := map[string]string{}, map[string]string{}
	for i := range size {
		name := cosignerName(i)
		disks[name] = mountSmall(t)
		states[name] = filepath.Join(disks[name], "state")
	}
	s := fast()
	s.States = states
	r := newRig(t, s)
	free := freeRounds(1)
	r.until(r.a, free.Next())

	full := r.ready()
	filler := fill(t, disks[full.Name])
	begin, longest := time.Now(), time.Duration(0)
	left, signed := after, 0
	for left > 0 && time.Since(begin) < readyWithin {
		m := free.Next()
		start := time.Now()
		if a := r.until(r.a, m); a.Kind != Signed {
			t.Errorf("a free slot was answered with %s", a.Kind)
		}
		longest = max(longest, time.Since(start))
		signed++
		if len(full.Restarts()) > 0 {
			left--
		}
	}
	restarts := full.Restarts()
	t.Logf("%s was full for %v: %d slots signed, the longest took %v; it ended %d times",
		full.Name, time.Since(begin), signed, longest, len(restarts))
	if len(restarts) == 0 {
		t.Errorf("%s is full and runs on, while %d slots were signed", full.Name, signed)
	}
	for _, said := range restarts {
		t.Logf("  %s", said)
		if !strings.Contains(said, syscall.ENOSPC.Error()) {
			t.Errorf("it ended and did not say why: %s", said)
		}
	}
	for _, p := range r.Cosigners {
		if p != full && len(p.Restarts()) > 0 {
			t.Errorf("%s ended as well: %s", p.Name, p.Restarts())
		}
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	r.ready()
	for range after {
		r.until(r.a, free.Next())
	}
	r.askOthers()
}

// mountSmall makes a file system that holds little, and ends with the test.
func mountSmall(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: only root may mount a file system")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "casper-cosigner-test",
		dir).CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: this machine mounts no tmpfs: %v %s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
	return dir
}

// fill takes all the room that is left, to the last byte, in a file whose name it returns.
func fill(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 1<<16); len(chunk) > 0; {
		if _, err := f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			chunk = chunk[:len(chunk)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return f.Name()
}
