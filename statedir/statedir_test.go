package statedir

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/watermark"
)

var testCluster = ID{1, 2, 3}

// initDir makes a state directory for cosigner c1 and returns its path.
func initDir(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state")
	id := Identity{Cluster: testCluster, Name: "c1", First: watermark.Mark{Era: 7, Height: 70}}
	if err := Init(path, id); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestOpenCountsBootsAndKeepsIdentity(t *testing.T) {
	path := initDir(t)
	var last Presence
	for boot := uint64(1); boot <= 3; boot++ {
		d := mustOpen(t, path)
		p := d.Presence(20, 10)
		if p.Boot != boot || p.LastIndex != 20 || p.AppliedIndex != 10 || p.First != (watermark.Mark{Era: 7, Height: 70}) {
			t.Fatalf("boot %d: presence %+v", boot, p)
		}
		if boot > 1 && (p.Directory != last.Directory || p.Session == last.Session) {
			t.Fatalf("boot %d: directory %v then %v, session %v then %v",
				boot, last.Directory, p.Directory, last.Session, p.Session)
		}
		last = p
		if got := d.FirstRun(); got != (boot < 3) {
			t.Fatalf("boot %d: first run %v", boot, got)
		}
		if boot == 2 {
			if err := d.EndFirstRun(); err != nil {
				t.Fatal(err)
			}
		}
		d.Close()
	}
}

func TestOneProcessPerDirectory(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	temp := filepath.Join(path, ".ledger.1.tmp") // a file that the other process is writing
	if err := os.WriteFile(temp, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrInUse) {
		t.Fatalf("second Open: %v, want ErrInUse", err)
	}
	if _, err := os.Stat(temp); err != nil {
		t.Fatalf("a refused Open removed a temporary file: %v", err)
	}
	d.Close()
	if p := mustOpen(t, path).Presence(0, 0); p.Boot != 2 {
		t.Fatalf("boot %d after a refused Open, want 2", p.Boot)
	}
	if _, err := os.Stat(temp); !os.IsNotExist(err) {
		t.Fatalf("a temporary file outlived Open: %v", err)
	}
}

func TestInitNeverOverwrites(t *testing.T) {
	path := initDir(t)
	before, _ := os.ReadFile(filepath.Join(path, identityFile))
	id := Identity{Cluster: testCluster, Name: "c1"}
	if err := Init(path, id); err == nil {
		t.Fatal("a second Init succeeded")
	}
	if after, _ := os.ReadFile(filepath.Join(path, identityFile)); !bytes.Equal(before, after) {
		t.Fatal("a second Init changed the identity")
	}
	for _, left := range []string{"ledger", "raft", bootFile} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, left), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Init(dir, id); err == nil || !strings.Contains(err.Error(), left) {
			t.Errorf("Init beside %s: %v, want a refusal that names it", left, err)
		}
	}
}

// TestDamagedFilesRefuse flips a bit in every byte of each file, cuts it at
// every length and removes it.
func TestDamagedFilesRefuse(t *testing.T) {
	for _, name := range []string{identityFile, bootFile, peersFile} {
		t.Run(name, func(t *testing.T) {
			path := initDir(t)
			file := filepath.Join(path, name)
			good, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			refuses := func(what string, at int) {
				t.Helper()
				d, err := Open(path)
				if err == nil {
					d.Close()
					t.Fatalf("%s at %d: opened", what, at)
				}
				if !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "docs/recovery.md") {
					t.Fatalf("%s at %d: error does not name the file and the way out: %v", what, at, err)
				}
			}
			for i := range good[:len(good)-1] { // the last byte is a line end
				bad := bytes.Clone(good)
				bad[i] ^= 1
				os.WriteFile(file, bad, 0o600)
				refuses("bit flipped", i)
				os.WriteFile(file, good[:i], 0o600)
				refuses("cut", i)
			}
			os.WriteFile(file, append(bytes.Clone(good), good...), 0o600)
			refuses("doubled", 0)
			os.Remove(file)
			refuses("missing", 0)
			os.WriteFile(file, good, 0o600)
			mustOpen(t, path)
		})
	}
}

func TestOpenMissingDirectoryMakesNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone")
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "Do not run init again") {
		t.Fatalf("Open of a missing directory: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Fatal("Open made the directory")
	}
}

func TestReplaceKeepsOldContentWhenFillFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Replace(path, 0o600, func(f *os.File) error {
		f.WriteString("ne")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the fill's error", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Fatalf("content %q, want the old one", b)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Fatalf("%d files left, want 1", len(entries))
	}
}

func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stalled []string
		w := Watchdog{Limit: time.Second, Stalled: func(what string) { stalled = append(stalled, what) }}
		stop := w.Start("quick")
		time.Sleep(999 * time.Millisecond)
		stop()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(stalled) != 0 {
			t.Fatalf("stalled %q though it ended in time", stalled)
		}
		defer w.Start("slow")()
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
		if len(stalled) != 1 || stalled[0] != "slow" {
			t.Fatalf("stalled %q, want slow", stalled)
		}
	})
}

// TestRestate: another first mark is stated under the same directory, unless a process runs on it
// or something may have been signed.
func TestRestate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	id := Identity{Cluster: testCluster, Name: "c1", First: watermark.Mark{Era: 99999, Height: 7}}
	if err := Init(path, id); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, path)
	directory, fails := d.ID(), errors.New("something was signed")
	want := watermark.Mark{Era: 8, Height: 7}
	may := func(got Identity, at ID) error {
		if got.Name != id.Name || got.First != id.First || at != directory {
			t.Errorf("asked about %+v, %v", got, at)
		}
		return nil
	}
	if err := Restate(path, want, may); !errors.Is(err, ErrInUse) {
		t.Errorf("under a process: %v", err)
	}
	d.Close()
	if err := Restate(path, want, func(Identity, ID) error { return fails }); !errors.Is(err, fails) {
		t.Errorf("after something was signed: %v", err)
	}
	if d = mustOpen(t, path); d.Identity().First != id.First {
		t.Errorf("a refusal changed it to %v", d.Identity().First)
	}
	d.Close()
	if err := AddWords(path, Words{Stopped: 7, Without: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if err := Restate(path, want, may); err != nil {
		t.Fatal(err)
	}
	if w, err := ReadWords(path); err != nil || w.Stopped != 0 || len(w.Without) != 1 {
		t.Errorf("what was typed of the numbers before: %+v, %v", w, err)
	}
	d = mustOpen(t, path)
	if p := d.Presence(0, 0); p.First != want || p.Directory != directory || p.Boot != 3 {
		t.Errorf("shows %+v, want the same directory at its third start", p)
	}
}
