package statedir

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/presence"
)

// at is what the peer's process shows at an applied index.
func at(applied uint64) Presence {
	return shown(func(p *Presence) { p.LastIndex, p.AppliedIndex = applied, applied })
}

// started is what the peer's next start shows.
func started(last, applied uint64) Presence {
	return shown(func(p *Presence) { p.Boot, p.Session, p.LastIndex, p.AppliedIndex = 6, ID{6}, last, applied })
}

// TestAnswerBelowWhatWasSeen: a process that answers with less than it had shown before it was
// asked was put back with its memory. It stays refused, whatever it shows, also after our own
// restart, until its directory is started anew; and that start is judged by the highest that it was
// let in with, not by what it showed once it was refused.
func TestAnswerBelowWhatWasSeen(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	checkAdmit(t, "at first", d.Admit("c2", at(100_000), Sighting{}), "")
	asked, _ := d.Seen("c2")
	checkAdmit(t, "an answer with as much", d.Admit("c2", at(100_000), asked), "")
	checkAdmit(t, "an answer with more", d.Admit("c2", at(100_007), asked), "")
	checkAdmit(t, "an answer that was overtaken", d.Admit("c2", at(100_001), asked), "")
	checkAdmit(t, "a request that was overtaken", d.Admit("c2", at(10), Sighting{}), "")
	if seen, _ := d.Seen("c2"); seen.AppliedIndex != 100_007 || seen.Fell != nil {
		t.Fatalf("seen %+v", seen)
	}
	err := d.Admit("c2", at(10), asked)
	checkAdmit(t, "an answer with less", err, presence.ReasonFell)
	for _, want := range []string{"100000", "10,", "restart it once"} {
		if !strings.Contains(strings.ToLower(err.Error()), want) {
			t.Errorf("the refusal lacks %q: %v", want, err)
		}
	}
	for range 2 { // the second time after our restart, without any goodbye
		checkAdmit(t, "a request after it fell", d.Admit("c2", at(10), Sighting{}), presence.ReasonFell)
		checkAdmit(t, "once it has caught up", d.Admit("c2", at(200_000), Sighting{}), presence.ReasonFell)
		d.Close()
		d = mustOpen(t, path)
	}
	older := shown(func(p *Presence) { p.Boot = 4 })
	checkAdmit(t, "an older start", d.Admit("c2", older, Sighting{}), presence.ReasonBoot)
	checkAdmit(t, "the next start, sound", d.Admit("c2", started(100_007, 10), Sighting{}), "")
	checkAdmit(t, "its requests", d.Admit("c2", started(100_007, 11), Sighting{}), "")
	if b, _ := os.ReadFile(d.Path(peersFile)); strings.Contains(string(b), "fell") {
		t.Errorf("the fall is kept beyond the process: %s", b)
	}
}

// TestShorterLogStaysRefused: a directory whose log was cut grows again, by entries that need not
// be those that were seen of it. Whatever it shows then it stays refused, as does a process that
// was let in before, and also after our own restart.
func TestShorterLogStaysRefused(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	checkAdmit(t, "at first", d.Admit("c2", at(500), Sighting{}), "")
	if b, _ := os.ReadFile(d.Path(peersFile)); strings.Contains(string(b), "cut") {
		t.Errorf("written before it is needed: %s", b)
	}
	err := d.Admit("c2", started(499, 499), Sighting{})
	checkAdmit(t, "a start with a shorter log", err, presence.ReasonIndex)
	told := err.Error()
	for range 2 { // the second time after our restart, without any goodbye
		for name, p := range map[string]Presence{
			"once its log has grown": started(700, 700), "the process that was known": at(501),
			"a further start": shown(func(p *Presence) { p.Boot, p.Session, p.LastIndex = 7, ID{7}, 800 }),
		} {
			err := d.Admit("c2", p, Sighting{})
			if checkAdmit(t, name, err, presence.ReasonIndex); err != nil && err.Error() != told {
				t.Errorf("%s: %v, was %s", name, err, told)
			}
		}
		if seen, _ := d.Seen("c2"); !seen.Void(5) || !seen.Void(7) {
			t.Errorf("what it sends on old connections counts: %+v", seen)
		}
		checkAdmit(t, "another directory", d.Admit("c2", shown(func(p *Presence) { p.Directory = ID{9} }), Sighting{}),
			presence.ReasonDirectory)
		d.Close()
		d = mustOpen(t, path)
	}
}

// TestUncommittedTailMayGo: a log that ends lower than it did is a shorter one only if what had
// been applied is missing.
func TestUncommittedTailMayGo(t *testing.T) {
	d := mustOpen(t, initDir(t))
	long := shown(func(p *Presence) { p.LastIndex, p.AppliedIndex = 900, 500 })
	checkAdmit(t, "at first", d.Admit("c2", long, Sighting{}), "")
	checkAdmit(t, "without its tail", d.Admit("c2", started(500, 0), Sighting{}), "")
	asked, _ := d.Seen("c2")
	checkAdmit(t, "an answer", d.Admit("c2", started(500, 500), asked), "")
}

// TestFallIsInForceUnwritten: a fall that cannot be written is in force all the same.
func TestFallIsInForceUnwritten(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	checkAdmit(t, "at first", d.Admit("c2", at(50), Sighting{}), "")
	asked, _ := d.Seen("c2")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	checkAdmit(t, "an answer with less", d.Admit("c2", at(49), asked), presence.ReasonFell)
	checkAdmit(t, "once it has caught up", d.Admit("c2", at(60), Sighting{}), presence.ReasonFell)
	if err := os.Rename(path+".moved", path); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d = mustOpen(t, path)
	checkAdmit(t, "after our restart", d.Admit("c2", at(60), Sighting{}), presence.ReasonFell)
}

// TestRequestOfLongAgo: what a peer sends by itself may be overtaken by what it sends later, but
// not by what it sent longer ago than any call takes. That refuses the one request, and nothing
// more.
func TestRequestOfLongAgo(t *testing.T) {
	path := initDir(t)
	synctest.Test(t, func(t *testing.T) {
		d, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		request := func(name string, applied uint64, want presence.Reason) {
			t.Helper()
			checkAdmit(t, name, d.Admit("c2", at(applied), Sighting{}), want)
		}
		request("at first", 100, "")
		for i := range uint64(40) { // twenty seconds of calls
			request("as it goes on", 101+i, "")
			request("overtaken", 100, map[bool]presence.Reason{true: presence.ReasonLate}[i > 20])
			time.Sleep(presence.LateAfter / 20)
		}
		time.Sleep(2 * presence.LateAfter)
		request("of before it was silent", 139, presence.ReasonLate)
		request("of the last that was seen", 140, "")
		request("newer", 141, "")
		if seen, _ := d.Seen("c2"); seen.Fell != nil {
			t.Errorf("a late request was taken for proof: %+v", seen.Fell)
		}
	})
}

// TestStartAppliesFromItsSnapshot: a new start applies again what an earlier one had applied, which
// is no fall, also if we restart meanwhile.
func TestStartAppliesFromItsSnapshot(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	checkAdmit(t, "at first", d.Admit("c2", at(500), Sighting{}), "")
	for range 2 {
		asked, _ := d.Seen("c2")
		for _, applied := range []uint64{0, 3, 20} {
			checkAdmit(t, "a new start, an answer", d.Admit("c2", started(510, applied), asked), "")
			checkAdmit(t, "a new start, a request", d.Admit("c2", started(510, applied), Sighting{}), "")
			asked, _ = d.Seen("c2")
		}
		if asked.AppliedIndex != 20 || asked.Highest != 500 {
			t.Errorf("seen %d and at most %d, want 20 and 500", asked.AppliedIndex, asked.Highest)
		}
		d.Close()
		d = mustOpen(t, path)
	}
}

// TestSoundProcessIsNeverRefused: however a sound process's requests and answers overtake each
// other on their way, none is refused; and once it was put back, no answer to what was asked later
// is taken.
func TestSoundProcessIsNeverRefused(t *testing.T) {
	path := initDir(t)
	synctest.Test(t, func(t *testing.T) {
		d, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		random := rand.New(rand.NewPCG(1, 2))
		type message struct {
			due   time.Time
			p     Presence
			asked Sighting
		}
		applied, way := uint64(1), []message{}
		for range 20_000 {
			applied += random.Uint64N(3)
			m := message{due: time.Now().Add(time.Duration(random.Int64N(int64(presence.LateAfter)))), p: at(applied)}
			if random.IntN(2) == 0 {
				m.asked, _ = d.Seen("c2") // asked and answered just now, and the answer is on its way
			}
			way = append(way, m)
			for i := 0; i < len(way); i++ {
				if m := way[i]; !m.due.After(time.Now()) {
					checkAdmit(t, "a sound process", d.Admit("c2", m.p, m.asked), "")
					way[i], way = way[len(way)-1], way[:len(way)-1]
				}
			}
			time.Sleep(time.Millisecond * 10)
			if t.Failed() {
				return
			}
		}
		asked, _ := d.Seen("c2")
		back := asked.AppliedIndex - 1 - random.Uint64N(1000)
		if refused := (*PeerError)(nil); !errors.As(d.Admit("c2", at(back), asked), &refused) {
			t.Errorf("put back from %d to %d, and let in", asked.AppliedIndex, back)
		}
	})
}
