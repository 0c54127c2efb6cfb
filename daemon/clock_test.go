package daemon_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/clock"
)

// settable are hosts' wall clocks that a test sets.
type settable map[string]*atomic.Int64

// newClocks returns a cluster, not yet started, whose cosigners' wall clocks can be set.
func newClocks(t *testing.T) (*local, settable) {
	l := newLocal(t, func(f *cluster.File) {
		f.Failover.PingInterval = cluster.Duration(200 * time.Millisecond)
		f.Failover.PingTimeout = f.Failover.PingInterval
	})
	clocks, start := settable{}, time.Now()
	l.readings = map[string]func() clock.Reading{}
	for _, name := range all[:3] {
		off := &atomic.Int64{}
		clocks[name] = off
		l.readings[name] = func() clock.Reading {
			now := time.Now()
			return clock.Reading{Wall: now.Round(0).Add(time.Duration(off.Load())), Mono: now.Sub(start)}
		}
	}
	return l, clocks
}

// supervise starts what ended again, and returns with what it had ended.
func (l *local) supervise(name string) (ended bool, err error) {
	select {
	case <-l.running[name].ended:
		err = l.stop(name)
		l.start(name)
		return true, err
	default:
		return false, nil
	}
}

// TestClockJumps: a cosigner whose wall clock jumps gives no shares from then on, and ends; the
// others sign meanwhile, and take it back.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	l, clocks := newClocks(t)
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	name := l.leader()
	admin := l.admin(name)
	clocks[name].Store(int64(-time.Hour))
	jumped, kept := time.Now(), false
	for round := uint32(1); ; round++ {
		if ended, err := l.supervise(name); ended {
			if !errors.Is(err, daemon.ErrClockJumped) {
				t.Errorf("it ended with %v", err)
			}
			break
		}
		if time.Since(jumped) > patience {
			t.Fatal("it goes on")
		}
		if !l.signsWithin(a, echo(1, round, 1), 10*time.Second) {
			t.Fatal("the others do not sign without it")
		}
		r, err := admin.Status(t.Context(), &cosignerv1.StatusRequest{})
		if err == nil && time.Since(jumped) > 2*time.Second {
			if r.GetReady() {
				t.Errorf("%v after its clock jumped it gives shares", time.Since(jumped))
			}
			kept = true
		}
		<-time.After(100 * time.Millisecond)
	}
	if !kept {
		t.Error("nobody saw it keep its shares back")
	}
	other := others(name)[0]
	_ = l.stop(others(name)[1])
	if !l.signsWithin(a, echo(2, 0, 1), patience) {
		t.Errorf("%s and %s do not sign: it was not taken back", name, other)
	}
}

// TestClocksOfAllJump: a time server that steps the clocks of all hosts does not stop signing: they
// end one after the other.
func TestClocksOfAllJump(t *testing.T) {
	t.Parallel()
	l, clocks := newClocks(t)
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	for _, off := range clocks {
		off.Store(int64(time.Hour))
	}
	jumped, ended := time.Now(), map[string]time.Time{}
	for round := uint32(1); len(ended) < 3; round++ {
		for _, name := range all[:3] {
			if over, err := l.supervise(name); over {
				if _, again := ended[name]; again || !errors.Is(err, daemon.ErrClockJumped) {
					t.Errorf("%s ended with %v, again: %v", name, err, again)
				}
				ended[name] = time.Now()
			}
		}
		if time.Since(jumped) > 80*time.Second {
			t.Fatalf("only %v ended", ended)
		}
		if !l.signsWithin(a, echo(1, round, 1), 10*time.Second) {
			t.Fatalf("%v after the jump nothing is signed", time.Since(jumped))
		}
		<-time.After(50 * time.Millisecond)
	}
	if took := time.Since(jumped); took > time.Minute {
		t.Errorf("it took them %v: they did not hear each other", took)
	}
	for i, name := range all[1:3] {
		if !ended[name].After(ended[all[i]]) {
			t.Errorf("%s ended before %s", name, all[i])
		}
	}
	l.mustSign(a, echo(2, 0, 1))
}
