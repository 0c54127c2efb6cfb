package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/agent"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

// watched is a node of which only what its gate tells is known.
type watched struct{ node failover.Node }

func (w *watched) Node() failover.Node { return w.node }

func (w *watched) Gated(note func(g *failover.Gate, now time.Time)) { note(&w.node.Gate, time.Now()) }

// ordered is an agent with a Restarter, on a host whose files outlive it.
type ordered struct {
	t       *testing.T
	path    string
	cluster string
	node    watched
	runs    int
	fails   error
	bare    bool // no command is set
	results []string
	r       *agent.Restarter
	end     func()
}

func newOrdered(t *testing.T) *ordered {
	o := &ordered{t: t, path: filepath.Join(t.TempDir(), "restart.json"), cluster: "one"}
	o.node.node.Status.Era = 7
	o.node.node.Gate.Took = time.Minute
	o.start()
	t.Cleanup(func() { o.end() })
	return o
}

// start starts the agent, which has forgotten all that is in no file.
func (o *ordered) start() {
	o.node.node.Gate.Ordered, o.node.node.Gate.OrderedEra, o.node.node.Gate.Orders = time.Time{}, 0, 0
	c := agent.RestarterConfig{Cluster: o.cluster, Threshold: 2, Ping: time.Second, Path: o.path, Node: &o.node,
		Observe: func(result string) { o.results = append(o.results, result) }, Now: time.Now, Logger: zerolog.Nop()}
	if !o.bare {
		c.Command = func(context.Context) (string, error) {
			o.runs++
			return "", o.fails
		}
	}
	o.r = agent.OpenRestarter(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); o.r.Run(ctx) }()
	o.end = func() { cancel(); <-done }
}

func order(epoch, era uint64) *cosignerv1.RestartOrder {
	return &cosignerv1.RestartOrder{Epoch: epoch, Era: era, Cause: failover.RearmSilent, Why: "no message"}
}

// tell has the cosigners tell an order, and demands that the command has been run so often.
func (o *ordered) tell(r *cosignerv1.RestartOrder, want int, cosigners ...string) {
	o.t.Helper()
	for _, name := range cosigners {
		o.r.Heard(name, r, time.Now())
	}
	synctest.Wait()
	if o.runs != want {
		o.t.Errorf("after %v told of %v the node was restarted %d times, want %d", cosigners, r, o.runs, want)
	}
}

// TestRestartOnce: an order is carried out once, by the word of a threshold, whatever is told again
// and whoever starts again.
func TestRestartOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrdered(t)
		o.tell(nil, 0, "a", "b", "c")
		o.tell(order(4, 7), 0, "a")
		o.tell(order(4, 7), 0, "a")
		time.Sleep(time.Second)
		o.tell(order(4, 7), 1, "b")
		o.tell(order(4, 7), 1, "a", "b", "c")
		if g := o.node.node.Gate; g.OrderedEra != 7 || g.Orders != 1 || !g.Ordered.Equal(time.Now()) {
			t.Errorf("the cosigners are told %+v", g)
		}
		time.Sleep(10 * time.Second)
		o.end()
		o.start()
		o.tell(order(4, 7), 1, "a", "b", "c")
		if g := o.node.node.Gate; g.OrderedEra != 7 || g.Orders != 1 || time.Since(g.Ordered) != 10*time.Second {
			t.Errorf("after a restart the cosigners are told %+v", g)
		}
		o.tell(order(5, 7), 1, "a", "b") // too soon
		time.Sleep(3 * time.Minute)
		o.tell(order(6, 7), 2, "a", "b")
		time.Sleep(10 * time.Minute)
		o.tell(order(7, 7), 2, "a", "b") // too often
		o.node.node.Status.Era = 8
		o.tell(order(7, 8), 3, "a", "b")
		if want := []string{"done", "refused", "done", "refused", "done"}; !slices.Equal(o.results, want) {
			t.Errorf("%v, want %v", o.results, want)
		}
	})
}

// TestRestartKeptFirst: what cannot be noted is not carried out, since it could be twice.
func TestRestartKeptFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrdered(t)
		o.end()
		dir := filepath.Dir(o.path)
		o.path = filepath.Join(dir, "gone", "restart.json")
		o.start()
		o.tell(order(4, 7), 0, "a", "b")
		o.tell(order(4, 7), 0, "a", "b")
		if err := os.Mkdir(filepath.Dir(o.path), 0o700); err != nil {
			t.Fatal(err)
		}
		o.tell(order(4, 7), 1, "a", "b")
		o.end()
		if err := os.WriteFile(o.path, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		o.start()
		o.tell(order(5, 8), 1, "a", "b")
		if want := []string{"not_kept", "done", "not_kept"}; !slices.Equal(o.results, want) {
			t.Errorf("%v, want %v", o.results, want)
		}
		o.end()
		if err := os.Remove(o.path); err != nil {
			t.Fatal(err)
		}
		o.start()
		o.tell(order(5, 8), 2, "a", "b")
	})
}

// TestRestartFails: what did not work is told, and not tried again by itself.
func TestRestartFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrdered(t)
		o.fails = errors.New("exit status 4")
		o.tell(order(4, 7), 1, "a", "b")
		o.tell(order(4, 7), 1, "a", "b")
		if said := o.node.node.Gate.OrderError; !strings.Contains(said, "exit status 4") {
			t.Errorf("the cosigners are told %q", said)
		}
		o.fails = nil
		time.Sleep(4 * time.Minute)
		o.tell(order(5, 7), 2, "a", "b")
		if said := o.node.node.Gate.OrderError; said != "" {
			t.Errorf("the cosigners are told %q", said)
		}
	})
}

// TestRestartWithoutCommand: an operator is to do it.
func TestRestartWithoutCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrdered(t)
		o.end()
		o.bare = true
		o.start()
		o.tell(order(4, 7), 0, "a", "b")
		o.tell(order(4, 7), 0, "a", "b")
		if want := []string{"no_command"}; !slices.Equal(o.results, want) ||
			!strings.Contains(o.node.node.Gate.OrderError, "by hand") {
			t.Errorf("%v; the cosigners are told %q", o.results, o.node.node.Gate.OrderError)
		}
	})
}

// TestRestartOfAnotherCluster: where a cluster was founded anew, its numbers begin anew.
func TestRestartOfAnotherCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrdered(t)
		o.tell(order(40, 7), 1, "a", "b")
		o.end()
		o.cluster = "another"
		o.start()
		o.tell(order(4, 7), 2, "a", "b")
	})
}
