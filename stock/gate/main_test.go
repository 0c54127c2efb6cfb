package gate_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/gate"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// inside says that this process has mounts of its own, which end with it, however it ends.
const inside = "GATE_TEST_INSIDE"

// TestMain has the tests run where their mounts are nobody else's.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(aloneEnv) != "":
		os.Exit(alone())
	case os.Getenv(nodeEnv) != "":
		text, err := os.ReadFile(os.Getenv(nodeEnv))
		fmt.Printf("%s%v", text, err)
		os.Exit(0)
	case os.Geteuid() != 0 || os.Getenv(inside) != "":
		os.Exit(m.Run())
	}
	c := exec.Command(os.Args[0], os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), inside+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := c.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "running the tests with mounts of their own:", err)
		os.Exit(1)
	}
}

// needFUSE skips where nothing can be mounted.
func needFUSE(t testing.TB) {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("SKIPPED: only root can mount, so the gate's file system is not tested")
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("SKIPPED: the gate's file system is not tested without FUSE: /dev/fuse: %v", err)
	}
	unix.Close(fd)
}

var (
	era   = unitstest.Instance("era")
	us    = unitstest.New(1, 7)
	other = unitstest.New(2, 3)
)

func entry(b casper.Ballot) []byte { return unitstest.Entry(b) }

// site is a node's host with a gate.
type site struct {
	t        testing.TB
	settings gate.Settings
	asker    *Fake
	socket   string
	gate     *process
}

// newSite returns a site whose gate stands.
func newSite(t testing.TB, f *Fake) *site {
	t.Helper()
	s := newShut(t, f)
	s.start()
	return s
}

// newShut returns a site without a gate.
func newShut(t testing.TB, f *Fake) *site {
	t.Helper()
	needFUSE(t)
	dir := t.TempDir()
	s := &site{t: t, asker: f, socket: f.listen(t)}
	network := filepath.Join(dir, "storage", "casper-example")
	if err := os.MkdirAll(network, 0o755); err != nil {
		t.Fatal(err)
	}
	s.settings = gate.Settings{Key: us.Public(), UnitFiles: filepath.Join(network, "unit_files"),
		State: filepath.Join(dir, "gate"), Patience: time.Minute}
	t.Cleanup(func() {
		for unix.Unmount(s.settings.UnitFiles, unix.MNT_DETACH) == nil {
		}
	})
	return s
}

// start has a gate run until stop is called.
func (s *site) start() {
	s.t.Helper()
	p, why := launch(s.t, s.settings, s.socket)
	if p == nil {
		s.t.Fatalf("the gate does not stand: %s", why)
	}
	s.gate = p
}

func (s *site) stop() {
	s.t.Helper()
	s.gate.stop(s.t)
}

// path is where the node looks for the era's unit file.
func (s *site) path() string {
	return filepath.Join(s.settings.UnitFiles, journal.FileName(era, us.Public()))
}

// stored is what lies in the gate's folder.
func (s *site) stored() []byte {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.settings.State, "unit_files", filepath.Base(s.path())))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// open opens the unit file as casper-node's WriteWal does.
func (s *site) open() *os.File {
	s.t.Helper()
	f, err := os.OpenFile(s.path(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { f.Close() })
	return f
}

// read reads the unit file as casper-node's ReadWal does.
func (s *site) read() []byte {
	s.t.Helper()
	f, err := os.OpenFile(s.path(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	b := new(bytes.Buffer)
	if _, err := b.ReadFrom(f); err != nil {
		s.t.Fatal(err)
	}
	return b.Bytes()
}

func (s *site) write(f *os.File, b []byte, want error) {
	s.t.Helper()
	if _, err := f.Write(b); !errors.Is(err, want) {
		s.t.Fatalf("writing: %v, want %v", err, want)
	}
}

// await reads the unit file until it is as wanted, and so many claims were made: the kernel tells a
// gate late that a file was closed.
func (s *site) await(want []byte, claims int) {
	s.t.Helper()
	var got []byte
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(time.Millisecond) {
		if got = s.read(); bytes.Equal(got, want) && s.asker.claims() == claims {
			return
		}
	}
	s.t.Fatalf("the file is %x after %d claims, want %x after %d", got, s.asker.claims(), want, claims)
}
