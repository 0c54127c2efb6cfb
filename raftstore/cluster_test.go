package raftstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// lanTiming is the profile that is shipped as default.
func lanTiming(t testing.TB) Timing {
	t.Helper()
	timing, err := Profile("lan")
	if err != nil {
		t.Fatal(err)
	}
	return timing
}

// claim returns the claim of a finality slot, asked for when the log began.
func claim(height uint64, value byte) machine.Claim {
	m := casper.Finality{Block: casper.Hash{value}, Height: height, Era: 1}
	return machine.Claim{Claim: watermark.Claim{Message: m, Node: "a", AskedAt: 1, Signature: [64]byte{value}},
		TokensLeft: 1, At: time.Now().UnixMilli()}
}

// wire joins stores in memory. Members are known by name; a name is also the address.
type wire struct {
	mu        sync.Mutex
	listeners map[string]*wireListener
	cut       map[string]bool
	conns     map[*wireConn]struct{}
	delay     time.Duration // each way; set before anybody dials
}

type wireListener struct {
	name  string
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

type wireConn struct {
	net.Conn
	wire       *wire
	self, peer string
}

func newWire() *wire {
	return &wire{listeners: map[string]*wireListener{}, cut: map[string]bool{}, conns: map[*wireConn]struct{}{}}
}

func (w *wire) listen(name string) *wireListener {
	l := &wireListener{name: name, conns: make(chan net.Conn), done: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listeners[name] = l
	return l
}

func (l *wireListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *wireListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *wireListener) Addr() net.Addr { return raftAddr(l.name) }

func (w *wire) dial(ctx context.Context, from, to string) (net.Conn, error) {
	w.mu.Lock()
	l := w.listeners[to]
	if l == nil || w.cut[from] || w.cut[to] {
		w.mu.Unlock()
		return nil, errors.New("no route")
	}
	a, b := net.Pipe()
	if w.delay > 0 {
		a, b = slowed(a, w.delay), slowed(b, w.delay)
	}
	near, far := &wireConn{Conn: a, wire: w, self: from, peer: to}, &wireConn{Conn: b, wire: w, self: to, peer: from}
	w.conns[near], w.conns[far] = struct{}{}, struct{}{}
	w.mu.Unlock()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
	case <-ctx.Done():
	}
	near.Close()
	far.Close()
	return nil, errors.New("connection refused")
}

func (c *wireConn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}

// isolate cuts a member off, or joins it again.
func (w *wire) isolate(name string, off bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[name] = off
	for c := range w.conns {
		if off && (c.self == name || c.peer == name) {
			c.Conn.Close()
		}
	}
}

// member is one cosigner of a test cluster.
type member struct {
	*Store
	name string
	path string // state directory
	dir  *statedir.Dir
	end  func() // ends Run

	mu    sync.Mutex
	fatal error
}

func (m *member) fatalError() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fatal
}

// trio is a cluster of a, b and c.
type trio struct {
	t       testing.TB
	wire    *wire
	cluster statedir.ID
	members map[string]*member
	adjust  func(name string, c *Config) // before a member is opened; may be nil
}

var trioNames = []string{"a", "b", "c"}

func newTrio(t testing.TB, adjust func(string, *Config)) *trio {
	t.Helper()
	tr := &trio{t: t, wire: newWire(), cluster: statedir.NewID(), members: map[string]*member{}, adjust: adjust}
	tr.startAll()
	return tr
}

// startAll makes the members and starts them.
func (tr *trio) startAll() {
	tr.t.Helper()
	root := tr.t.TempDir()
	for _, name := range trioNames {
		tr.members[name] = &member{name: name, path: filepath.Join(root, name)}
		tr.init(name)
		tr.start(name)
	}
}

// init makes a member's state directory anew.
func (tr *trio) init(name string) {
	tr.t.Helper()
	m := tr.members[name]
	if err := os.RemoveAll(m.path); err != nil {
		tr.t.Fatal(err)
	}
	if err := statedir.Init(m.path, statedir.Identity{Cluster: tr.cluster, Name: name}); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *trio) config(m *member) Config {
	c := Config{
		Name: m.name, Path: m.dir.Path("raft"), FirstRun: m.dir.FirstRun(), EndFirstRun: m.dir.EndFirstRun,
		Active: "a",
		Fatal: func(err error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.fatal = err
		},
		Network: Network{
			Listener:  tr.wire.listen(m.name),
			Dial:      func(ctx context.Context, to string) (net.Conn, error) { return tr.wire.dial(ctx, m.name, to) },
			PeerName:  func(c net.Conn) (string, error) { return c.(*wireConn).peer, nil },
			Presences: m.dir,
		},
		Timing: lanTiming(tr.t), Log: zerolog.New(io.Discard), Now: time.Now,
	}
	for _, name := range trioNames {
		c.Voters = append(c.Voters, Voter{Name: name, Address: name})
	}
	if os.Getenv("RAFT_LOG") != "" {
		c.Log = zerolog.New(os.Stderr).With().Str("member", m.name).Logger()
	}
	if tr.adjust != nil {
		tr.adjust(m.name, &c)
	}
	return c
}

// open opens a member's directory and store.
func (tr *trio) open(name string) (*Store, error) {
	tr.t.Helper()
	m := tr.members[name]
	dir, err := statedir.Open(m.path)
	if err != nil {
		tr.t.Fatal(err)
	}
	m.dir = dir
	store, err := Open(tr.config(m))
	if err != nil {
		dir.Close()
	}
	return store, err
}

func (tr *trio) start(name string) {
	tr.t.Helper()
	store, err := tr.open(name)
	if err != nil {
		tr.t.Fatal(err)
	}
	m := tr.members[name]
	m.Store = store
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		store.Run(ctx)
	}()
	m.end = func() {
		cancel()
		<-ended
	}
}

// stop ends a member as SIGTERM does.
func (tr *trio) stop(name string) {
	tr.t.Helper()
	m := tr.members[name]
	m.end()
	if err := m.Close(); err != nil {
		tr.t.Errorf("closing %s: %v", name, err)
	}
	m.dir.Close()
	m.Store = nil
}

// kill ends a member without a hand-over, as near to kill -9 as a process can do to itself.
func (tr *trio) kill(name string) {
	tr.t.Helper()
	tr.wire.isolate(name, true)
	tr.stop(name)
	tr.wire.isolate(name, false)
}

func (tr *trio) stopAll() {
	tr.t.Helper()
	for _, name := range trioNames {
		if tr.members[name].Store != nil {
			tr.stop(name)
		}
	}
}

// until waits for a condition; it does so without virtual time as well.
func (tr *trio) until(what string, ok func() bool) {
	tr.t.Helper()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-deadline:
			tr.t.Fatalf("waited 30 s until %s", what)
		}
	}
}

// leader waits until one of the running members, other than those named, is fit to lead.
func (tr *trio) leader(but ...string) *member {
	tr.t.Helper()
	var found *member
	tr.until("somebody leads", func() bool {
		for _, m := range tr.members {
			excluded := m.Store == nil
			for _, name := range but {
				excluded = excluded || m.name == name
			}
			if !excluded && m.Leader().Self {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// followers returns the names of the others.
func (tr *trio) followers(leader *member) []string {
	var names []string
	for _, name := range trioNames {
		if name != leader.name {
			names = append(names, name)
		}
	}
	return names
}

// apply claims a height, whoever leads by then, until it is certain.
func (tr *trio) apply(height uint64, value byte) machine.Result {
	tr.t.Helper()
	for {
		r, err := tr.leader().Apply(context.Background(), claim(height, value))
		switch {
		case err == nil:
			return r
		case !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrUnknown):
			tr.t.Fatal(err)
		}
		<-time.After(time.Millisecond)
	}
}

// held returns what the member's table holds at a height, 0 for nothing.
func (m *member) held(height uint64) (value byte) {
	m.View(func(s *machine.State) {
		if !s.Started() {
			return
		}
		if c, ok := s.Table().Lookup(casper.Slot{Kind: casper.KindFinality, Height: height}); ok {
			value = c.Message.(casper.Finality).Block[0]
		}
	})
	return value
}

// catchUp waits until the member has applied what is committed now.
func (tr *trio) catchUp(m *member) {
	tr.t.Helper()
	var index uint64
	tr.until("a barrier passes", func() bool {
		var err error
		index, err = tr.leader().Barrier(context.Background())
		return err == nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := m.WaitApplied(ctx, index); err != nil {
		tr.t.Fatalf("%s: %v", m.name, err)
	}
}

// wantHeld checks that every running member holds values[h] at height h.
func (tr *trio) wantHeld(values map[uint64]byte) {
	tr.t.Helper()
	for _, m := range tr.members {
		if m.Store == nil {
			continue
		}
		tr.catchUp(m)
		for h, want := range values {
			if got := m.held(h); got != want {
				tr.t.Errorf("%s holds %d at height %d, want %d", m.name, got, h, want)
			}
		}
		if err := m.fatalError(); err != nil {
			tr.t.Errorf("%s: fatal: %v", m.name, err)
		}
	}
}

func (m *member) String() string { return fmt.Sprintf("member %s", m.name) }
