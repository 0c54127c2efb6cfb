package monitor

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func validator() string { return casper.PublicKey(key.Public().(ed25519.PublicKey)).String() }

// vote is of this world's era, signed with our key.
func vote(round uint32, yes bool) casper.Ballot {
	m := casper.Vote{Round: casper.Round{Era: 10, ID: round, Validator: 1}, Value: yes}
	b, _ := casper.BallotOf(m)
	b.Signature = casper.Signature(ed25519.Sign(key, m.SignBytes()))
	return b
}

// accuse has node b tell of a fault in era 10 from now on.
func (w *world) accuse(e failover.Evidence) {
	w.set(func() {
		since := time.Now()
		w.edit["b"] = func(h *cosignerv1.NodeHealth) {
			told := wire.Health(failover.Node{Fault: since, FaultEra: 10, Evidence: e}, time.Now())
			h.FaultAgoMs, h.FaultEra, h.FaultEvidence = told.FaultAgoMs, told.GetFaultEra(), told.GetFaultEvidence()
		}
	})
}

// wantHold wants the last change to be a hold for that reason, and returns its end.
func (w *world) wantHold(changes int, cause string) int64 {
	w.t.Helper()
	got := w.changes()
	if len(got) != changes {
		w.t.Fatalf("got %+v, want %d changes", got, changes)
	}
	c, ok := got[changes-1].command.(machine.Hold)
	if !ok || c.Cause != cause {
		w.t.Fatalf("got %+v, want a hold for %s", got[changes-1].command, cause)
	}
	return c.Until
}

// TestFault: what our key signed and no cosigner was asked for stops automatic changes for good,
// once, and is an alarm.
func TestFault(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.accuse(failover.Evidence{Ballots: [2]casper.Ballot{vote(3, true), vote(3, false)}})
		time.Sleep(3 * interval)
		if until := w.wantHold(1, failover.Fault); until != failover.ForGood {
			t.Errorf("held until %d", until)
		}
		w.kill()
		w.wantNothing(3 * after)
		if w.logged(`"alarm":true`) == 0 {
			t.Errorf("no alarm in %s", w.logs.text())
		}
		for name, m := range w.monitors {
			if _, seen := m.Judgement(); seen.Findings["b"].Proof != failover.Proven || seen.Findings["b"].Era != 10 {
				t.Errorf("%s found %+v", name, seen.Findings)
			}
		}
	})
}

// TestFaultThatIsNone: what the log holds is ours, and twice the same is no fault. It is an alarm,
// and nothing is held.
func TestFaultThatIsNone(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.accuse(failover.Evidence{Ballots: [2]casper.Ballot{vote(3, true), vote(4, true)}})
		time.Sleep(3 * interval)
		if len(w.changes()) != 0 || w.logged("ALARM: the node tells that our validator equivocated in era 10") != 1 ||
			w.logged("it was looked into, and is none") != 1 {
			t.Errorf("got %+v and %s", w.changes(), w.logs.text())
		}
		w.wantActivation("cosigner-1", w.kill())
	})
}

// TestFaultUnread: a node's bare word holds roles until the log comes to the next era, and no
// longer than two hours.
func TestFaultUnread(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.accuse(failover.Evidence{Error: "permission denied"})
		told := time.Now()
		time.Sleep(3 * interval)
		if until := time.UnixMilli(w.wantHold(1, failover.Unread)).Sub(told); until < 2*time.Hour || until > 121*time.Minute {
			t.Errorf("held for %v", until)
		}
		if w.logged("permission denied") == 0 || w.logged(`"alarm":true`) == 0 {
			t.Errorf("no alarm in %s", w.logs.text())
		}
		w.set(func() {
			w.state.Apply(machine.Claim{At: time.Now().UnixMilli(),
				Claim: watermark.Claim{Node: "b", Message: casper.Vote{Round: casper.Round{Era: 11}}}})
		})
		time.Sleep(3 * interval)
		if until := w.wantHold(2, failover.Unread); until != 0 {
			t.Errorf("the era is over, held until %d", until)
		}
	})
}

// TestFaultBeforeItLed: a cosigner that judged before it led may not have held what was committed
// until then, so that a claim of ours looked like somebody else's. Nor one that led, lost the lead
// to another and has it again.
func TestFaultBeforeItLed(t *testing.T) {
	for name, at := range map[string]func(asked int) (uint64, bool){
		"it begins to lead after it has looked": func(asked int) (uint64, bool) { return 1, asked > 2 },
		"it leads again in a later term":        func(asked int) (uint64, bool) { return 1 + uint64(min(asked, 3))/3, true },
	} {
		t.Run(name, func(t *testing.T) { faultBeforeItLed(t, at) })
	}
}

func faultBeforeItLed(t *testing.T, at func(asked int) (term uint64, leads bool)) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() { w.leader = "cosigner-2" })
		c, asked := w.config("cosigner-2"), 0
		c.Others = nil
		c.Leader = func() (string, uint64, bool) {
			asked++
			term, leads := at(asked)
			return "cosigner-2", term, leads
		}
		m := New(c)
		told := wire.Health(failover.Node{Fault: time.Now(), FaultEra: 10,
			Evidence: failover.Evidence{Ballots: [2]casper.Ballot{vote(3, true), vote(3, false)}}}, time.Now())
		if err := m.Ping("b", &cosignerv1.PingRequest{Health: told}); err != nil {
			t.Fatal(err)
		}
		if m.look(t.Context(), nil); len(w.changes()) != 0 {
			t.Errorf("got %+v", w.changes())
		}
		m.look(t.Context(), nil)
		w.wantHold(1, failover.Fault)
	})
}
