package almanac

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/agent/health"
	"casper-cosigner/rule/casper"
)

// network is a node and its peers, in virtual time.
type network struct {
	*Almanac
	t       *testing.T
	log     *journal
	version string
	up      time.Time // when the node was started
	peers   []string

	mu     sync.Mutex             // guards what follows
	say    map[string]casper.Hash // what peers say; the others hang
	asked  []string
	now    int // so many are being asked
	atOnce int // and were at most
}

// join runs an almanac beside a node that was just started, with so many peers, none of which
// answers yet.
func join(t *testing.T, peers int) *network {
	n := &network{t: t, log: new(journal), version: "2.0.3", up: time.Now(), say: map[string]casper.Hash{}}
	for i := range peers {
		n.peers = append(n.peers, fmt.Sprint("peer-", i))
	}
	n.Almanac = New(Config{Validator: validator, Logger: zerolog.New(n.log), Chainspec: n.ask})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); n.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	n.Ended(health.EraEnd{Era: wanted.Era - 1, Last: wanted.KeyBlock})
	return n
}

func (n *network) ask(ctx context.Context, address string) (casper.Hash, error) {
	n.mu.Lock()
	n.asked = append(n.asked, address)
	n.now++
	n.atOnce = max(n.atOnce, n.now)
	hash, says := n.say[address]
	n.mu.Unlock()
	defer func() { n.mu.Lock(); n.now--; n.mu.Unlock() }()
	if says {
		return hash, nil
	}
	select {
	case <-time.After(shakeIn):
	case <-ctx.Done():
	}
	return hash, errors.New("it hangs")
}

// says has peers say that hash.
func (n *network) says(hash casper.Hash, peers ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range peers {
		n.say[p] = hash
	}
}

// lie has all peers but those say something else, each.
func (n *network) lie(but ...string) {
	for i, p := range n.peers {
		if !slices.Contains(but, p) {
			n.says(casper.Hash{9, byte(i), byte(i >> 8)}, p)
		}
	}
}

// restart has the node run anew.
func (n *network) restart(version string) { n.version, n.up = version, time.Now() }

// follow lets so many seconds pass, in which the node tells its status, and returns who was asked.
func (n *network) follow(seconds int) []string {
	for range seconds {
		n.Status(health.Status{Version: n.version, Uptime: time.Since(n.up), Addresses: n.peers}, time.Now())
		time.Sleep(time.Second)
	}
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	asked := n.asked
	n.asked = nil
	return asked
}

// claim has a gate wait for an instance, for 8 seconds at most.
func (n *network) claim(of casper.Round) bool {
	for range 8 * 50 {
		if r, _, missing := n.Find(of.Instance()); missing == "" {
			return r == of
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// TestPeers: after a start of the node some are asked at once, until one tells, and no more; a few
// of them at a time.
func TestPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := join(t, 100)
		if len(n.follow(10)) == 0 {
			t.Error("nobody is asked")
		}
		n.says(wanted.Chainspec, n.peers...)
		n.follow(5)
		if asked := n.follow(1000); len(asked) != 0 {
			t.Errorf("%d are asked, though they have told and nobody wants to know", len(asked))
		}
		if !n.claim(wanted) {
			t.Error("not found")
		}
		n.restart("2.0.3")
		if asked := n.follow(10); len(asked) != atOnce {
			t.Errorf("%d are asked after a restart", len(asked))
		}
		if n.atOnce > atOnce {
			t.Errorf("%d are asked at once", n.atOnce)
		}
	})
}

// TestOthers: while what is wanted is not found all peers are asked in turn, and one that tells the
// truth suffices; more seldom when no gate waits any more.
func TestOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := join(t, 100)
		n.lie(n.peers[99])
		n.follow(10)
		found := n.claim(wanted)
		seen := map[string]bool{}
		var asked []string
		for minute := 0; len(seen) < len(n.peers); minute++ {
			if minute > 10 {
				t.Fatalf("only %d of them are asked", len(seen))
			}
			asked = n.follow(60)
			for _, p := range asked {
				seen[p] = true
			}
		}
		if len(asked) > atOnce {
			t.Errorf("%d are asked in a minute, and no gate waits", len(asked))
		}
		if found || n.claim(wanted) {
			t.Error("found, and nobody tells")
		}
		n.says(wanted.Chainspec, n.peers[99])
		for minute := 0; n.Unknown(time.Now()) != ""; minute++ {
			if minute > 10 {
				t.Fatal("not found, though one of them tells")
			}
			n.follow(60)
		}
		if !n.claim(wanted) {
			t.Error("not found")
		}
		if asked := n.follow(300); len(asked) != 0 {
			t.Errorf("%d are asked, though all is found", len(asked))
		}
	})
}

// journal is a log that several write, and one reads.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// TestAllLie: nothing is found, people are told once in the log and as long as it lasts, and what
// is kept is bounded.
func TestAllLie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := join(t, 1000)
		n.lie()
		n.follow(10)
		if words := n.Unknown(time.Now()); words != "" {
			t.Errorf("nobody waits, and people are told %q", words)
		}
		n.Find(casper.Hash{5}) // a gate that opens an old unit file
		n.follow(10)
		if words := n.Unknown(time.Now()); words != "" {
			t.Errorf("no message waits, and people are told %q", words)
		}
		if n.claim(wanted) {
			t.Error("found")
		}
		n.follow(600)
		if words := n.Unknown(time.Now()); !strings.Contains(words, "known_addresses") {
			t.Errorf("people are told %q", words)
		}
		if got := strings.Count(n.log.String(), "cannot vote"); got != 1 {
			t.Errorf("the log tells %d times: %s", got, n.log)
		}
		n.Almanac.mu.Lock()
		if kept := len(n.known.Candidates()); kept > 64 || len(n.Almanac.peers.done) > mostDone {
			t.Errorf("%d are kept", kept)
		}
		n.Almanac.mu.Unlock()
		for i := range 100 {
			n.Find(casper.Hash{6, byte(i)})
		}
		n.Almanac.mu.Lock()
		if len(n.wanted) > mostWanted {
			t.Errorf("%d are wanted", len(n.wanted))
		}
		n.Almanac.mu.Unlock()
		n.follow(3 * 3600)
		if words := n.Unknown(time.Now()); words != "" {
			t.Errorf("hours after the era people are told %q", words)
		}
		if asked := n.follow(600); len(asked) != 0 {
			t.Errorf("%d are asked hours after the era", len(asked))
		}
	})
}

// TestUpgrade: after an upgrade, and when an era is run again under another chainspec, what is new
// is found while the agent runs on; peers that run the old one tell nothing of use.
func TestUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := join(t, 40)
		n.says(wanted.Chainspec, n.peers...)
		n.follow(5)
		if !n.claim(wanted) {
			t.Fatal("not found before")
		}
		next := casper.Round{Chainspec: casper.Hash{8}, Era: wanted.Era + 1, KeyBlock: casper.Hash{3}}
		n.Ended(health.EraEnd{Era: wanted.Era, Last: next.KeyBlock})
		n.restart("2.0.4")
		n.follow(5) // all say the old one still
		n.says(next.Chainspec, n.peers[:30]...)
		if !n.claim(next) {
			t.Error("not found after an upgrade")
		}
		again := next
		again.Chainspec = casper.Hash{7}
		n.restart("2.0.4")
		n.says(again.Chainspec, n.peers[:30]...)
		n.follow(5)
		if !n.claim(again) {
			t.Error("not found after a restart of the network in the same era")
		}
		if !n.claim(next) || !n.claim(wanted) {
			t.Error("what fitted is forgotten")
		}
	})
}

// TestNext: nobody is asked twice before all were, whatever the order in which the node lists them.
func TestNext(t *testing.T) {
	var p peers
	all := slices.Sorted(maps.Keys(map[string]bool{"a": true, "b": true}))
	p.heard(run{}, all, time.Now())
	if got := p.next(); len(got) != 2 {
		t.Errorf("of two %v are asked", got)
	}
	if got := p.next(); len(got) != 2 {
		t.Errorf("of two %v are asked again", got)
	}
	p.heard(run{}, nil, time.Now())
	if got := p.next(); len(got) != 2 {
		t.Errorf("a node that has no peers yet: %v", got)
	}
	for i := range mostDone * 2 { // others each time
		p.heard(run{}, []string{fmt.Sprint(i)}, time.Now())
		if got := p.next(); len(got) != 1 || len(p.done) > mostDone+atOnce {
			t.Fatalf("%v are asked, %d noted", got, len(p.done))
		}
	}
}
