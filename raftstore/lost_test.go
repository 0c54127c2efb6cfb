package raftstore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// losing is a trio of which any member can be told that its memory is lost.
func losing(t *testing.T) (tr *trio, lose func(name string)) {
	lost := map[string]*atomic.Bool{}
	for _, name := range trioNames {
		lost[name] = &atomic.Bool{}
	}
	tr = newTrio(t, func(name string, c *Config) {
		c.Lost = func() error {
			if lost[name].Load() {
				return errors.New("its memory is lost")
			}
			return nil
		}
	})
	return tr, func(name string) { lost[name].Store(true) }
}

// wantNoLeader checks that nobody is fit to lead for some elections, and none is committed.
func (tr *trio) wantNoLeader() {
	tr.t.Helper()
	for range 100 {
		time.Sleep(50 * time.Millisecond) // virtual
		for _, m := range tr.members {
			if m.Store != nil && m.Leader().Self {
				tr.t.Fatalf("%s leads", m.name)
			}
		}
	}
}

// TestLostCommitsNothing: a member whose memory is lost helps to commit nothing, and elects nobody.
// The others do without it once they are a majority.
func TestLostCommitsNothing(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			tr, lose := losing(t)
			defer tr.stopAll()
			tr.apply(1, 1)
			leader := tr.leader()
			names := tr.followers(leader)
			lost, other := tr.members[names[0]], names[1]
			tr.catchUp(lost)
			lose(lost.name)
			if restarted {
				tr.kill(lost.name)
				tr.start(lost.name)
			}
			tr.wire.isolate(other, true)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if r, err := leader.Apply(ctx, claim(2, 2)); err == nil {
				t.Errorf("committed with one whose memory is lost: %v", r.Outcome)
			}
			time.Sleep(time.Second) // virtual: the lease ends
			tr.wantNoLeader()
			tr.wire.isolate(other, false)
			if next := tr.leader(); next == lost {
				t.Error("it leads")
			}
			tr.apply(3, 3)
			synctest.Wait()
			if lost.held(3) != 0 || lost.fatalError() != nil {
				t.Errorf("it follows, or ended with %v", lost.fatalError())
			}
		})
	}
}

// TestWaitsAndFollows: one that was down and takes no part at first follows soon after it does, and
// unseats nobody.
func TestWaitsAndFollows(t *testing.T) {
	for _, down := range []time.Duration{time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			waits := map[string]*atomic.Bool{}
			for _, name := range trioNames {
				waits[name] = &atomic.Bool{}
			}
			tr := newTrio(t, func(name string, c *Config) {
				c.Lost = func() error {
					if waits[name].Load() {
						return errors.New("the agents were not heard yet")
					}
					return nil
				}
			})
			defer tr.stopAll()
			tr.apply(1, 1)
			leader := tr.leader()
			name := tr.followers(leader)[0]
			tr.kill(name)
			tr.apply(2, 2)
			time.Sleep(down) // virtual
			waits[name].Store(true)
			tr.start(name)
			m := tr.members[name]
			term := leader.Leader().Term
			time.Sleep(time.Second) // virtual
			if m.held(2) != 0 {
				t.Error("it follows")
			}
			waits[name].Store(false)
			from := time.Now()
			tr.catchUp(m)
			t.Logf("down %v: follows after %v", down, time.Since(from))
			if now := tr.leader(); now != leader || now.Leader().Term != term {
				t.Errorf("%s leads in term %d: it was %s in term %d", now.name, now.Leader().Term, leader.name, term)
			}
		})
	}
}

// TestHeld: one that starts alone knows by its own disk that the cluster was founded.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		if tr.members["a"].Held() {
			t.Error("its log was empty when it was opened")
		}
		tr.apply(1, 1)
		tr.catchUp(tr.members["a"])
		tr.stopAll()
		tr.start("a")
		if a := tr.members["a"]; !a.Held() || a.founded() || a.Stated() != nil {
			t.Errorf("it holds commands %v, of which it has applied Genesis %v: %v", a.Held(), a.founded(), a.Stated())
		}
	})
}

// TestLostLeaderLeadsNoMore: one that leads when its memory is found to be lost neither claims from
// then on nor keeps the lead, and is not elected again though its log is the longest.
func TestLostLeaderLeadsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, lose := losing(t)
		defer tr.stopAll()
		tr.apply(1, 1)
		old := tr.leader()
		lose(old.name)
		if _, err := old.Apply(t.Context(), claim(2, 2)); !errors.Is(err, ErrNotLeader) {
			t.Errorf("it claims: %v", err)
		}
		next := tr.leader()
		if next == old {
			t.Fatal("it leads")
		}
		if _, err := next.Apply(t.Context(), claim(2, 3)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := old.held(2); got != 0 {
			t.Errorf("it applied %d", got)
		}
	})
}

// TestLostSaysNothing: once its memory is lost, nothing passes on a connection that was there
// before, neither in nor out.
func TestLostSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost atomic.Bool
		a, b := streams(t, newWire(), func(name string, c *Config) {
			if name == "b" {
				c.Lost = func() error {
					if lost.Load() {
						return errors.New("its memory is lost")
					}
					return nil
				}
			}
		})
		defer a.Close()
		defer b.Close()
		fromA := taken(b)
		synctest.Wait()
		for range len(fromA) {
			<-fromA
		}
		theirs, err := a.Dial("b", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		ours, got := <-fromA, make([]byte, 1)
		go theirs.Write([]byte("ab"))
		if _, err := ours.Read(got); err != nil {
			t.Fatal(err)
		}
		lost.Store(true)
		if n, err := ours.Read(got); n != 0 || err == nil {
			t.Errorf("it hears %d bytes", n)
		}
		heard := make(chan int, 1)
		go func() {
			n, _ := theirs.Read(make([]byte, 1))
			heard <- n
		}()
		if n, err := ours.Write([]byte("c")); n != 0 || err == nil {
			t.Errorf("it says %d bytes", n)
		}
		ours.Close()
		if n := <-heard; n != 0 {
			t.Error("it was heard")
		}
	})
}
