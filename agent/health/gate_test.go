package health

import (
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// toldStatus is an answer of /status by a process that has run for so long.
func toldStatus(era uint64, state string, uptime time.Duration) Status {
	round := 8 * time.Second
	s := Status{State: state, Uptime: uptime, LastBlock: &Block{Era: era, Height: 100 * era}}
	if state == "Validate" {
		s.RoundLength = &round
	}
	return s
}

// TestEraBegins: since when an era lasts is known once the agent saw its first block come.
func TestEraBegins(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	var a account
	a.answered(toldStatus(7, "Validate", time.Hour), now, now)
	if !a.Status.EraAt.IsZero() {
		t.Errorf("an era that was there began %v", a.Status.EraAt)
	}
	for second := range 5 {
		then := now.Add(time.Duration(1+second) * time.Second)
		a.answered(toldStatus(8, "Validate", time.Hour), then, then)
	}
	if a.Status.EraAt != now.Add(time.Second) {
		t.Errorf("it began %v", a.Status.EraAt)
	}
}

// TestRestart: a stock node that was started anew forgets what it was refused before, and how long
// it needs is known of a start that the agent saw.
func TestRestart(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	a := account{stock: true}
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	a.answered(toldStatus(7, "Validate", time.Hour), at(0), at(0))
	if a.Gate.Started != at(-3600) || a.Gate.Took != 0 {
		t.Errorf("of a start long ago: %+v", a.Gate)
	}
	a.Gate.Refuses(7, at(5))
	a.answered(toldStatus(7, "Validate", time.Hour+11*time.Second), at(10), at(10))
	if a.Gate.Started != at(-3600) || !a.Out() {
		t.Errorf("its uptime grew a second too much, and it was started anew: %+v", a.Gate)
	}
	a.answered(toldStatus(7, "CatchUp", 4*time.Second), at(20), at(20))
	if a.Gate.Started != at(16) || a.Out() || a.Gate.Took != 0 {
		t.Errorf("after a start: %+v", a.Gate)
	}
	a.Gate.Refuses(7, at(30))
	a.answered(toldStatus(7, "Validate", 29*time.Second), at(45), at(45))
	a.answered(toldStatus(7, "Validate", 50*time.Second), at(66), at(66))
	if a.Gate.Took != 29*time.Second || !a.Out() {
		t.Errorf("once it validates: %+v", a.Gate)
	}
}

// TestGated: what a gate tells is told in pings.
func TestGated(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	w := New(Config{Stock: true, Now: func() time.Time { return now }})
	w.Gated(func(g *failover.Gate, at time.Time) { g.Refuses(9, at) })
	if got := w.Health(now.Add(time.Second)).GetGate(); got.GetRefusedEra() != 9 || got.GetRefusedAgoMs() != 1000 {
		t.Errorf("got %v", got)
	}
}

// TestTookIsKept: how long a start took is told to whoever keeps it, and known from then on, also
// to an agent that has seen none.
func TestTookIsKept(t *testing.T) {
	now, kept := time.Unix(1_900_000_000, 0), time.Duration(0)
	c := Config{Stock: true, Now: func() time.Time { return now }, Measured: func(d time.Duration) { kept = d }}
	w := New(c)
	w.noteStatus(toldStatus(7, "CatchUp", 4*time.Second), now, nil)
	now = now.Add(7 * time.Second)
	w.noteStatus(toldStatus(7, "Validate", 11*time.Second), now, nil)
	if kept != 11*time.Second {
		t.Fatalf("kept %v", kept)
	}
	c.Took = kept
	w = New(c)
	kept = 0
	w.noteStatus(toldStatus(7, "Validate", time.Hour), now, nil)
	if got := w.Health(now).GetGate().GetTookMs(); got != 11000 || kept != 0 {
		t.Errorf("an agent that starts again tells %d ms, and kept %v", got, kept)
	}
}

// TestStatusLate: an answer that comes long after it was asked tells of no other process.
func TestStatusLate(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	w := New(Config{Stock: true, Now: func() time.Time { return now }})
	w.noteStatus(toldStatus(7, "Validate", time.Hour), now, nil)
	asked := now
	now = now.Add(20 * time.Second)
	w.noteStatus(toldStatus(7, "Validate", time.Hour), asked, nil)
	if got := w.Health(now).GetGate().GetStartedAgoMs(); got != 3_620_000 {
		t.Errorf("started %d ms ago", got)
	}
}
