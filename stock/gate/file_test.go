package gate

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/attest/attesttest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// asker answers with a function.
type asker func(casper.Ballot) error

func (a asker) Claim(_ context.Context, own casper.Ballot) (attest.Proof, error) {
	if err := a(own); err != nil {
		return attest.Proof{}, err
	}
	return attesttest.Proof(own), nil
}

func (a asker) Signed(context.Context, casper.Hash) ([]casper.Ballot, *uint32, error) {
	return nil, nil, nil
}

// opened is a gate without a file system, and an opened file of it.
func opened(t *testing.T, a asker) *file {
	t.Helper()
	us := unitstest.New(1, 7).Public()
	g := New(Settings{Key: us, State: t.TempDir(), Patience: time.Minute}, a)
	lock, err := g.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	f := g.enter(journal.FileName(unitstest.Instance("era"), us))
	if err := f.open(); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *file) handle() *handle { return &handle{file: f, pen: f.pen()} }

// TestSameMoment: of two writers of one slot, asked for before either is stored and both granted,
// one is stored. Linux lets no two write one file at once; who relies on that?
func TestSameMoment(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	asked, granted := make(chan struct{}, 2), make(chan struct{})
	f := opened(t, func(casper.Ballot) error {
		asked <- struct{}{}
		<-granted
		return nil
	})
	wrote := make(chan error, 2)
	for _, yes := range []bool{true, false} {
		h := f.handle()
		go func() { wrote <- h.write(unitstest.Entry(us.Vote(era, 1, yes))) }()
	}
	<-asked
	<-asked
	close(granted)
	one, two := <-wrote, <-wrote
	if (one == nil) == (two == nil) || !errors.Is(errors.Join(one, two), journal.ErrContradicts) {
		t.Errorf("%v and %v", one, two)
	}
	stored, err := os.ReadFile(f.path())
	if err != nil || len(stored) != len(unitstest.Entry(us.Vote(era, 1, true))) {
		t.Errorf("stored are %x, %v", stored, err)
	}
}

// TestDiskFails: what could not be stored is not there, and the handle is done for.
func TestDiskFails(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	f := opened(t, func(casper.Ballot) error { return nil })
	h := f.handle()
	first := unitstest.Entry(us.Vote(era, 1, true))
	if err := h.write(first); err != nil {
		t.Fatal(err)
	}
	whole := f.store
	f.store, _ = os.Open(f.path()) // cannot be written to, nor cut
	if err := h.write(unitstest.Entry(us.Vote(era, 2, true))); err == nil {
		t.Error("what cannot be stored is taken")
	}
	f.store.Close()
	f.store = whole
	for name, h := range map[string]*handle{"the same handle": h, "another": f.handle()} {
		if err := h.write(unitstest.Entry(us.Vote(era, 3, true))); err == nil {
			t.Errorf("%s writes behind what may be half an entry", name)
		}
	}
	if stored, err := os.ReadFile(f.path()); err != nil || !bytes.Equal(stored, first) {
		t.Errorf("stored are %x, %v", stored, err)
	}
}

// TestMountinfo: as proc_pid_mountinfo(5) shows it, and otherwise not at all.
func TestMountinfo(t *testing.T) {
	m, err := parseMount(`36 35 0:44 / /var/lib/a\040b/unit_files rw,nosuid shared:1 - fuse.casper-gate casper-gate rw`)
	if want := (mount{"/var/lib/a b/unit_files", fsType, "casper-gate", 0, 44}); err != nil || m != want {
		t.Errorf("%+v, %v", m, err)
	}
	for _, bad := range []string{"", "36 35 0:44 / /a rw", "36 35 x / /a rw - tmpfs x rw"} {
		if m, err := parseMount(bad); err == nil {
			t.Errorf("%q is %+v", bad, m)
		}
	}
}
