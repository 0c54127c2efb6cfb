package raftstore

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
)

// Whatever bit flips in the database: it is refused, or holds what was stored, also after it was
// written to.
func TestFlippedBits(t *testing.T) {
	c := filled(t, 1, 40)
	database, mark := c.read(t, databaseFile), c.read(t, markFile)
	counts := map[string]int{}
	step, zeros := 19, 0
	if testing.Short() {
		step = 97
	}
	for i := 0; i < len(database); i++ {
		if database[i] == 0 {
			if zeros++; zeros%(40*step) != 0 {
				continue
			}
		} else if i%step != 0 {
			continue
		}
		damaged := bytes.Clone(database)
		damaged[i] ^= 1 << (i % 8)
		c := Config{Name: c.Name, Voters: c.Voters, Network: c.Network, Path: t.TempDir(), openDB: openUnsynced}
		c.write(t, databaseFile, damaged)
		c.write(t, markFile, mark)
		counts[afterDamage(t, c)]++
	}
	t.Log(counts)
	if counts["refused"] == 0 || counts["sound"] == 0 {
		t.Errorf("%v: nothing was tried", counts)
	}
}

func afterDamage(t *testing.T, c Config) string {
	t.Helper()
	for round := range uint64(2) {
		d, err := c.openDisk()
		if err != nil {
			return "refused"
		}
		var l raft.Log
		for i := uint64(2); i <= 40+5*round; i++ {
			want := entryOf(i, 1+2*i/41)
			if i > 40 {
				want = entryOf(i, 2)
			}
			if err := d.log.GetLog(i, &l); err != nil || l.Term != want.Term || !bytes.Equal(l.Data, want.Data) {
				t.Errorf("entry %d: %v, %v", i, l, err)
			}
		}
		vote, candidate, err := d.log.vote()
		if err != nil || vote != 2 || string(candidate) != "b" {
			t.Errorf("vote %d for %q, %v", vote, candidate, err)
		}
		for i := range uint64(5) {
			if err == nil {
				err = d.log.StoreLog(entryOf(41+5*round+i, 2))
			}
		}
		if err := errors.Join(err, d.log.Close()); err != nil {
			return "refused"
		}
	}
	return "sound"
}

// A file that was cut off or lost a page is refused, and not mapped beyond its end, unless that
// was free.
func TestDatabaseCutOffOrHoled(t *testing.T) {
	c := filled(t, 1, 40)
	whole, mark, page := c.read(t, databaseFile), c.read(t, markFile), os.Getpagesize()
	counts := map[string]int{}
	try := func(b []byte) {
		// A database that panics keeps its lock, so each has a directory of its own.
		c := Config{Name: c.Name, Voters: c.Voters, Network: c.Network, Path: t.TempDir(), openDB: openUnsynced}
		c.write(t, databaseFile, b)
		c.write(t, markFile, mark)
		counts[afterDamage(t, c)]++
	}
	for at := 0; at < len(whole); at += page {
		try(whole[:at+page/2])
		holed := bytes.Clone(whole)
		clear(holed[at : at+page])
		try(holed)
	}
	if counts["refused"] == 0 {
		t.Errorf("%v: nothing was refused", counts)
	}
}

// A full disk refuses to let the file grow, somewhere in a write. The process that meets it is one
// of its own, since it is the limit on its files that makes the disk full.
func TestFullDisk(t *testing.T) {
	if path := os.Getenv("FULL_DISK"); path != "" {
		fillDisk(t, path)
		return
	}
	c := filled(t, 1, 10)
	child := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	child.Env = append(os.Environ(), "FULL_DISK="+c.Path)
	out, err := child.CombinedOutput()
	found := regexp.MustCompile(`stored up to (\d+)`).FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stored, err := strconv.ParseUint(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	wantSound(t, c, stored)
}

func fillDisk(t *testing.T, path string) {
	c := directoryOf(t, 1)
	c.Path, c.FirstRun = path, false
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	signal.Ignore(unix.SIGXFSZ)
	size := uint64(len(c.read(t, databaseFile))) + 100<<10
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: size}); err != nil {
		t.Fatal(err)
	}
	stored := uint64(10)
	for err == nil && stored < 1000 {
		if err = d.log.StoreLog(entryOf(stored+1, 2)); err == nil {
			stored++
		}
	}
	if err == nil || !strings.Contains(err.Error(), "file too large") {
		t.Fatalf("after %d entries: %v", stored, err)
	}
	if d.log.StoreLog(entryOf(stored+1, 2)) == nil {
		t.Error("it was tried again")
	}
	t.Logf("stored up to %d", stored)
}

// Snapshots keep the log at some thousand entries; a longer one opens all the same, in the memory
// of one entry. A million took 18 s on a busy machine.
func TestManyEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("writes much")
	}
	const entries = 50_000
	c := filled(t, 1, 1)
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(2); i <= entries; {
		var batch []*raft.Log
		for ; len(batch) < 4096 && i <= entries; i++ {
			batch = append(batch, &raft.Log{Index: i, Term: 2, Data: make([]byte, 400)})
		}
		if err := d.log.StoreLogs(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.log.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	if d, err = c.openDisk(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("opened and read in %v, %d kB of heap", took.Round(time.Millisecond),
		(int64(after.HeapAlloc)-int64(before.HeapAlloc))>>10)
	if d.last != entries {
		t.Errorf("it ends at %d", d.last)
	}
	if err := d.log.Close(); err != nil {
		t.Error(err)
	}
}
