package daemon_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/cosigner"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/statedir"
)

// remembered waits until the agent's file says that each cosigner signed in the era.
func (l *local) remembered(node string, era string, names ...string) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(l.path, node, "witness.json"))
		missing := ""
		for _, name := range names {
			line := ""
			for _, s := range strings.Split(string(text), "\n") {
				if strings.Contains(s, `"says": "`+name+" ") && strings.Contains(s, "newest era "+era+" ") {
					line = s
				}
			}
			if line == "" {
				missing = name
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s's agent has not kept that %s signed in era %s: %s", node, missing, era, text)
		}
	}
}

// copyState copies the state directories of the cosigners.
func (l *local) copyState(from, to string) {
	l.t.Helper()
	for _, name := range all[:3] {
		if err := os.RemoveAll(filepath.Join(l.path, name, to)); err != nil {
			l.t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(l.path, name, to), os.DirFS(filepath.Join(l.path, name, from))); err != nil {
			l.t.Fatal(err)
		}
	}
}

// heldBack waits until the cosigner says that it gives no share, for a reason with that text.
func (l *local) heldBack(name string, texts ...string) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		why, missing := l.status(name).GetHeldBack(), ""
		for _, text := range texts {
			if !strings.Contains(why, text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s is held back for %q, which lacks %q", name, why, missing)
		}
	}
}

// signsNothing asks for two seconds.
func (l *local) signsNothing(node string, era uint64, round uint32) {
	l.t.Helper()
	client := l.node(node)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(l.t.Context(), time.Second)
		r, err := client.Sign(ctx, wire.Request(echo(era, round, 9)))
		cancel()
		if err == nil && r.GetSigned() != nil {
			l.t.Fatalf("era %d round %d was signed with another value", era, round)
		}
	}
}

// TestMadeAnew: all three state directories are deleted and made anew for an era in which
// signatures were made, while one agent lives. Each cosigner refuses, by name, and none signs
// anything; made anew above all that was signed, they do.
func TestMadeAnew(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	l.mustSign(l.node("node-a"), echo(3, 0, 1))
	l.mustSign(l.node("node-a"), block(7, 1))
	l.remembered("node-a", "3", all[:3]...)
	again := func(first watermark.Mark) {
		for _, name := range all[:3] {
			_ = l.stop(name)
		}
		for _, name := range all[:3] {
			if err := os.RemoveAll(filepath.Join(l.path, name, "state")); err != nil {
				t.Fatal(err)
			}
			l.initState(name, first)
		}
		l.start(all[:3]...)
	}
	_ = l.stop("node-b")
	again(watermark.Mark{Era: 1, Height: 1})
	for _, name := range all[:3] {
		l.heldBack(name, "signed by "+name, "initialised again", "docs/recovery.md")
	}
	l.signsNothing("node-a", 3, 0)

	again(watermark.Mark{Era: 4, Height: 9})
	if !l.signsWithin(l.node("node-a"), echo(4, 0, 2), patience) { // its agent must hear all of that first
		t.Error("made anew above all that was signed, they sign nothing")
	}
}

// TestFoundedTooHigh: a cluster that was founded far too high has signed nothing, so its state
// directories can be made anew lower, under the same cluster id and beside agents that know of it.
func TestFoundedTooHigh(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	again := func(first watermark.Mark) {
		for _, name := range all[:3] {
			if err := os.RemoveAll(filepath.Join(l.path, name, "state")); err != nil {
				t.Fatal(err)
			}
			l.initState(name, first)
		}
	}
	again(watermark.Mark{Era: 99999, Height: 700})
	l.start(all...)
	l.remembered("node-a", "0", all[:3]...)
	l.remembered("node-b", "0", all[:3]...)
	for _, name := range all[:3] {
		_ = l.stop(name)
	}
	again(watermark.Mark{Era: 3, Height: 7})
	l.start(all[:3]...)
	l.mustSign(l.node("node-a"), echo(3, 0, 1))
	l.mustSign(l.node("node-a"), block(7, 1))
}

// TestPutBack: all three state directories are put back from copies while one agent lives.
func TestPutBack(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	l.mustSign(l.node("node-a"), echo(1, 0, 1))
	cosigners := func(do func(name string)) {
		for _, name := range all[:3] {
			do(name)
		}
	}
	cosigners(func(name string) { _ = l.stop(name) })
	l.copyState("state", "copy")
	l.start(all[:3]...)
	for era := uint64(2); era < 12; era++ {
		l.mustSign(l.node("node-a"), echo(era, 0, 1))
	}
	l.remembered("node-a", "11", all[:3]...)
	cosigners(func(name string) { _ = l.stop(name) })
	l.copyState("copy", "state")
	_ = l.stop("node-b")
	_ = l.stop("node-a") // what it keeps outlives it
	l.start("node-a")
	l.start(all[:3]...)
	cosigners(func(name string) {
		l.heldBack(name, "signed by "+name, "restored", "docs/recovery.md")
	})
	l.signsNothing("node-a", 11, 0)

	// What was found holds, also when nobody remembers any more.
	_ = l.stop("node-a")
	cosigners(func(name string) { _ = l.stop(name) })
	l.start(all[:3]...)
	<-time.After(2 * time.Second) // longer than agents are waited for
	cosigners(func(name string) { l.heldBack(name, "lost what it remembered") })
}

// TestTwoMadeAnew: two of the three state directories are made anew while the third cosigner is
// gone and one agent lives: neither gives a share, and nothing is founded.
func TestTwoMadeAnew(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all[:4]...)
	l.mustSign(l.node("node-a"), echo(3, 0, 1))
	l.remembered("node-a", "3", all[:3]...)
	for _, name := range all[:3] {
		_ = l.stop(name)
	}
	for _, name := range all[:2] {
		if err := os.RemoveAll(filepath.Join(l.path, name, "state")); err != nil {
			t.Fatal(err)
		}
		l.initState(name, watermark.Mark{})
	}
	l.start(all[:2]...)
	for _, name := range all[:2] {
		l.heldBack(name, "signed by "+name, "initialised again")
	}
	l.signsNothing("node-a", 3, 0)
	l.start(all[2])
	l.signsNothing("node-a", 3, 0)
}

// TestPutBackUnheard: what the documentation says of a restore while no agent is heard.
func TestPutBackUnheard(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	l.mustSign(l.node("node-a"), echo(1, 0, 1))
	l.stopAll()
	l.copyState("state", "copy")
	l.start(all...)
	for era := uint64(2); era < 12; era++ {
		l.mustSign(l.node("node-a"), echo(era, 0, 1))
	}
	l.remembered("node-a", "11", all[:3]...)
	l.stopAll()
	l.copyState("copy", "state")
	started := time.Now()
	l.start(all[:3]...)
	for _, name := range all[:3] {
		l.waitReady(name)
	}
	if took := time.Since(started); took < time.Duration(l.File.WitnessWait) {
		t.Errorf("ready after %v, before the agents were waited for", took)
	}
	if silent := l.status("cosigner-1").GetUnheardAgents(); len(silent) != 2 {
		t.Errorf("it tells of %v as unheard", silent)
	}
	l.start("node-a") // too late to keep anything from being signed so far; from now on it does
	for _, name := range all[:3] {
		l.heldBack(name, "signed by "+name)
	}
	l.signsNothing("node-a", 11, 0)
}

// TestFoundedWithAgents: a cluster is founded once all agents were heard, or without those that an
// operator names on each host.
func TestFoundedWithAgents(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.without = nil
	for _, name := range all[:3] {
		if err := os.RemoveAll(filepath.Join(l.path, name, "state")); err != nil {
			t.Fatal(err)
		}
		l.initState(name, watermark.Mark{})
	}
	l.start(all[:4]...) // not node-b
	for _, name := range all[:3] {
		l.heldBack(name, "agent node-b is not heard", "cosigner found --without node-b")
	}
	l.staysUnready("cosigner-1")
	leader := ""
	for leader == "" {
		leader = l.status("cosigner-1").GetLeader()
	}
	last := others(leader)[0] // a follower: the leader must not found without it
	for _, name := range others(last) {
		l.typed(name, statedir.Words{Without: []string{"node-b"}})
	}
	l.staysUnready(leader)
	l.typed(last, statedir.Words{Without: []string{"node-b"}})
	l.mustSign(l.node("node-a"), echo(1, 0, 1))
}

func (l *local) typed(name string, words statedir.Words) {
	l.t.Helper()
	if err := statedir.AddWords(filepath.Join(l.path, name, "state"), words); err != nil {
		l.t.Fatal(err)
	}
}

// TestHeardSoon: where all agents answer, a cosigner that starts again waits for them for less than
// the wait, by far.
func TestHeardSoon(t *testing.T) {
	t.Parallel()
	l := newLocal(t, func(f *cluster.File) { f.WitnessWait = cluster.Duration(time.Minute) })
	l.start(all...)
	l.mustSign(l.node("node-a"), echo(1, 0, 1))
	for _, name := range all[:3] {
		_ = l.stop(name)
	}
	<-time.After(3 * time.Second) // the agents have lost several pings by now
	start := time.Now()
	l.start(all[:3]...)
	for _, name := range all[:3] {
		l.waitReady(name)
	}
	t.Logf("ready after %v", time.Since(start))
}

// TestStartAfterReset: cosigners that start again after an operator had the heights reset are not
// kept down by what was stated of higher ones.
func TestStartAfterReset(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	l.mustSign(l.node("node-a"), block(5, 1))
	reset := sawAll(watermark.Reset{Height: 2, Until: 5, Count: 1})
	request := resetRequest(reset, l.File.SignReset(l.Keys["ops"], reset))
	for deadline := time.Now().Add(patience); ; <-time.After(100 * time.Millisecond) {
		_, err := l.admin(l.leader()).ResetHeights(t.Context(), request) // once every cosigner announced that it can
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(l.path, "node-a", "witness.json"))
		if strings.Count(string(text), "height 2, heights reset 1 times") == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no statement tells of the reset: %s", text)
		}
	}
	for _, name := range all[:3] {
		_ = l.stop(name)
		l.start(name)
		l.waitReady(name)
	}
	l.mustSign(l.node("node-a"), block(2, 2))
}

// TestLedgerStated: a cosigner states what its ledger holds, also where its log does not, as after
// it gave a share for an entry that another leader then had it take back.
func TestLedgerStated(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	l.mustSign(l.node("node-a"), block(5, 1))
	_ = l.stop("cosigner-3")
	path := filepath.Join(l.path, "cosigner-3", "state")
	dir, err := statedir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := cosigner.OpenLedger(cosigner.LedgerConfig{Path: dir.Path("ledger"), Directory: dir.ID(),
		Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range []casper.Slot{casper.SlotOfHeight(70), {Kind: casper.KindEcho, Era: 2, Round: 9}} {
		if err := ledger.Claim(slot, casper.Hash{1}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(ledger.Close(), dir.Close()); err != nil {
		t.Fatal(err)
	}
	l.start("cosigner-3")
	l.until("node-a's agent remembers it", func() bool {
		text, _ := os.ReadFile(filepath.Join(l.path, "node-a", "witness.json"))
		return strings.Contains(string(text), "newest era 2 round 9, height 70, heights reset 0 times")
	})
	l.waitReady("cosigner-3") // and goes on
}
