package gate_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"casper-cosigner/stock/gate"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// TestRound: what a node writes in a round is in its unit file, and only its own was asked for.
func TestRound(t *testing.T) {
	s := newSite(t, &Fake{})
	if got := s.read(); len(got) != 0 {
		t.Fatalf("a new file has %d bytes", len(got))
	}
	w := s.open()
	var want []byte
	for _, b := range [][]byte{unitstest.Proposal(1, 5000), entry(us.Echo(era, 1, "block")),
		entry(other.Echo(era, 1, "block")), entry(us.Vote(era, 1, true))} {
		s.write(w, b, nil)
		want = append(want, b...)
	}
	if got := s.read(); !bytes.Equal(got, want) || !bytes.Equal(s.stored(), want) {
		t.Errorf("written were %d bytes, the node reads %d, stored are %d", len(want), len(got), len(s.stored()))
	}
	if s.asker.claims() != 2 {
		t.Errorf("claimed were %v", s.asker.claimed)
	}
	if info, err := os.Stat(s.path()); err != nil || info.Size() != int64(len(want)) {
		t.Errorf("%v, %v", info, err)
	}
	list, err := filepath.Glob(filepath.Join(s.settings.UnitFiles, "*"))
	if err != nil || !slices.Equal(list, []string{s.path()}) {
		t.Errorf("listed are %v, %v", list, err)
	}
	s.stop()
	s.start()
	if got := s.read(); !bytes.Equal(got, want) {
		t.Errorf("the next gate shows %d bytes", len(got))
	}
}

// TestTwoNodes: of two nodes with one key the second gets no other content out.
func TestTwoNodes(t *testing.T) {
	a := &Fake{}
	first, second := newSite(t, a), newSite(t, a)
	one, two := first.open(), second.open()
	first.write(one, entry(us.Echo(era, 1, "mine")), nil)
	second.write(two, entry(us.At(6).Echo(era, 1, "yours")), syscall.EIO)
	if got := second.stored(); len(got) != 0 {
		t.Errorf("stored are %x", got)
	}
}

// TestPoisoned: after one EIO a handle takes nothing, and nothing is asked; the node's next one
// does.
func TestPoisoned(t *testing.T) {
	s := newSite(t, &Fake{refuse: errBound})
	w, echo, foreign := s.open(), entry(us.Echo(era, 1, "block")), entry(other.Echo(era, 1, "block"))
	s.write(w, foreign, nil)
	s.write(w, echo, syscall.EIO)
	s.asker.set(func() { s.asker.refuse = nil })
	for _, again := range [][]byte{echo, slices.Concat(echo, foreign), foreign} {
		s.write(w, again, syscall.EIO)
	}
	if s.asker.claims() != 1 || !bytes.Equal(s.stored(), foreign) {
		t.Errorf("%d claims, stored are %d bytes", s.asker.claims(), len(s.stored()))
	}
	s.write(s.open(), echo, nil)
	if !bytes.Equal(s.read(), slices.Concat(foreign, echo)) {
		t.Errorf("a new handle's write is not there")
	}
}

// TestWaitsAlone: while a message waits to be granted, all can read, and write other files.
func TestWaitsAlone(t *testing.T) {
	s := newSite(t, &Fake{wait: make(chan struct{}), asked: make(chan struct{}, 1)})
	w, own, foreign := s.open(), entry(us.Echo(era, 1, "block")), entry(other.Echo(era, 1, "block"))
	s.write(w, foreign, nil)
	wrote := make(chan error, 1)
	go func() {
		_, err := w.Write(own)
		wrote <- err
	}()
	<-s.asker.asked
	if got := s.read(); !bytes.Equal(got, foreign) {
		t.Errorf("while somebody is asked the file has %d bytes", len(got))
	}
	next := filepath.Join(s.settings.UnitFiles, journal.FileName(unitstest.Instance("next"), us.Public()))
	if err := os.WriteFile(next, entry(other.Echo(unitstest.Instance("next"), 1, "block")), 0o600); err != nil {
		t.Error(err)
	}
	close(s.asker.wait)
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if got := s.read(); !bytes.Equal(got, slices.Concat(foreign, own)) {
		t.Errorf("granted, and the file has %d bytes", len(got))
	}
}

// TestNobodyAnswers: without an answer in time the message is refused.
func TestNobodyAnswers(t *testing.T) {
	s := newSite(t, &Fake{wait: make(chan struct{})})
	s.stop()
	s.settings.Patience = 20 * time.Millisecond
	s.start()
	s.write(s.open(), entry(us.Echo(era, 1, "block")), syscall.EIO)
	if got := s.read(); len(got) != 0 {
		t.Errorf("stored are %d bytes", len(got))
	}
}

// TestWhereverItIsWritten: offsets are without meaning, and nothing is written over.
func TestWhereverItIsWritten(t *testing.T) {
	s := newSite(t, &Fake{})
	first, second := entry(us.Echo(era, 1, "block")), entry(us.Vote(era, 1, true))
	s.write(s.open(), first, nil)
	f, err := os.OpenFile(s.path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(second, 10); err != nil {
		t.Fatal(err)
	}
	if got := s.read(); !bytes.Equal(got, slices.Concat(first, second)) {
		t.Errorf("the file is %x", got)
	}
}

// TestTornHandle: what a handle began and did not end is nowhere.
func TestTornHandle(t *testing.T) {
	s := newSite(t, &Fake{})
	own, foreign := entry(us.Echo(era, 1, "block")), entry(other.Echo(era, 1, "block"))
	w := s.open()
	s.write(w, own[:len(own)-1], nil)
	w.Close()
	w = s.open()
	s.write(w, own[len(own)-1:], nil) // the beginning of a length
	s.write(s.open(), foreign, nil)
	if got := s.read(); !bytes.Equal(got, foreign) || s.asker.claims() != 0 {
		t.Errorf("the file is %x, %d claims", got, s.asker.claims())
	}
}

// TestGarbage: what casper-node does not write is refused.
func TestGarbage(t *testing.T) {
	s := newSite(t, &Fake{})
	for _, b := range [][]byte{make([]byte, 4096), bytes.Repeat([]byte{0xff}, 64), journal.Probe()} {
		s.write(s.open(), b, syscall.EIO)
	}
	probe, err := os.OpenFile(filepath.Join(s.settings.UnitFiles, gate.ProbeName), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	s.write(probe, journal.Probe(), syscall.EIO)
	if got := s.read(); len(got) != 0 {
		t.Errorf("stored are %d bytes", len(got))
	}
}

// TestCutAtOpening: a torn end of the stored file, as a power cut leaves it, is cut, and opening
// works without anybody to ask.
func TestCutAtOpening(t *testing.T) {
	s := newSite(t, &Fake{refuse: errors.New("nobody there")})
	whole := slices.Concat(entry(other.Echo(era, 1, "block")), entry(other.Vote(era, 1, true)))
	s.write(s.open(), whole, nil)
	s.stop()
	path := filepath.Join(s.settings.State, "unit_files", filepath.Base(s.path()))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(append(slices.Clone(whole[:50]), make([]byte, 4000)...)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s.start()
	if got := s.read(); !bytes.Equal(got, whole) || !bytes.Equal(s.stored(), whole) {
		t.Errorf("the file has %d bytes, stored are %d, want %d", len(got), len(s.stored()), len(whole))
	}
}

// TestNoSecondGate: a state folder is one gate's.
func TestNoSecondGate(t *testing.T) {
	s := newSite(t, &Fake{})
	if p, _ := launch(t, s.settings, s.socket); p != nil {
		t.Error("a second gate runs")
	}
	s.write(s.open(), entry(us.Echo(era, 1, "block")), nil)
}
