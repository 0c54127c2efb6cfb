package gate_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"casper-cosigner/pulse/pulsetest"
	"casper-cosigner/rule/failover"
	"casper-cosigner/stock/gate"
)

// spoken is a log that can be waited for.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (s *spoken) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.more)
	s.more = make(chan struct{})
	return s.text.Write(b)
}

// await waits until a text was logged, as often as said.
func (s *spoken) await(t *testing.T, text string, times int) {
	t.Helper()
	late := time.After(25 * time.Second) // so that a broken rule fails within a mutant's time
	for {
		s.mu.Lock()
		found, more := strings.Count(s.text.String(), text) >= times, s.more
		s.mu.Unlock()
		if found {
			return
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("%q is not logged:\n%s", text, &s.text)
		}
	}
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// patient is so patient that no machine is too slow for it.
const patient = time.Minute

// watch has the site's gate watched.
func (s *site) watch(patience time.Duration) *spoken {
	log, stop := s.watchUntil(patience)
	s.t.Cleanup(stop)
	return log
}

// watchUntil has it watched until stop is called.
func (s *site) watchUntil(patience time.Duration) (log *spoken, stop func()) {
	return s.watchEvery(10*time.Millisecond, patience)
}

// watchEvery has it looked at in that interval.
func (s *site) watchEvery(interval, patience time.Duration) (log *spoken, stop func()) {
	log = &spoken{more: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	tell := zerolog.New(log)
	w := gate.Watch{UnitFiles: s.settings.UnitFiles, Interval: interval, Patience: patience,
		Tell: func(_ context.Context, sees failover.GateSight) error {
			tell.Info().Msgf("tells that it %s", sees)
			return nil
		},
		Log: zerolog.New(log)}
	go func() { done <- w.Run(ctx) }()
	return log, func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	}
}

// TestHungGate: the node's write ends with an error while the gate hangs, and the next gate stands.
func TestHungGate(t *testing.T) {
	s := newSite(t, &Fake{})
	w := s.open()
	s.write(w, entry(us.Echo(era, 1, "block")), nil)
	if err := pulsetest.Halt(s.gate.cmd.Process); err != nil {
		t.Fatal(err)
	}
	log, stop := s.watchUntil(time.Second)
	if _, err := w.Write(entry(us.Vote(era, 1, true))); err == nil {
		t.Error("a hung gate takes a vote")
	}
	log.await(t, "the gate does not answer", 1)
	log.await(t, "tells that it hangs", 2) // also when its connection is dead
	stop()
	if n := strings.Count(log.String(), "is aborted"); n != 1 {
		t.Errorf("aborted %d times:\n%s", n, log)
	}
	s.gate.kill()
	s.start()
	if got := s.read(); !bytes.Equal(got, entry(us.Echo(era, 1, "block"))) {
		t.Errorf("the file is %x", got)
	}
	s.write(s.open(), entry(us.Vote(era, 1, true)), nil)
}

// TestNoGate: a watch that starts where no gate stands says so, and that one stands then.
func TestNoGate(t *testing.T) {
	s := newShut(t, &Fake{})
	log := s.watch(patient)
	log.await(t, "tells that it gone", 1)
	s.start()
	log.await(t, "tells that it stands", 1)
}

// TestWaitingIsNotHanging: a gate that waits for an answer is left alone, however long.
func TestWaitingIsNotHanging(t *testing.T) {
	s := newSite(t, &Fake{wait: make(chan struct{}), asked: make(chan struct{}, 1)})
	w := s.open()
	wrote := make(chan error, 1)
	go func() {
		_, err := w.Write(entry(us.Echo(era, 1, "block")))
		wrote <- err
	}()
	<-s.asker.asked
	log := s.watch(patient)
	log.await(t, "it answers", 3)
	close(s.asker.wait)
	if err := <-wrote; err != nil || strings.Contains(log.String(), "aborted") {
		t.Errorf("%v:\n%s", err, log)
	}
}

// TestPastTheGate: where the gate's path takes what must be refused, that is noticed.
func TestPastTheGate(t *testing.T) {
	s := newSite(t, &Fake{})
	s.open()
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// As a kernel that writes into the stored file itself: another file lies over the gate's.
	if err := unix.Mount(plain, s.path(), "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(s.path(), unix.MNT_DETACH)
	log := s.watch(patient)
	log.await(t, "pass by the gate", 1)
	log.await(t, "tells that it passes", 1)
	if info, err := os.Stat(filepath.Join(s.settings.UnitFiles, gate.ProbeName)); err == nil { // dead, or gone already
		t.Errorf("the gate is not aborted: %v", info)
	}
}

// TestKilled: after kill -9 nothing can be written, and the next gate goes on where the last one
// was.
func TestKilled(t *testing.T) {
	s := newSite(t, &Fake{asked: make(chan struct{}, 9)})
	log := s.watch(patient)
	w := s.open()
	echo := entry(us.Echo(era, 1, "block"))
	s.write(w, echo, nil)
	<-s.asker.asked
	s.asker.set(func() { s.asker.wait = make(chan struct{}) })
	wrote := make(chan error, 1)
	go func() { // killed while somebody is asked
		_, err := w.Write(entry(us.Vote(era, 1, true)))
		wrote <- err
	}()
	<-s.asker.asked
	s.gate.kill()
	if err := <-wrote; err == nil {
		t.Error("a dead gate takes a vote")
	}
	if _, err := os.Open(s.path()); !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("under a dead gate: %v", err)
	}
	log.await(t, "the gate has ended", 1)
	log.await(t, "tells that it gone", 1)
	if err := gate.Detach(s.settings.UnitFiles); err != nil {
		t.Fatal(err)
	}
	log.await(t, "no gate stands", 1)
	if err := os.WriteFile(s.path(), echo, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("without a gate: %v", err)
	}
	s.asker.set(func() { s.asker.wait = nil })
	s.start()
	s.write(w, entry(other.Vote(era, 1, true)), syscall.ENOTCONN)
	if got := s.read(); !bytes.Equal(got, echo) {
		t.Errorf("the next gate shows %x", got)
	}
	s.write(s.open(), entry(us.Vote(era, 1, true)), nil)
}

// TestNextGateBetweenLooks: the kernel gives the next gate the number of the one that was killed,
// so that a watch which looked at neither change sees the same mount; it is a gate that stands, all
// the same. Where this machine is so slow that it looks between, that is what TestKilled has.
func TestNextGateBetweenLooks(t *testing.T) {
	s := newSite(t, &Fake{})
	log, stop := s.watchEvery(2*time.Second, patient)
	defer stop()
	log.await(t, "tells that it stands", 1)
	s.gate.kill()
	log.await(t, "the gate has ended", 1)
	log.await(t, "tells that it gone", 1)
	if err := gate.Detach(s.settings.UnitFiles); err != nil {
		t.Fatal(err)
	}
	s.start()
	log.await(t, "a gate stands", 2)
	before := strings.Count(log.String(), "tells that it stands")
	log.await(t, "tells that it stands", before+1)
}
