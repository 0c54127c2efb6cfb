package raftstore

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"casper-cosigner/statedir"
)

// bare is a stream layer over the wire without presences.
type bare struct {
	*wireListener
	wire *wire
}

func (b bare) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return b.wire.dial(ctx, b.name, string(to))
}

func bareTransport(w *wire, name string, depth int) transport {
	return transport{
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: bare{w.listen(name), w}, MaxPool: poolSize, Timeout: time.Second, MaxRPCsInFlight: depth,
			Logger: newHCLogger(zerolog.New(io.Discard), time.Now),
		}),
		distances: newDistances(-1),
	}
}

// sluggard answers a leader as a follower does, but takes its time, and refuses an entry whenever
// it is told to.
type sluggard struct {
	transport
	slow time.Duration // for an append with entries

	mu     sync.Mutex
	last   uint64
	refuse bool // the next append with entries
	missed int  // appends refused since
}

func (s *sluggard) run(ctx context.Context) {
	for {
		select {
		case rpc := <-s.Consumer():
			s.answer(rpc)
		case <-ctx.Done():
			return
		}
	}
}

func (s *sluggard) answer(rpc raft.RPC) {
	switch q := rpc.Command.(type) {
	case *raft.RequestPreVoteRequest:
		rpc.Respond(&raft.RequestPreVoteResponse{Term: q.Term, Granted: true}, nil)
	case *raft.RequestVoteRequest:
		rpc.Respond(&raft.RequestVoteResponse{Term: q.Term, Granted: true}, nil)
	case *raft.AppendEntriesRequest:
		if heartbeat(q) {
			rpc.Respond(&raft.AppendEntriesResponse{Term: q.Term, Success: true}, nil)
			return
		}
		<-time.After(s.slow)
		rpc.Respond(s.append(q), nil)
	}
}

func (s *sluggard) append(q *raft.AppendEntriesRequest) *raft.AppendEntriesResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &raft.AppendEntriesResponse{Term: q.Term, LastLog: s.last, NoRetryBackoff: true}
	if s.refuse && len(q.Entries) > 0 {
		s.refuse, s.missed = false, 0
		return a
	}
	if q.PrevLogEntry > s.last {
		s.missed++
		return a
	}
	if n := len(q.Entries); n > 0 {
		s.last = max(s.last, q.Entries[n-1].Index)
	}
	a.Success, a.LastLog = true, s.last
	return a
}

// A follower refuses an entry while many are under way. Without pipeline's care the leader never
// replicates to it again, once in two such refusals if two may be under way.
func TestRefusedAppendLeavesNobodyWaiting(t *testing.T) {
	for name, depth := range map[string]int{"two under way": 2, "many under way": pipelineDepth} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { refuseAppends(t, depth) })
		})
	}
}

func refuseAppends(t *testing.T, depth int) {
	ctx, cancel := context.WithCancel(context.Background())
	w := newWire()
	follower := &sluggard{transport: bareTransport(w, "b", depth), slow: 5 * time.Millisecond}
	var running sync.WaitGroup
	running.Go(func() { follower.run(ctx) })
	leader := leadAlone(t, bareTransport(w, "a", depth))
	behind := 0
	for round := range 12 {
		var futures []raft.ApplyFuture
		for i := range 3 * max(depth, 8) {
			futures = append(futures, leader.Apply([]byte("entry"), 0))
			if i == 2*max(depth, 8) {
				follower.mu.Lock()
				follower.refuse = true
				follower.mu.Unlock()
			}
			<-time.After(time.Millisecond / 2)
		}
		<-time.After(10 * time.Second) // far more than all of them need
		for i, f := range futures {
			done := make(chan error, 1)
			go func() { done <- f.Error() }()
			select {
			case err := <-done:
				if err != nil {
					t.Fatalf("round %d, entry %d: %v", round, i, err)
				}
			case <-time.After(time.Second):
				t.Fatalf("round %d: entry %d is not replicated any more", round, i)
			}
		}
		follower.mu.Lock()
		if follower.refuse {
			t.Errorf("round %d: nothing was refused", round)
		}
		behind += follower.missed
		follower.mu.Unlock()
	}
	if behind == 0 {
		t.Errorf("nothing was under way behind what was refused")
	}
	if err := leader.Shutdown().Error(); err != nil {
		t.Error(err)
	}
	cancel()
	running.Wait()
	if err := errors.Join(leader.transport.Close(), follower.Close()); err != nil {
		t.Error(err)
	}
	w.isolate("a", true) // the library leaves open what it accepted
}

type bareLeader struct {
	*raft.Raft
	transport transport
}

// leadAlone starts a member a of a and b, and waits until it leads.
func leadAlone(t *testing.T, trans transport) bareLeader {
	t.Helper()
	conf := Config{Name: "a", Timing: lanTiming(t), compaction: defaultCompaction()}
	c := conf.raft(newHCLogger(zerolog.New(io.Discard), time.Now))
	store := raft.NewInmemStore()
	snapshots := raft.NewInmemSnapshotStore()
	voters := Voters{{Name: "a", Address: "a"}, {Name: "b", Address: "b"}}
	if err := raft.BootstrapCluster(c, store, store, snapshots, trans, voters.configuration()); err != nil {
		t.Fatal(err)
	}
	r, err := raft.NewRaft(c, &raft.MockFSM{}, store, store, snapshots, trans)
	if err != nil {
		t.Fatal(err)
	}
	for r.State() != raft.Leader {
		<-time.After(10 * time.Millisecond)
	}
	return bareLeader{r, trans}
}

// openPipeline opens one to a follower that refuses everything after so many successes, and answers
// nothing while it is mute.
func openPipeline(t *testing.T, successes int, mute *atomic.Bool) (p raft.AppendPipeline, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	w := newWire()
	near, far := bareTransport(w, "a", pipelineDepth), bareTransport(w, "b", pipelineDepth)
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ; i++ {
			select {
			case rpc := <-far.Consumer():
				if mute.Load() {
					continue
				}
				rpc.Respond(&raft.AppendEntriesResponse{Success: i < successes}, nil)
			case <-ctx.Done():
				return
			}
		}
	})
	p, err := near.AppendEntriesPipeline("b", "b")
	if err != nil {
		t.Fatal(err)
	}
	return p, func() {
		p.Close()
		near.Close()
		cancel()
		running.Wait()
		far.Close()
		w.isolate("a", true) // the library leaves open what it accepted
	}
}

func TestPipelineEndsItsWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, end := openPipeline(t, 2, new(atomic.Bool))
		defer end()
		send := func() error {
			_, err := p.AppendEntries(&raft.AppendEntriesRequest{Term: 1, PrevLogEntry: 1}, &raft.AppendEntriesResponse{})
			return err
		}
		for i, want := range []bool{true, true, false} {
			if err := send(); err != nil {
				t.Fatal(err)
			}
			if f := <-p.Consumer(); f.Error() != nil || f.Response().Success != want {
				t.Fatalf("answer %d: %v, %v, want success %v", i, f.Error(), f.Response().Success, want)
			}
		}
		// The reader has left.
		for range 3 * pipelineDepth {
			if err := send(); !errors.Is(err, raft.ErrPipelineShutdown) {
				t.Fatalf("sending after a refusal: %v, want %v", err, raft.ErrPipelineShutdown)
			}
		}
	})
}

// The library's reader would take it for a sign of life.
func TestFailedAppendIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mute atomic.Bool
		p, end := openPipeline(t, 1, &mute)
		defer end()
		q := &raft.AppendEntriesRequest{Term: 1, PrevLogEntry: 1}
		if _, err := p.AppendEntries(q, &raft.AppendEntriesResponse{}); err != nil {
			t.Fatal(err)
		}
		<-p.Consumer()
		mute.Store(true)
		if _, err := p.AppendEntries(q, &raft.AppendEntriesResponse{}); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Second) // more than the transport waits
		select {
		case f := <-p.Consumer():
			t.Errorf("%v was handed on as an answer", f.Error())
		default:
		}
		if _, err := p.AppendEntries(q, &raft.AppendEntriesResponse{}); err == nil {
			t.Error("the writer was not told")
		}
	})
}

func TestDistance(t *testing.T) {
	beats := func(n int, d time.Duration) []time.Duration { return slices.Repeat([]time.Duration{d}, n) }
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		beats []time.Duration
		far   bool
	}{
		"nothing known":              {nil, false},
		"too little known":           {beats(distanceOf-1, 80*ms), false},
		"far":                        {beats(distanceOf, 80*ms), true},
		"near":                       {beats(distanceOf, ms), false},
		"at the bound":               {beats(distanceOf, pipelineFrom), true},
		"near, with a busy follower": {append(beats(distanceOf-1, 40*ms), ms), false},
		"was near, is far":           {append(beats(3, ms), beats(distanceOf, 40*ms)...), true},
	} {
		d := newDistances(pipelineFrom)
		for _, b := range tt.beats {
			d.note("b", b)
		}
		if got := d.far("b"); got != tt.far {
			t.Errorf("%s: far is %v, want %v", name, got, tt.far)
		}
		if d.far("c") {
			t.Errorf("%s: c is far as well", name)
		}
	}
}

// slowConn is an end of a connection over a long wire: what is written arrives later, in its order.
type slowConn struct {
	net.Conn
	delay  time.Duration
	sent   chan piece
	closed chan struct{}
	once   sync.Once
}

type piece struct {
	bytes []byte
	due   time.Time
}

func slowed(c net.Conn, delay time.Duration) net.Conn {
	s := &slowConn{Conn: c, delay: delay, sent: make(chan piece, 1000), closed: make(chan struct{})}
	go func() {
		for {
			select {
			case p := <-s.sent:
				select {
				case <-time.After(time.Until(p.due)):
					s.Conn.Write(p.bytes)
				case <-s.closed:
				}
			case <-s.closed:
				return
			}
		}
	}()
	return s
}

func (s *slowConn) Write(b []byte) (int, error) {
	select {
	case s.sent <- piece{slices.Clone(b), time.Now().Add(s.delay)}:
		return len(b), nil
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *slowConn) SetDeadline(t time.Time) error    { return s.SetReadDeadline(t) }
func (s *slowConn) SetWriteDeadline(time.Time) error { return nil }

func (s *slowConn) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// At 80 ms a claim need not wait for the answer to the append that is under way.
func TestPipelinePaysFarAway(t *testing.T) {
	const rtt = 80 * time.Millisecond
	mean := func(from time.Duration) (m time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			tr := &trio{t: t, wire: newWire(), cluster: statedir.NewID(), members: map[string]*member{}}
			tr.wire.delay = rtt / 2
			tr.adjust = func(_ string, c *Config) {
				c.pipelineFrom = from
				timing, err := Profile("wan")
				if err != nil {
					t.Fatal(err)
				}
				c.Timing = timing
			}
			tr.startAll()
			leader := tr.leader()
			<-time.After(5 * time.Second) // distances become known
			var took []time.Duration
			for h := range uint64(60) {
				start := time.Now()
				if _, err := leader.Apply(context.Background(), claim(h+1, 1)); err != nil {
					t.Fatal(err)
				}
				took = append(took, time.Since(start))
				<-time.After(130 * time.Millisecond)
			}
			tr.wantHeld(map[uint64]byte{1: 1, 60: 1})
			tr.stopAll()
			for _, d := range took {
				m += d / time.Duration(len(took))
			}
			t.Logf("a claim took %v to %v, on average %v", slices.Min(took), slices.Max(took), m)
		})
		return m
	}
	// The first is as shipped.
	with, without := mean(0), mean(time.Hour)
	if with > rtt*21/20 || without < rtt*11/10 {
		t.Errorf("with a pipeline %v, without %v: want one round trip of %v, and more", with, without, rtt)
	}
}
