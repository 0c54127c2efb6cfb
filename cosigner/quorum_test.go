package cosigner

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/statedir"
)

// stage runs a test with a filled quorum in virtual time.
func stage(t *testing.T, threshold, n int, play func(t *testing.T, c *committee, q *Quorum)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, threshold, n)
		q, stop := c.leadFilled()
		defer stop()
		if err := q.Ready(); err != nil {
			t.Fatal(err)
		}
		play(t, c, q)
	})
}

func TestQuorumSigns(t *testing.T) {
	for _, size := range [][2]int{{2, 3}, {3, 5}} {
		stage(t, size[0], size[1], func(t *testing.T, c *committee, q *Quorum) {
			our, their := tlsPoint(t), tlsPoint(t)
			for i := range 20 {
				c.mustSign(q, echo(uint32(i), 1))
				c.mustSign(q, finality(100+uint64(i)))
				c.mustSign(q, handshake(our, their, i))
			}
			if s := q.Stats(); s.Signatures != 60 || s.Hedged+s.Retried+s.BadShares+s.Alarms != 0 {
				t.Errorf("%+v, want 60 signatures and no trouble", s)
			}
			for _, h := range c.hosts[1:] {
				if n := h.called("Commit"); n > 20 {
					t.Errorf("%s was asked %d times for commitments", h.name, n)
				}
			}
		})
	}
}

func TestQuorumWithoutRunUsesOnDemandRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 2, 3)
		q := c.lead()
		wantIs(t, q.Ready(), ErrNoQuorum)
		c.mustSign(q, echo(1, 1))
	})
}

func TestQuorumSurvives(t *testing.T) {
	lie := func(share []byte) { share[0] ^= 1 }
	tests := []struct {
		name  string
		spoil func(c *committee)
		limit time.Duration // for each of the signatures
		check func(s QuorumStats) bool
	}{
		{"one dead", func(c *committee) { c.hosts[1].set(func(h *host) { h.fault = dead }) }, 0,
			func(s QuorumStats) bool { return s.Retried >= 1 }},
		{"one hung", func(c *committee) { c.hosts[1].set(func(h *host) { h.fault = hung }) }, 21 * time.Millisecond,
			func(s QuorumStats) bool { return s.Hedged >= 1 }},
		{"one slow", func(c *committee) { c.hosts[1].set(func(h *host) { h.fault = after(300 * time.Millisecond) }) },
			21 * time.Millisecond, func(s QuorumStats) bool { return s.Hedged >= 1 }},
		{"both slow", func(c *committee) {
			for _, h := range c.hosts[1:] {
				h.set(func(h *host) { h.fault = after(50 * time.Millisecond) })
			}
		}, 51 * time.Millisecond, func(s QuorumStats) bool { return s.Hedged >= 1 }},
		{"one lying", func(c *committee) { c.hosts[1].set(func(h *host) { h.spoil = lie }) }, 0,
			func(s QuorumStats) bool { return s.BadShares == 1 && s.Retried == 1 }}, // once: it is asked last from then on
		{"one restarted", func(c *committee) { c.restart(1) }, 0,
			func(s QuorumStats) bool { return s.Retried >= 1 }},
		{"both restarted", func(c *committee) { c.restart(1); c.restart(2) }, 0,
			func(s QuorumStats) bool { return s.Retried >= 1 }},
		{"one restarted, one dead", func(c *committee) { c.restart(1); c.hosts[2].set(func(h *host) { h.fault = dead }) }, 0,
			func(s QuorumStats) bool { return s.Retried >= 1 }},
		{"one that differs", func(c *committee) {
			for i := range 10 {
				slot, _ := casper.SlotOf(echo(uint32(i), 1))
				if err := c.hosts[1].ledger.Claim(slot, digest(9)); err != nil {
					c.t.Fatal(err)
				}
			}
		}, 0, func(s QuorumStats) bool { return s.Alarms >= 1 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
				tt.spoil(c)
				for i := range 10 {
					start := time.Now()
					c.mustSign(q, echo(uint32(i), 1))
					if took := time.Since(start); took > tt.limit {
						t.Errorf("signature %d took %v, want at most %v", i, took, tt.limit)
					}
				}
				if s := q.Stats(); !tt.check(s) {
					t.Errorf("unexpected %+v", s)
				}
			})
		})
	}
}

func TestQuorumComesBack(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		c.hosts[1].set(func(h *host) { h.fault = dead })
		c.hosts[2].set(func(h *host) { h.fault = dead })
		if err := c.sign(q, echo(1, 1)); err == nil {
			t.Fatal("signed alone")
		}
		time.Sleep(5 * time.Minute) // what is in hand becomes stale
		wantIs(t, q.Ready(), ErrNoQuorum)
		c.hosts[1].set(func(h *host) { h.fault = nil })
		time.Sleep(2 * time.Second)
		if err := q.Ready(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		c.mustSign(q, echo(1, 1))
		if time.Since(start) != 0 {
			t.Error("the one that came back is not preferred")
		}
		if s := q.Status()[1]; s.Failures != 0 || s.LastError != "" || s.Stock < targetMin/2 {
			t.Errorf("status %+v", s)
		}
	})
}

// TestQuorumProbes: one that was hung is preferred again soon after it answers,
// though its pool never ran low.
func TestQuorumProbes(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		c.hosts[1].set(func(h *host) { h.fault = hung })
		c.mustSign(q, echo(1, 1))
		time.Sleep(3 * time.Second)
		if s := q.Status()[1]; s.Failures == 0 {
			t.Errorf("hung, yet %+v", s)
		}
		c.hosts[1].set(func(h *host) { h.fault = nil })
		time.Sleep(3 * time.Second)
		if s := q.Status()[1]; s.Failures != 0 {
			t.Errorf("back, yet %+v", s)
		}
	})
}

func TestQuorumDropsStockOfOldSession(t *testing.T) {
	m := &participant{stock: []commitment{{index: 1, session: statedir.ID{1}}, {index: 2, session: statedir.ID{1}}}}
	m.add([]commitment{{index: 3, session: statedir.ID{1}}})
	m.add([]commitment{{index: 1, session: statedir.ID{2}}})
	if len(m.stock) != 1 || m.stock[0].session != (statedir.ID{2}) {
		t.Errorf("stock %+v, want that of the new session only", m.stock)
	}
}

func TestQuorumTooFewFailsFast(t *testing.T) {
	stage(t, 3, 5, func(t *testing.T, c *committee, q *Quorum) {
		for _, h := range c.hosts[2:] {
			h.set(func(h *host) { h.fault = dead })
		}
		start := time.Now()
		err := c.sign(q, echo(1, 1))
		wantIs(t, err, ErrNoQuorum)
		var detail *QuorumError
		if !errors.As(err, &detail) || len(detail.Causes) != 3 {
			t.Errorf("got %v, want three causes", err)
		}
		if took := time.Since(start); took > time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestQuorumCulpritPlusOneDead(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		c.hosts[1].set(func(h *host) { h.spoil = func(share []byte) { share[0] ^= 1 } })
		c.mustSign(q, echo(1, 1))
		c.hosts[2].set(func(h *host) { h.fault = dead })
		wantIs(t, c.sign(q, echo(2, 1)), ErrNoQuorum)
		c.hosts[1].set(func(h *host) { h.spoil = nil })
		c.mustSign(q, echo(2, 1)) // asked last, but never excluded
		if s := q.Status()[1]; s.BadShares != 2 {
			t.Errorf("%d bad shares counted, want 2", s.BadShares)
		}
	})
}

func TestQuorumHungOwnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 2, 3)
		disk := &gatedDisk{disk: c.hosts[0].ledger.disk, gate: make(chan struct{})}
		l, err := openLedger(c.hosts[0].ledger.config(), disk)
		if err != nil {
			t.Fatal(err)
		}
		c.hosts[0].ledger.Ledger = l
		c.restart(0)
		q, stop := c.leadFilled()
		defer stop()
		disk.shut.Store(true)
		defer close(disk.gate)
		for i := range 5 {
			start := time.Now()
			c.mustSign(q, echo(uint32(i), 1))
			if took := time.Since(start); took > 21*time.Millisecond {
				t.Errorf("signature %d took %v", i, took)
			}
		}
	})
}

// TestShareNeverBeforeSync holds the fsync of every ledger back: no share may
// leave any cosigner, and none may be computed by the leader for itself.
func TestShareNeverBeforeSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 2, 3)
		gate := make(chan struct{})
		for i, h := range c.hosts {
			disk := &gatedDisk{disk: h.ledger.disk, gate: gate}
			l, err := openLedger(h.ledger.config(), disk)
			if err != nil {
				t.Fatal(err)
			}
			h.ledger.Ledger = l
			disk.shut.Store(true)
			c.restart(i)
		}
		q, stop := c.leadFilled()
		defer stop()
		done := make(chan error)
		go func() { done <- c.sign(q, echo(1, 1)) }()
		time.Sleep(time.Second)
		for _, h := range c.hosts {
			if n := h.server.Stats().Shares; n != 0 {
				t.Errorf("%s gave %d shares before its fsync", h.name, n)
			}
		}
		close(gate)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestQuorumOneValuePerSlot(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		c.mustSign(q, echo(1, 1))
		err := c.sign(q, echo(1, 2))
		wantIs(t, err, ErrNoQuorum)
		var alarm *AlarmError
		if !errors.As(err, &alarm) {
			t.Errorf("got %v, want an alarm", err)
		}
		if q.Stats().Alarms == 0 {
			t.Error("no alarm counted")
		}
	})
}

// TestQuorumTwoValuesAtOnce lets two leaders sign different values of one slot
// at the same moment, many times: never may both succeed.
func TestQuorumTwoValuesAtOnce(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		c.hosts[0], c.hosts[1] = c.hosts[1], c.hosts[0] // the second leader is c2
		rival := c.lead()
		for i := range 50 {
			var signed atomic.Int32
			var both sync.WaitGroup
			for value, leader := range []*Quorum{q, rival} {
				both.Go(func() {
					if c.sign(leader, echo(uint32(i), byte(value))) == nil {
						signed.Add(1)
					}
				})
			}
			both.Wait()
			if signed.Load() > 1 {
				t.Fatalf("round %d: two values were signed", i)
			}
		}
	})
}

func TestQuorumConcurrently(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		var all sync.WaitGroup
		for w := range 8 {
			all.Go(func() {
				for i := range 20 {
					if err := c.sign(q, echo(uint32(w*100+i), 1)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

// TestQuorumHandshakeBurst: votes find commitments in hand and are not slowed
// down, however many handshakes are asked for.
func TestQuorumHandshakeBurst(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		for _, h := range c.hosts[1:] { // each call takes a millisecond
			h.set(func(h *host) { h.fault = after(time.Millisecond) })
		}
		our, their := tlsPoint(t), tlsPoint(t)
		ctx, cancel := context.WithCancel(t.Context())
		var burst sync.WaitGroup
		for i := range 64 {
			burst.Go(func() {
				for ctx.Err() == nil {
					_ = c.sign(q, handshake(our, their, i))
				}
			})
		}
		for i := range 5 {
			start := time.Now()
			c.mustSign(q, echo(uint32(i), 1))
			if took := time.Since(start); took > time.Millisecond {
				t.Errorf("vote %d took %v during the burst, more than one round", i, took)
			}
			for _, p := range q.Status() {
				if p.Stock < slotReserve-1 {
					t.Errorf("%s: %d commitments left to slots", p.Name, p.Stock)
				}
			}
			time.Sleep(2 * time.Millisecond)
		}
		cancel()
		burst.Wait()
	})
}

func TestQuorumUsesPoolsWithinLimits(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		for i := range 400 { // 1,000 a second
			c.mustSign(q, echo(uint32(i), 1))
			time.Sleep(time.Millisecond)
		}
		for _, h := range c.hosts {
			h.server.nonces.mu.Lock()
			for who, w := range h.server.nonces.waiting {
				if len(w) > maxOutstanding*3/4 {
					t.Errorf("%s holds %d nonces for %s", h.name, len(w), who.name)
				}
			}
			h.server.nonces.mu.Unlock()
		}
		if n := c.hosts[1].called("Commit") + c.hosts[2].called("Commit"); n > 400/8 {
			t.Errorf("%d requests for commitments", n)
		}
	})
}
