package failover_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

func settings(nodes ...string) failover.Settings {
	return failover.Settings{Main: nodes[0], Validator: validator, Nodes: nodes, Threshold: 2, Round: 8 * time.Second,
		PingInterval: time.Second, After: 10 * time.Second, FailbackAfter: 5 * time.Minute,
		Failover: failover.Auto, Failback: failover.Auto, Era: eraRounds * 8 * time.Second, Rearm: failover.Auto}
}

// TestStories plays testdata/*.story. Before the first time the world has been well for half a
// minute; the first line says what the story is about, and lines with "given" what is otherwise
// than usual: two nodes, main and standby, hot mode, blocks of 8 s, pings each second,
// failover_after 10 s, failback_after 5 m, all automatic. Then each line is a time and either
//
//	what happens: to a node, the network, the cosigners or the clock, or what the operator does
//	=> CODE                          what is judged then
//	=> CODE, NODE at TIME            and which change is coming
//	=> CODE, NODE to be confirmed
//	=> NODE: CODE|ready              what is said of a node
//	=> activate NODE: CODE           what is done, just then; whatever is done must be in the story
//	=> hold: CODE
//	=> resume: CODE
//	=> restart NODE: CODE
//	=> rearm: CODE                   what is judged of a restart
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".story"), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s := story{world: newWorld(settings("main", "standby"))}
			in := bufio.NewScanner(f)
			for n := 1; in.Scan(); n++ {
				if n == 1 && !strings.HasPrefix(in.Text(), "# ") {
					t.Error("the story does not say what it is about")
				}
				line, _, _ := strings.Cut(in.Text(), "#")
				if line = strings.TrimSpace(line); line == "" {
					continue
				}
				if err := s.line(line); err != nil {
					t.Fatalf("line %d: %s: %v; done: %q", n, line, err, s.acts)
				}
			}
			if s.t < 0 {
				t.Error("nothing happens in the story")
			}
			if !slices.Equal(s.acts, s.expected) {
				t.Errorf("done:\n\t%s\nwant:\n\t%s", strings.Join(s.acts, "\n\t"), strings.Join(s.expected, "\n\t"))
			}
		})
	}
}

type story struct {
	*world
	expected []string // acts
}

func (s *story) line(line string) error {
	if what, ok := strings.CutPrefix(line, "given "); ok {
		return s.given(what)
	}
	at, what, _ := strings.Cut(line, " ")
	until, err := time.ParseDuration(at)
	if err != nil || until < s.t {
		return fmt.Errorf("it is %v already, or no time is given", s.t)
	}
	for s.t < until {
		s.pass()
	}
	what = strings.TrimSpace(what)
	if want, ok := strings.CutPrefix(what, "=> "); ok {
		return s.expect(want)
	}
	who, what, _ := strings.Cut(what, " ")
	switch who {
	case "operator":
		return s.operates(what)
	case "network", "cosigners", "clock", "leader":
		return s.befalls(who + " " + what)
	}
	if h := s.hosts[who]; h == nil || !h.happens(what, s.world) {
		return fmt.Errorf("nothing like that happens")
	}
	return nil
}

func (s *story) given(what string) error {
	c, mode := s.settings, s.state.Mode
	switch what {
	case "main, standby and spare":
		c.Nodes = []string{"main", "standby", "spare"}
	case "mode fenced":
		mode = failover.Fenced
	case "failover confirm":
		c.Failover = failover.Confirm
	case "failover manual":
		c.Failover = failover.Manual
	case "failback manual":
		c.Failback = failover.Manual
	case "network needs us":
		s.needsUs = true
		return nil
	case "a stock pair":
		c.Stock, c.Passive = []string{"main", "standby"}, true
	case "a stock pair, hot":
		c.Stock = []string{"main", "standby"}
	case "a stock main":
		c.Stock, c.Passive = []string{"main"}, true
	case "a stock standby":
		c.Stock, c.Passive = []string{"standby"}, true
	case "restarts by hand":
		c.Rearm = failover.Manual
	default:
		return fmt.Errorf("nothing like that can be given")
	}
	needs := s.needsUs
	s.world = newWorld(c)
	s.state.Mode, s.needsUs = mode, needs
	return nil
}

func (s *story) befalls(what string) error {
	switch what {
	case "network stalls":
		s.stalled = true
	case "network goes on":
		s.stalled, s.opened = false, s.t
	case "cosigners lose their quorum":
		s.seen.Signing = time.Time{}
	case "cosigners have their quorum again", "leader changes":
		s.seen.Signing = s.now()
	case "cosigners start again":
		s.seen.Signing, s.seen.Listening = s.now(), s.now()
		s.judge = failover.NewJudge(s.settings)
	case "cosigners listen anew":
		s.seen.Listening = s.now()
	case "clock jumps an hour ahead":
		s.clockOff += time.Hour
	case "clock jumps an hour back":
		s.clockOff -= time.Hour
	default:
		return fmt.Errorf("nothing like that happens")
	}
	return nil
}

func (s *story) operates(what string) error {
	verb, node, _ := strings.Cut(what, " ")
	s.operator(func(c failover.Change) {
		switch {
		case verb == "promotes" && s.hosts[node] != nil:
			s.state.Activate(node, c)
		case verb == "suspends" && s.hosts[node] != nil:
			s.state.Suspend(node, true, c)
		case verb == "unsuspends" && s.hosts[node] != nil:
			s.state.Suspend(node, false, c)
		case what == "holds":
			s.state.Hold(failover.ForGood, c)
		case what == "holds for 2m":
			s.state.Hold(c.At+(2*time.Minute).Milliseconds(), c)
		case what == "resumes":
			s.state.Hold(0, c)
		}
	})
	if last := s.state.History; len(last) == 0 || last[len(last)-1].At != s.now().Add(s.clockOff).UnixMilli() {
		return fmt.Errorf("no operator does that")
	}
	return nil
}

func (s *story) expect(want string) error {
	d := s.judgement
	if code, ok := strings.CutPrefix(want, "rearm: "); ok {
		if d.Rearm.Code != code {
			return fmt.Errorf("a restart is %q: %s", d.Rearm.Code, d.Rearm.Why)
		}
		return nil
	}
	does := func(what string) bool { return strings.HasPrefix(want, what) }
	if does("restart ") || does("activate ") || does("hold: ") || does("resume: ") {
		s.expected = append(s.expected, fmt.Sprintf("%v %s", s.t, want))
		return nil
	}
	if name, code, ok := strings.Cut(want, ": "); ok {
		c := d.Conditions[name]
		if got := c.Code; got != code && (code != "ready" || !c.Ready) {
			return fmt.Errorf("%s is %q: %s", name, got, c.Why)
		}
		return nil
	}
	got := d.Code
	switch {
	case d.Confirm:
		got += ", " + d.Node + " to be confirmed"
	case d.Node != "" && d.Act == failover.Nothing:
		got += fmt.Sprintf(", %s at %v", d.Node, d.Due.Sub(begin))
	}
	if got != want {
		return fmt.Errorf("judged %s: %s", got, d.Why)
	}
	return nil
}
