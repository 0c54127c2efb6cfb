package testimony

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
)

// TestLogWaitsForAgents: a state that holds a command takes no part in the log before all agents
// were heard, or the wait is over: it might vote over what it has lost. One that holds none founds
// the cluster first, which needs a leader.
func TestLogWaitsForAgents(t *testing.T) {
	stored := func(r *rig) { r.held.Stored, r.held.Started = true, false } // nothing is applied: nobody leads
	r := newRig(t, stored)
	r.HeardAgent("a", nil)
	r.look(r.now)
	r.shut("a is heard", "b not heard")
	if r.Waits() == nil {
		t.Error("one agent is not heard, and it takes part in the log")
	}
	r.HeardAgent("b", nil)
	if err := r.Waits(); err != nil {
		t.Errorf("all are heard: %v", err)
	}
	r.shut("nobody leads", "a majority of the cosigners")

	r = newRig(t, stored)
	r.pass(30*time.Second - 1)
	if r.look(r.now); r.Waits() == nil {
		t.Error("it takes part in the log before the wait is over")
	}
	r.pass(1)
	if r.look(r.now); r.Waits() != nil {
		t.Error("the wait is over, and it takes no part in the log")
	}

	r = newRig(t, stored)
	r.HeardAgent("a", nil)
	r.HeardAgent("b", []*cosignerv1.SignedStatement{says(1, 101, nil)})
	if r.Stand.Lost() == nil {
		t.Error("what the last agent shows comes after it takes part in the log")
	}

	r = newRig(t, func(r *rig) { r.held.Started = false })
	if r.Waits() != nil {
		t.Error("it holds nothing, and founds nothing")
	}
}

// TestStatesNothingUnled: a log that is read back from a snapshot has its Genesis at once. As long
// as this process knew no leader it gives no share and states nothing: the others may refuse it, as
// the older one of two directories, and what it stated would be held against the newer one.
func TestStatesNothingUnled(t *testing.T) {
	r := newRig(t, func(r *rig) { r.held.Stored, r.held.Led = true, false })
	r.HeardAgent("a", nil)
	r.HeardAgent("b", nil)
	if err := r.Waits(); err != nil {
		t.Errorf("it can never learn who leads: %v", err)
	}
	r.shut("nobody leads", "a majority of the cosigners", "let it in")
	r.pass(time.Minute)
	r.shut("nobody has led for long", "a majority of the cosigners")
	if r.Own() != nil || len(r.Shown()) > 0 {
		t.Error("it states what it holds")
	}
	r.held.Led = true
	r.opens("a leader is known")
	if r.Own() == nil {
		t.Error("it states nothing")
	}
	r.held.Led = false
	r.held.Applied++
	r.pass(time.Minute)
	r.opens("a leader was known")
}

// TestLostIsToldTheLog: the log is told that this state is lost from when it is found, and from the
// first moment of every later start; of one that is only behind it is not, which is to catch up.
func TestLostIsToldTheLog(t *testing.T) {
	show := func(r *rig, p *cosignerv1.SignedStatement) { r.HeardAgent("a", []*cosignerv1.SignedStatement{p}) }
	for _, full := range []bool{false, true} {
		r := newRig(t, func(r *rig) { r.full = full })
		show(r, says(1, 200, func(s *witness.Statement) { s.Directory = witness.ID{9} }))
		if r.Stand.Lost() == nil {
			t.Error("found to be lost, and the log is not told")
		}
		r.open()
		if told := r.Stand.Lost() != nil; told == full {
			t.Errorf("after another start, with the note kept %v: told %v", !full, told)
		}
	}
	r := newRig(t, nil)
	show(r, says(2, 200, nil))
	show(r, says(3, 200, nil))
	if r.Open() == nil {
		t.Fatal("it is not behind: this test tests nothing")
	}
	if err := r.Stand.Lost(); err != nil {
		t.Errorf("behind, and told to be lost: %v", err)
	}
}

// TestWaitsWhileItRuns: what was stated while a starting process was paused is not read yet when it
// goes on. So the wait for it is no shorter.
func TestWaitsWhileItRuns(t *testing.T) {
	r := newRig(t, func(r *rig) { r.held.Stored = true })
	r.pass(20 * time.Second)
	r.now = r.now.Add(time.Hour)
	r.shut("paused for longer than the wait", "a, b not heard")
	if r.Waits() == nil {
		t.Error("it takes part in the log")
	}
	r.HeardAgent("a", []*cosignerv1.SignedStatement{says(1, 101, nil)})
	r.shut("the agent's ping is read", "agent a", "signed by c1", "ended at entry 100")
	r = newRig(t, nil)
	r.now = r.now.Add(time.Hour)
	r.pass(30 * time.Second)
	r.opens("it has waited while it ran")
}

// TestGoneOnOtherwise: a machine was put back with its memory, and went on unheard until it has
// more than it had stated. Its ledger has another record where the one was that the agent was told
// of.
func TestGoneOnOtherwise(t *testing.T) {
	r := newRig(t, nil)
	r.held.LinkAt = func(n uint64) (witness.ID, bool) { return witness.ID{byte(n)}, n >= 40 && n <= 60 }
	r.held.Applied, r.held.Written, r.held.Link = 200, 60, witness.ID{60}
	r.HeardAgent("a", nil)
	r.HeardAgent("b", nil)
	r.opens("nobody shows anything that it lacks")
	if r.Own() == nil {
		t.Fatal("it states nothing")
	}
	stated := func(record, link byte) *cosignerv1.SignedStatement {
		return says(1, 150, func(s *witness.Statement) {
			s.Boot, s.Session = r.held.Boot, r.held.Session
			s.Written, s.Link = uint64(record), witness.ID{link}
		})
	}
	r.HeardAgent("a", []*cosignerv1.SignedStatement{stated(50, 50)})
	r.HeardAgent("a", []*cosignerv1.SignedStatement{stated(30, 1)})
	r.opens("what it stated, and what it does not know any more")
	r.HeardAgent("a", []*cosignerv1.SignedStatement{stated(50, 51)})
	r.shut("another record", "agent a", "signed by c1", "record 50")

	r = newRig(t, nil)
	r.held.Applied, r.held.Written, r.held.Link = 200, 46, witness.ID{46}
	r.HeardAgent("a", nil)
	r.HeardAgent("b", nil)
	if r.opens("nobody shows anything that it lacks"); r.Own() == nil {
		t.Fatal("it states nothing")
	}
	r.HeardAgent("a", []*cosignerv1.SignedStatement{stated(50, 50)})
	r.shut("a longer log, and fewer records", "agent a", "signed by c1", "50 records")
}

// TestLostHasNoWord: c1 was put back and started again and again, and waits or is lost. Whatever it
// is shown of its processes, and by whom, an agent that pings it then keeps what c1 stated before:
// c1 states nothing now, and what it tells of itself is hearsay.
func TestLostHasNoWord(t *testing.T) {
	lost := says(1, 90, func(s *witness.Statement) { s.Boot, s.Session = 6, witness.ID{1, 66} })
	of := func(boot byte) *cosignerv1.SignedStatement {
		return says(1, 95+uint64(boot), func(s *witness.Statement) {
			s.Boot, s.Session = uint64(boot), witness.ID{1, boot}
		})
	}
	process := func(boot byte) *rig {
		return newRig(t, func(r *rig) {
			for _, b := range []byte{boot - 1, boot} {
				r.held.Boot, r.held.Session = uint64(b), witness.ID{1, b}
				r.held.Starts = append(r.held.Starts, witness.Start{Boot: r.held.Boot, Session: r.held.Session,
					Opened: 94 + uint64(b)})
			}
			r.held.Applied = 95 + uint64(boot)
		})
	}
	for what, plays := range map[string]func(*rig, *Keeper){
		"waits": func(r *rig, k *Keeper) {
			k.Heard("c1", r.Shown())
			if r.Stand.Lost() != nil {
				t.Error("it is lost")
			}
		},
		"is lost": func(r *rig, k *Keeper) {
			r.HeardAgent("a", k.Shown())
			k.Heard("c1", r.Shown())
		},
		"is found to be lost once it has stated something": func(r *rig, k *Keeper) {
			r.pass(30 * time.Second)
			if r.Own() == nil || len(r.Shown()) < 5 {
				t.Fatal("it states nothing")
			}
			r.HeardAgent("a", []*cosignerv1.SignedStatement{lost})
			k.Heard("c1", r.Shown())
		},
	} {
		k, _ := openKeeper(t, filepath.Join(t.TempDir(), "witness.json"), members())
		k.Heard("c1", []*cosignerv1.SignedStatement{lost})
		for start := byte(8); start < 14; start++ {
			r := process(start)
			r.HeardAgent("b", []*cosignerv1.SignedStatement{of(1), of(2), of(3), of(4), of(start - 1)})
			if plays(r, k); what != "waits" && r.Stand.Lost() == nil {
				t.Fatalf("%s: it is not", what)
			}
		}
		if !slices.ContainsFunc(k.Shown(), func(s *cosignerv1.SignedStatement) bool { return proto.Equal(s, lost) }) {
			t.Errorf("c1 %s, and the agent forgot what it stated", what)
		}
	}
}

// TestMadeAnewElsewhere: while the gate is open a statement of this cosigner as it was made anew,
// on another directory, is told of once a directory, and stops nothing; but not where that was
// founded below what is signed here.
func TestMadeAnewElsewhere(t *testing.T) {
	r := newRig(t, nil)
	r.HeardAgent("a", nil)
	r.HeardAgent("b", nil)
	anew := func(era, height uint64) *cosignerv1.SignedStatement {
		return says(1, 1, func(s *witness.Statement) {
			s.Directory, s.Boot, s.Session = witness.ID{9}, 1, witness.ID{9, 1}
			s.Newest, s.Round, s.Pruned = watermark.Mark{}, 0, watermark.Mark{Era: era, Height: height}
		})
	}
	r.HeardAgent("a", []*cosignerv1.SignedStatement{anew(50, 501)})
	if strings.Contains(r.log.String(), "made anew") {
		t.Errorf("one that is founded below what is signed here: %s", r.log.String())
	}
	r.HeardAgent("a", []*cosignerv1.SignedStatement{anew(51, 501)})
	r.HeardAgent("b", []*cosignerv1.SignedStatement{anew(51, 501), anew(52, 600)})
	n := strings.Count(r.log.String(), "ALARM: this cosigner was made anew")
	if n != 1 || r.Open() != nil || r.lost != "" {
		t.Errorf("told %d times, %v, %q: %s", n, r.Open(), r.lost, r.log.String())
	}
}
