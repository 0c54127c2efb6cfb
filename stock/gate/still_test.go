package gate

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// oldFile is a unit file that a node wrote past its gate, and who is asked of what is in it.
type oldFile struct {
	t       *testing.T
	path    string
	asks    func(casper.Ballot) error // nil: all is granted
	claimed []casper.Ballot
	gate    Settings
}

func newOldFile(t *testing.T, entries ...[]byte) *oldFile {
	t.Helper()
	us := unitstest.New(1, 7)
	o := &oldFile{t: t, path: filepath.Join(t.TempDir(), journal.FileName(unitstest.Instance("era"), us.Public())),
		gate: Settings{Key: us.Public(), State: t.TempDir(), Patience: time.Minute}}
	o.write(o.path, entries...)
	return o
}

func (o *oldFile) write(path string, entries ...[]byte) {
	o.t.Helper()
	if err := os.WriteFile(path, slices.Concat(entries...), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// has puts entries into the gate's own file of the era.
func (o *oldFile) has(entries ...[]byte) {
	o.t.Helper()
	if err := os.MkdirAll(folderOf(o.gate.State), 0o700); err != nil {
		o.t.Fatal(err)
	}
	o.write(o.kept(), entries...)
}

func (o *oldFile) kept() string { return filepath.Join(folderOf(o.gate.State), filepath.Base(o.path)) }

func (o *oldFile) imports() (Imported, error) {
	o.claimed = nil
	return importOne(New(o.gate, asker(func(m casper.Ballot) error {
		o.claimed = append(o.claimed, m)
		if o.asks != nil {
			return o.asks(m)
		}
		return nil
	})), o.path)
}

// TestImportBesideOwnFile: a node that ran without its gate for part of an era. Each message of
// ours is claimed, and what the gate's file lacks is added.
func TestImportBesideOwnFile(t *testing.T) {
	us, other, era := unitstest.New(1, 7), unitstest.New(2, 3), unitstest.Instance("era")
	echo, vote, later := us.Echo(era, 1, "block"), us.Vote(era, 1, true), us.Echo(era, 2, "next")
	o := newOldFile(t, unitstest.Entry(vote), unitstest.Entry(other.Vote(era, 1, true)), unitstest.Entry(later))
	o.has(unitstest.Entry(echo), unitstest.Entry(vote))
	done, err := o.imports()
	if err != nil || !done.Had || done.Own != 2 || done.Added != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	want := slices.Concat(unitstest.Entry(echo), unitstest.Entry(vote), unitstest.Entry(later))
	if got, err := os.ReadFile(o.kept()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("kept are %d bytes, want %d, %v", len(got), len(want), err)
	}
	if !slices.Equal(o.claimed, []casper.Ballot{vote, later}) {
		t.Errorf("claimed were %v", o.claimed)
	}
	o.write(o.path, unitstest.Entry(echo), unitstest.Entry(vote))
	if done, err := o.imports(); err != nil || !done.Had || len(o.claimed) != 0 {
		t.Errorf("what the gate's file begins with: %+v, claimed %v, %v", done, o.claimed, err)
	}
}

// TestImportAgainstOwnFile: what the gate's file holds otherwise was signed twice, whatever the log
// still knows of it.
func TestImportAgainstOwnFile(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	o := newOldFile(t, unitstest.Entry(us.Vote(era, 1, false)))
	o.has(unitstest.Entry(us.Vote(era, 1, true)))
	before, _ := os.ReadFile(o.kept())
	_, err := o.imports()
	for _, part := range []string{"ALARM", "round 1", "the floor's era", o.path} {
		if err == nil || !errors.Is(err, ErrBound) || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
	if after, _ := os.ReadFile(o.kept()); !bytes.Equal(before, after) {
		t.Error("the gate's file was changed")
	}
	if lock, err := New(o.gate, nil).Open(); err == nil {
		lock.Close()
		t.Error("the gate starts")
	}
}

// TestImportGoesOn: of a file with a conflict all else is claimed, so that nobody else fills those
// slots otherwise.
func TestImportGoesOn(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	o := newOldFile(t, unitstest.Entry(us.Echo(era, 1, "a")), unitstest.Entry(us.Echo(era, 2, "b")))
	o.asks = func(m casper.Ballot) error {
		if m.Round == 1 {
			return fmt.Errorf("the cosigners say: %w", ErrBound)
		}
		return nil
	}
	if _, err := o.imports(); !errors.Is(err, ErrBound) || len(o.claimed) != 2 {
		t.Errorf("%v after %d claims", err, len(o.claimed))
	}
}

// TestImportGoesOnAfterRefusals: so it does where some are refused, and keeps nothing; a conflict
// behind them is found. It ends where nothing is granted any more.
func TestImportGoesOnAfterRefusals(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	var entries [][]byte
	for round := range uint32(40) {
		entries = append(entries, unitstest.Entry(us.Echo(era, round, "a")))
	}
	o, no := newOldFile(t, entries...), errors.New("not now")
	bound := uint32(39)
	o.asks = func(m casper.Ballot) error {
		switch {
		case m.Round == bound:
			return fmt.Errorf("the cosigners say: %w", ErrBound)
		case m.Round%3 == 0:
			return no
		}
		return nil
	}
	_, err := o.imports()
	if !errors.Is(err, ErrBound) || !errors.Is(err, no) || len(o.claimed) != 40 ||
		!strings.Contains(err.Error(), "13 were not") {
		t.Errorf("%v after %d claims", err, len(o.claimed))
	}
	if _, err := os.Stat(o.kept()); err == nil {
		t.Error("it is kept")
	}
	o = newOldFile(t, entries...)
	o.asks = func(m casper.Ballot) error { return no }
	if _, err := o.imports(); !errors.Is(err, no) || len(o.claimed) != refusedInRow {
		t.Errorf("all refused: %v after %d claims", err, len(o.claimed))
	}
}

// TestImportWhileWritten: what a node that runs signs next would be missed.
func TestImportWhileWritten(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	own := unitstest.Entry(us.Echo(era, 1, "block"))
	beside := func(o *oldFile) string {
		return filepath.Join(filepath.Dir(o.path), journal.FileName(unitstest.Instance("next"), us.Public()))
	}
	writer := func(path string) *os.File {
		w, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		return w
	}
	for what, does := range map[string]func(o *oldFile){
		"the file is open":    func(o *oldFile) { writer(o.path) },
		"one beside it is":    func(o *oldFile) { writer(beside(o)) },
		"a mapping is left":   func(o *oldFile) { mapped(t, writer(o.path)) },
		"it is opened":        func(o *oldFile) { o.asks = func(casper.Ballot) error { return opens(o.path) } },
		"one comes beside it": func(o *oldFile) { o.asks = func(casper.Ballot) error { return opens(beside(o)) } },
	} {
		o := newOldFile(t, own)
		does(o)
		if _, err := o.imports(); !errors.Is(err, ErrWritten) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Stat(o.kept()); err == nil {
			t.Errorf("%s: it is kept", what)
		}
	}
	o := newOldFile(t, own)
	r, err := os.Open(o.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := o.imports(); err != nil {
		t.Errorf("somebody reads it: %v", err)
	}
}

// mapped leaves a shared mapping of the file, and no descriptor.
func mapped(t *testing.T, f *os.File) {
	m, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(m) })
	f.Close()
}

// opens tries to open the file for writing, and does not wait for whoever has a lease of it.
func opens(path string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_NONBLOCK, 0o600)
	if err == nil {
		return unix.Close(fd)
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	return err
}

// TestImportUnread: what is damaged may hide what was sent, so the file is not taken for all.
func TestImportUnread(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	o := newOldFile(t, unitstest.Entry(us.Echo(era, 1, "block")), bytes.Repeat([]byte{0xff}, 64))
	if _, err := o.imports(); !errors.Is(err, ErrUnread) || len(o.claimed) != 1 {
		t.Errorf("%v after %d claims", err, len(o.claimed))
	}
	if _, err := os.Stat(o.kept()); err == nil {
		t.Error("it is kept")
	}
}
