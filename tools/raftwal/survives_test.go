// Package raftwal asks of hashicorp/raft-wal what the cosigner's log has to survive. Most of its
// tests fail, which is why the log is kept elsewhere; README.md has what was found.
package raftwal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

const segment = 16 << 10

func open(t testing.TB, dir string) (*wal.WAL, error) {
	t.Helper()
	return wal.Open(dir, wal.WithSegmentSize(segment), wal.WithLogger(hclog.NewNullLogger()))
}

func entry(index, term uint64) *raft.Log {
	return &raft.Log{Index: index, Term: term, Data: bytes.Repeat(fmt.Appendf(nil, "%d/%d ", index, term), 10)}
}

// written returns a directory with entries from 1 to last, each its own batch.
func written(t testing.TB, last uint64, more ...func(*wal.WAL) error) string {
	t.Helper()
	dir := t.TempDir()
	w, err := open(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= last; i++ {
		if err := w.StoreLog(entry(i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range more {
		if err := f(w); err != nil {
			t.Fatal(err)
		}
	}
	// As kill -9 leaves it. Close does not close wal-meta.db, so only copies can be opened again.
	return dir
}

func copied(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// segments returns the segment files, the tail last.
func segments(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	return files
}

// end returns where the zeros at the end of a file begin.
func end(b []byte) int { return len(bytes.TrimRight(b, "\x00")) }

// found says what a damaged directory comes to: "refused", "whole", "ends at N", "another entry"
// or "panic".
func found(t testing.TB, dir string, last uint64) (what string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			what = "panic"
		}
	}()
	w, err := open(t, dir)
	if err != nil {
		return "refused"
	}
	defer w.Close()
	n, err := w.LastIndex()
	if err != nil {
		return "refused"
	}
	for i := uint64(1); i <= n; i++ {
		var l raft.Log
		if err := w.GetLog(i, &l); err != nil {
			return "refused"
		}
		if want := entry(i, 1); l.Index != i || l.Term != 1 || l.Type != 0 || !bytes.Equal(l.Data, want.Data) {
			return "another entry"
		}
	}
	if n != last {
		return fmt.Sprintf("ends at %d", n)
	}
	return "whole"
}

// A follower whose last entries conflict with the leader's deletes them, and is restarted later.
func TestTruncatedLogIsReadAfterRestart(t *testing.T) {
	dir := written(t, 10,
		func(w *wal.WAL) error { return w.DeleteRange(8, 10) },
		func(w *wal.WAL) error { return w.StoreLog(entry(8, 2)) })
	w, err := open(t, copied(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= 8; i++ {
		var l raft.Log
		if err := w.GetLog(i, &l); err != nil {
			t.Errorf("entry %d: %v", i, err)
		}
	}
}

// Neither another entry nor the loss of one that was acknowledged may go unseen.
func TestFlippedBit(t *testing.T) {
	for name, last := range map[string]uint64{"tail": 20, "sealed": 200} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, last)
			files := segments(t, dir)
			if name == "sealed" && len(files) < 2 {
				t.Fatal("nothing was sealed")
			}
			b, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			counts := map[string]int{}
			for i := 0; i < min(end(b), 2500); i += 3 {
				to := copied(t, dir)
				damaged := bytes.Clone(b)
				damaged[i] ^= 1 << (i % 8)
				if err := os.WriteFile(filepath.Join(to, filepath.Base(files[0])), damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				what := found(t, to, last)
				if strings.HasPrefix(what, "ends") && what != fmt.Sprintf("ends at %d", last-1) {
					what = "ends before the last batch"
				}
				counts[what]++
			}
			t.Log(counts)
			for _, bad := range []string{"another entry", "ends before the last batch", "panic"} {
				if counts[bad] > 0 {
					t.Errorf("%s: %d times without a word", bad, counts[bad])
				}
			}
		})
	}
}

func TestFlippedBitInMeta(t *testing.T) {
	dir := written(t, 200)
	b, err := os.ReadFile(filepath.Join(dir, "wal-meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for i := 0; i < len(b); i++ {
		if b[i] == 0 {
			continue
		}
		to := copied(t, dir)
		damaged := bytes.Clone(b)
		damaged[i] ^= 1 << (i % 8)
		if err := os.WriteFile(filepath.Join(to, "wal-meta.db"), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		what := found(t, to, 200)
		if strings.HasPrefix(what, "ends") {
			what = "ends early"
		}
		counts[what]++
	}
	t.Log(counts)
	for _, bad := range []string{"another entry", "ends early", "panic"} {
		if counts[bad] > 0 {
			t.Errorf("%s: %d times without a word", bad, counts[bad])
		}
	}
}

func TestMissingSegment(t *testing.T) {
	dir := written(t, 200)
	for i, file := range segments(t, dir) {
		to := copied(t, dir)
		if err := os.Remove(filepath.Join(to, filepath.Base(file))); err != nil {
			t.Fatal(err)
		}
		if what := found(t, to, 200); what != "refused" {
			t.Errorf("without segment %d of %d: %s", i+1, len(segments(t, dir)), what)
		}
	}
}

// A batch of three is cut short at each byte, and followed by nothing, zeros or garbage.
func TestTornTail(t *testing.T) {
	dir := written(t, 10)
	tail := segments(t, dir)[0]
	before, err := os.ReadFile(tail)
	if err != nil {
		t.Fatal(err)
	}
	whole := written(t, 10, func(w *wal.WAL) error {
		return w.StoreLogs([]*raft.Log{entry(11, 1), entry(12, 1), entry(13, 1)})
	})
	after, err := os.ReadFile(segments(t, whole)[0])
	if err != nil {
		t.Fatal(err)
	}
	from, to := end(before), end(after)
	counts := map[string]int{}
	for cut := from - from%8; cut < to; cut++ {
		for how, torn := range map[string][]byte{
			"truncated": after[:cut],
			"zeroed":    append(bytes.Clone(after[:cut]), make([]byte, len(after)-cut)...),
			"garbage":   append(append(bytes.Clone(after[:cut]), bytes.Repeat([]byte{0xa5}, to-cut)...), after[to:]...),
		} {
			dir := copied(t, dir)
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(tail)), torn, 0o600); err != nil {
				t.Fatal(err)
			}
			what := found(t, dir, 13)
			counts[what]++
			if what != "whole" && what != "ends at 10" {
				t.Errorf("%s at %d of %d to %d: %s", how, cut, from, to, what)
			}
		}
	}
	t.Log(counts)
}

func TestMillionEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	dir := t.TempDir()
	w, err := wal.Open(dir, wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for i := uint64(1); i <= 1_000_000; {
		var batch []*raft.Log
		for range 1000 {
			batch = append(batch, &raft.Log{Index: i, Term: 1, Data: make([]byte, 400)})
			i++
		}
		if err := w.StoreLogs(batch); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("stored in %v", time.Since(start).Round(time.Millisecond))
	to := copied(t, dir)
	runtime.GC()
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	start = time.Now()
	w, err = wal.Open(to, wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("opened in %v", time.Since(start).Round(time.Millisecond))
	runtime.GC()
	runtime.ReadMemStats(&m1)
	t.Logf("heap grew by %d kB", (int64(m1.HeapAlloc)-int64(m0.HeapAlloc))>>10)
	start = time.Now()
	var l raft.Log
	for i := uint64(1); i <= 1_000_000; i += 100 {
		if err := w.GetLog(i, &l); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("10,000 entries read in %v", time.Since(start).Round(time.Millisecond))
}
