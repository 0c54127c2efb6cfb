package testimony

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
)

func (r *rig) shut(what string, texts ...string) {
	r.t.Helper()
	err := r.Open()
	if err == nil {
		r.t.Errorf("%s: the gate is open", what)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			r.t.Errorf("%s: %q does not say %q", what, err, text)
		}
	}
}

func (r *rig) opens(what string) {
	r.t.Helper()
	if err := r.Open(); err != nil {
		r.t.Errorf("%s: shut: %v", what, err)
	}
}

// TestWaitsForAgents: no share before all agents were heard or the wait is over.
func TestWaitsForAgents(t *testing.T) {
	r := newRig(t, nil)
	r.shut("at first", "a, b not heard")
	r.HeardAgent("a", nil)
	r.shut("one heard", "b not heard")
	r.pass(29 * time.Second)
	r.shut("after 29 s", "b not heard")
	r.HeardAgent("b", nil)
	r.opens("both heard")
	if s := r.Status(); len(s.Unheard) > 0 || s.Shut != "" {
		t.Errorf("status %+v", s)
	}

	r = newRig(t, nil)
	r.HeardAgent("a", nil)
	r.pass(30 * time.Second)
	r.opens("after 30 s")
	if s := r.Status(); !slices.Equal(s.Unheard, []string{"b"}) {
		t.Errorf("%v unheard", s.Unheard)
	}
	if !strings.Contains(r.log.String(), `"agents":["b"]`) {
		t.Errorf("the log does not say whom it did not hear: %s", &r.log)
	}

	r = newRig(t, func(r *rig) { r.held.Started = false; r.words.Without = []string{"a", "b"} })
	_ = r.Open() // while the log is being read back
	r.held.Started = true
	r.shut("once the log was read back", "a, b not heard")

	r = newRig(t, func(r *rig) { r.held.Starts[0].Opened = 1; r.words.Without = []string{"b"} })
	r.HeardAgent("a", nil)
	r.shut("just founded without b, and started again", "b not heard")
}

// TestNewAgentIsNamed: an agent that remembers nothing counts as heard, or a new one would hold all
// cosigners up; but it is named, unless the cluster is as new as it.
func TestNewAgentIsNamed(t *testing.T) {
	for _, stored := range []bool{true, false} {
		r := newRig(t, func(r *rig) { r.held.Stored = stored })
		r.HeardAgent("a", []*cosignerv1.SignedStatement{stranger(9, 1)})
		r.HeardAgent("b", []*cosignerv1.SignedStatement{says(2, 100, nil)})
		r.opens("both heard")
		said := r.log.String()
		if got := strings.Count(said, "remembers nothing of the cosigners"); (got == 1) != stored || got > 1 ||
			stored && !strings.Contains(said, `"agent":"a"`) {
			t.Errorf("a log with entries: %v, said %d times: %s", stored, got, said)
		}
	}
}

// TestOwnStatementComesLate: what this cosigner signed as an earlier process shuts the gate also
// once it has stated more since, on a log that was put back and has grown.
func TestOwnStatementComesLate(t *testing.T) {
	r := newRig(t, nil)
	r.pass(30 * time.Second)
	r.opens("without the agents")
	r.held.Applied = 200
	if r.Own() == nil {
		t.Fatal("it states nothing")
	}
	r.HeardAgent("a", []*cosignerv1.SignedStatement{says(1, 150, nil)})
	r.shut("it had applied more", "agent a", "signed by c1", "ended at entry 100")
}

// TestStartedAgainUnheard: a state that was put back is started, and again, before an agent is
// heard: it has grown past what was lost by then, and states more. That the agent has heard of
// that, from others, hides nothing, nor does what another agent showed before.
func TestStartedAgainUnheard(t *testing.T) {
	process := func(boot uint64, session byte) func(*witness.Statement) {
		return func(s *witness.Statement) { s.Boot, s.Session = boot, witness.ID{1, session} }
	}
	// The fifth start ran while the copy was made, and stated 103 later. Here the sixth found 100.
	for name, lost := range map[string]*cosignerv1.SignedStatement{
		"went on after the copy": says(1, 103, nil), "started again after it": says(1, 103, process(6, 66)),
		"and again": says(1, 103, process(7, 77)),
	} {
		r := newRig(t, nil)
		var later []*cosignerv1.SignedStatement
		for boot := uint64(7); boot < 12; boot++ {
			r.again(100 + 10*(boot-6))
			later = append(later, says(1, 100+10*(boot-5), process(boot, byte(boot))))
		}
		r.again(170)
		r.HeardAgent("a", later)
		r.HeardAgent("b", nil)
		r.opens("nobody shows anything that it lacks")
		r.HeardAgent("b", append([]*cosignerv1.SignedStatement{says(1, 170, process(12, 12))}, lost))
		r.shut(name, "agent b", "signed by c1", "restored")
	}
}

// TestOwnStatement: what this cosigner signed and its state has lost shuts the gate for good, over
// restarts and growth, and is signed no other statement over.
func TestOwnStatement(t *testing.T) {
	for _, full := range []bool{false, true} {
		r := newRig(t, func(r *rig) { r.full = full })
		r.HeardAgent("a", []*cosignerv1.SignedStatement{says(1, 101, nil)})
		r.HeardAgent("b", nil)
		r.shut("it had applied more", "agent a", "signed by c1", "ended at entry 100", "recovery.md")
		r.held.Applied = 5000
		r.shut("grown", "signed by c1")
		if all := r.Shown(); r.Own() != nil || len(all) != 2 || len(all[0].GetText()) > 0 {
			t.Error("it goes on stating what it remembers")
		}
		if full { // until there is space
			r.say(r.now)
			r.full = false
			r.now = r.now.Add(sayEvery)
			if r.say(r.now); r.lost == "" {
				t.Error("it was not tried again to keep that")
			}
		}
		r.again(5000)
		r.HeardAgent("a", nil)
		r.HeardAgent("b", nil)
		r.shut("started again on a log that has grown", "signed by c1")
		if err := r.MayFound(); err == nil {
			t.Error("it founds a cluster")
		}
	}
	late := newRig(t, nil)
	late.HeardAgent("a", nil)
	late.HeardAgent("b", nil)
	late.opens("nobody remembers more")
	late.HeardAgent("b", []*cosignerv1.SignedStatement{says(1, 101, nil)})
	late.shut("at any time", "agent b")
}

// TestMembersStatements: what two of the three state shuts the gate until the state holds it; what
// one states does not, however much that is.
func TestMembersStatements(t *testing.T) {
	far := func(s *witness.Statement) { s.Newest = watermark.Mark{Era: 1e6, Height: 1e9} }
	r := newRig(t, nil)
	r.HeardAgent("a", []*cosignerv1.SignedStatement{says(2, 1e6, far), says(3, 102, nil)})
	r.HeardAgent("b", nil)
	r.shut("102 is proven", "agent a", "signed by c3", "102", "caught up")
	r.held.Applied = 102
	r.opens("caught up")

	r.HeardCosigner("c3", []*cosignerv1.SignedStatement{says(3, 104, nil)})
	r.opens("a follower learns of a commit a little later")
	r.now = r.now.Add(behindFor)
	r.look(r.now)
	r.shut("and is behind after that", "cosigner c3", "104")
	r.held.Applied = 104
	r.opens("caught up again")
}

// TestHeardThroughCosigners: what no agent tells here, since none reaches this cosigner or the file
// that names it is an old one, another cosigner tells on: what this one signed and has lost, by
// whichever of its processes, and what others state.
func TestHeardThroughCosigners(t *testing.T) {
	told := newRig(t, func(r *rig) { r.held.Applied, r.held.Starts[0].Opened = 300, 300 })
	told.HeardAgent("a", []*cosignerv1.SignedStatement{says(1, 200, nil), says(2, 120, nil), says(3, 120, nil)})
	r := newRig(t, nil)
	r.HeardCosigner("c3", told.Shown())
	r.shut("its own statement, by way of c3", "cosigner c3", "signed by c1", "ended at entry 100")
	if r.Stand.Lost() == nil {
		t.Error("it takes part in the log")
	}
	told = newRig(t, nil)
	told.HeardAgent("a", []*cosignerv1.SignedStatement{says(2, 120, nil), says(3, 120, nil)})
	r = newRig(t, nil)
	r.HeardCosigner("c3", told.Shown())
	r.shut("two state more, by way of c3", "cosigner c3 shows", "120")
}

// TestFalseStatements: what nobody signed, and what a member did not, is neither told on nor
// obeyed.
func TestFalseStatements(t *testing.T) {
	r := newRig(t, nil)
	forged := says(1, 101, nil)
	forged.Signature[0] ^= 1
	short := says(2, 101, nil)
	short.Key = short.Key[:5]
	var flood []*cosignerv1.SignedStatement
	for n := range byte(200) {
		flood = append(flood, stranger(n+10, 1e6))
	}
	r.HeardAgent("a", append(flood[:100:100], forged))
	r.HeardAgent("b", flood)
	r.HeardCosigner("c2", append(flood[:100:100], nil, forged, short))
	r.opens("nothing true was shown")
	r.HeardAgent("a", flood)
	if n := len(r.Shown()); n != 1 { // its own
		t.Errorf("%d statements are told on", n)
	}
	if n := len(r.foreign["a"]) + len(r.foreign["b"]); n > 2*checks(members()) {
		t.Errorf("%d statements of strangers are held, of a second", n)
	}
}

// TestAnotherCluster: a cluster that runs beside another one of the validator, or instead of one
// that went further, is told of once for each agent that shows it, and goes on.
func TestAnotherCluster(t *testing.T) {
	r := newRig(t, nil)
	r.HeardAgent("a", nil)
	r.HeardAgent("b", nil)
	r.opens("both heard")
	forged := stranger(7, 60)
	forged.Signature[0] ^= 1
	r.HeardAgent("a", []*cosignerv1.SignedStatement{stranger(9, 50), forged})
	if strings.Contains(r.log.String(), "another cluster") {
		t.Error("told of one that is behind, or false")
	}
	for range 2 {
		r.HeardAgent("a", []*cosignerv1.SignedStatement{stranger(9, 51)})
	}
	if n := strings.Count(r.log.String(), "x in cluster 09"); n != 1 {
		t.Errorf("told of %d times: %s", n, &r.log)
	}
	r.opens("another cluster is none of its own")
}

// TestFounding: a cluster is founded once every agent was heard and nobody states that this
// validator signed as far, but for what an operator typed.
func TestFounding(t *testing.T) {
	fresh := func(r *rig) {
		r.held.Started, r.held.Newest, r.held.Applied = false, watermark.Mark{}, 0
		r.held.Pruned = watermark.Mark{Era: 40, Height: 400}
	}
	against := func(r *rig, what string, texts ...string) {
		t.Helper()
		err := r.MayFound()
		if err == nil {
			t.Fatalf("%s: founded", what)
		}
		for _, text := range texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not say %q", what, err, text)
			}
		}
	}
	r := newRig(t, fresh)
	against(r, "nobody heard", "agent a is not heard", "agent b is not heard", "cosigner found --without b")
	r.HeardAgent("a", []*cosignerv1.SignedStatement{says(9, 1, func(s *witness.Statement) {
		s.Name, s.Cluster, s.Newest, s.Pruned = "x", witness.ID{9}, watermark.Mark{Era: 40, Height: 1}, watermark.Mark{}
	})})
	r.HeardAgent("b", []*cosignerv1.SignedStatement{stranger(8, 39)})
	against(r, "height 1 is below, era 40 is not", "agent a", "era 40", "cosigner restate", "--disregard ID")
	if strings.Contains(r.MayFound().Error(), "era 39") {
		t.Error("what is below stands against it")
	}
	r.HeardAgent("a", []*cosignerv1.SignedStatement{says(9, 1, func(s *witness.Statement) {
		s.Name, s.Cluster, s.Newest, s.Pruned = "x", witness.ID{9}, watermark.Mark{}, watermark.Mark{Era: 90, Height: 900}
	})})
	against(r, "made anew above it, and nothing bound there", "era 40")
	id := r.foreign["a"][0].ID()
	r.words.Disregard = []string{id}
	against(r, "typed, not read", id)
	r.reread()
	if err := r.MayFound(); err != nil {
		t.Error(err)
	}

	r = newRig(t, fresh) // a hostile agent with new keys each time: it is left out as a whole
	var flood []*cosignerv1.SignedStatement
	for n := range byte(60) {
		flood = append(flood, stranger(n+10, 1e6))
	}
	r.HeardAgent("a", nil)
	r.HeardAgent("b", flood)
	against(r, "strangers", "agent b", "and 52 more")
	r.words = statedir.Words{Without: []string{"b"}}
	r.reread()
	if err := r.MayFound(); err != nil {
		t.Error(err)
	}

	r = newRig(t, fresh) // more than is verified in a second, and the last one matters
	flood = flood[:0]
	for n := range byte(checks(members())) {
		flood = append(flood, stranger(n+10, 1))
	}
	flood = append(flood, stranger(200, 40))
	r.HeardAgent("a", nil)
	r.HeardAgent("b", flood)
	against(r, "not heard to its end", "agent b shows more than 64 new statements")
	r.now = r.now.Add(time.Second)
	r.HeardAgent("b", flood)
	against(r, "heard to its end", "agent b shows that", "era 40")

	r = newRig(t, fresh) // more than is looked at
	flood = flood[:0]
	for n := range byte(most(members())) {
		flood = append(flood, stranger(n+10, 1))
	}
	r.HeardAgent("a", nil)
	for range 3 {
		r.now = r.now.Add(time.Second)
		r.HeardAgent("b", flood)
	}
	if err := r.MayFound(); err != nil {
		t.Error("as many as are looked at:", err)
	}
	for range 3 {
		r.HeardAgent("b", append(flood, stranger(200, 40)))
	}
	against(r, "one more", "agent b shows 129 statements, and 128 are looked at")
	if n := strings.Count(r.log.String(), "more statements than are looked at"); n != 1 {
		t.Errorf("said %d times", n)
	}
	r.HeardAgent("b", flood)
	if err := r.MayFound(); err != nil {
		t.Error("as many again:", err)
	}

	r = newRig(t, fresh) // who is up all the same is heard, whatever was typed
	r.words = statedir.Words{Without: []string{"a", "b"}}
	r.reread()
	against(r, "just started", "agent a may yet be heard", "agent b may yet be heard")
	r.now = r.now.Add(time.Second)
	r.HeardAgent("a", []*cosignerv1.SignedStatement{
		says(1, 7, func(s *witness.Statement) { s.Directory = witness.ID{9} })})
	against(r, "a was up", "it ran on the state directory")
	r = newRig(t, fresh)
	r.words = statedir.Words{Without: []string{"a", "b"}}
	r.reread()
	r.pass(30 * time.Second)
	if err := r.MayFound(); err != nil {
		t.Error("who is waited for is down:", err)
	}

	r = newRig(t, fresh) // what a member signed counts, whoever is left out
	r.words = statedir.Words{Without: []string{"b"}}
	r.reread()
	r.HeardAgent("a", nil)
	r.HeardAgent("b", []*cosignerv1.SignedStatement{says(2, 7, nil)})
	against(r, "c2 remembers", "signed by the key "+public(2).String())

	r = newRig(t, fresh) // and what it signed itself
	r.HeardAgent("a", []*cosignerv1.SignedStatement{
		says(1, 7, func(s *witness.Statement) { s.Directory = witness.ID{9} })})
	against(r, "it ran on another directory", "initialised again")
}

// TestStates: a statement is signed when there is something to say, once a ping interval at most,
// and not before the gate was open.
func TestStates(t *testing.T) {
	r := newRig(t, nil)
	if r.Own() != nil || r.Shown() != nil {
		t.Error("it states something before it was let in")
	}
	r.HeardAgent("a", nil)
	r.HeardAgent("b", nil)
	first := r.Own()
	if first == nil {
		t.Fatal("nothing is stated")
	}
	r.held.Applied = 101
	if r.Own() != first {
		t.Error("signed again within an interval")
	}
	r.now = r.now.Add(time.Second)
	second := r.Own()
	if second == first {
		t.Error("not signed anew")
	}
	r.now = r.now.Add(time.Hour)
	if r.Own() != second {
		t.Error("signed anew with nothing new to say")
	}
	r.HeardCosigner("c3", []*cosignerv1.SignedStatement{says(3, 90, nil)})
	r.HeardAgent("a", []*cosignerv1.SignedStatement{says(1, 7, func(s *witness.Statement) { s.Boot = 4 })})
	if all := r.Shown(); len(all) != 3 || !proto.Equal(all[0], second) {
		t.Errorf("%d statements are told, its own newest not first", len(all))
	}
}
