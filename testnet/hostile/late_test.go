package hostile

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"casper-cosigner/testnet"
)

// edit changes the cluster file of one host, which is not running.
func (r *rig) edit(host, from, to string) {
	r.t.Helper()
	path := filepath.Join(r.Dir, host, "cluster.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	pattern := regexp.MustCompile(from)
	if !pattern.Match(text) {
		r.t.Fatalf("no %q in %s", from, path)
	}
	if err := os.WriteFile(path, pattern.ReplaceAll(text, []byte(to)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// unreached gives the cluster file of a host, which is not running, old addresses of cosigners.
func (r *rig) unreached(host string, cosigners ...string) {
	r.t.Helper()
	for i, name := range cosigners {
		r.edit(host, `(?s)(name = '`+name+`'.*?\naddress = )'127.0.0.1:\d+'`, "$1'127.0.0.1:"+strconv.Itoa(9+i)+"'")
	}
}

// TestHeardByAnother: one is put back, the other one that saw what it signed is down, and the
// agents, whose cluster files have an old address of it, reach the third alone. That one tells it.
func TestHeardByAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.signSome(1)
	r.stop("c2", "c3")
	restore := r.copyState("c2")
	r.start("c2")
	signed := r.signSome(2) // a vote, and the next round's echo
	r.await("an agent keeps what c2 signed since", func() bool {
		text, _ := os.ReadFile(r.kept(testnet.Main))
		return regexp.MustCompile(`c2 in cluster [^:]*: applied entry \d+, newest era 1 round 1,`).Match(text)
	})
	r.stop("c1", "c2", testnet.Main, testnet.Standby)
	for _, agent := range []string{testnet.Main, testnet.Standby} {
		r.unreached(agent, "c2")
	}
	restore()
	r.start("c2", "c3", testnet.Main, testnet.Standby)
	r.heldBack("c2", "cosigner c3 shows a statement signed by c2", "restored")
	r.nothingTwice(signed, time.Second)
}

// TestHeardByOneThatRefuses: two are put back, which are enough to sign. The one agent that saw
// what they signed reaches the third alone, which was never stopped and refuses both. The other
// agent has forgotten it, and asks the two. If the first one has forgotten it as well, the third
// remembers.
func TestHeardByOneThatRefuses(t *testing.T) {
	t.Parallel()
	for what, forgets := range map[string][]string{"an agent knows": {testnet.Standby},
		"the third knows": {testnet.Main, testnet.Standby}} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 2, 3)
			signed, restore := r.undo("c1", "c2")
			r.stop("c1", "c2", testnet.Main, testnet.Standby)
			r.unreached(testnet.Main, "c1", "c2")
			r.unreached(testnet.Standby, "c3")
			for _, agent := range forgets {
				if err := os.Remove(r.kept(agent)); err != nil {
					t.Fatal(err)
				}
			}
			restore()
			r.start(testnet.Main, testnet.Standby)
			r.nothingTwice(signed, asking)
			for _, name := range []string{"c1", "c2"} {
				r.heldBack(name, "a statement signed by "+name, "restored")
			}
		})
	}
}

// TestAgentsComeLate: one is put back, the other one that saw what it signed is down, and the
// agents come some time later, but within the wait. Until then nobody leads, so the two that lost
// nothing go on by themselves.
func TestAgentsComeLate(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.signSome(1)
	r.stop("c2", "c3")
	restore := r.copyState("c2")
	r.start("c2")
	signed := r.signSome(2) // a vote, and the next round's echo
	r.await("an agent keeps what c2 signed since", func() bool {
		text, _ := os.ReadFile(r.kept(testnet.Main))
		return regexp.MustCompile(`c2 in cluster [^:]*: applied entry \d+, newest era 1 round 1,`).Match(text)
	})
	r.stop("c1", "c2", testnet.Main, testnet.Standby)
	restore()
	for _, name := range r.names {
		r.edit(name, `witness_wait = .*`, `witness_wait = "10m"`)
	}
	r.start("c2", "c3")
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until); <-time.After(50 * time.Millisecond) {
		if s, err := r.Status(t.Context()); err != nil || s.Leader != "" {
			t.Fatalf("%q leads before an agent was heard: %v", s.Leader, err)
		}
	}
	r.start(testnet.Main, testnet.Standby)
	r.heldBack("c2", "a statement signed by c2", "restored")
	r.start("c1")
	r.nothingTwice(signed, time.Second)
	r.stop("c2")
	r.signSome(1)
}
