package agent_test

import (
	"context"
	"crypto/ed25519"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/agent"
	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/lead"
	"casper-cosigner/rule/wire"
)

const (
	away      = 40 * time.Millisecond  // one way, between any two sites
	signs     = 130 * time.Millisecond // how long a leader takes
	deadline  = 250 * time.Millisecond // of the node
	nodePause = 250 * time.Millisecond // of the node after a failure
)

// sites are three cosigners at sites of their own, none of them the agent's.
type sites struct {
	mu     sync.Mutex
	key    ed25519.PrivateKey // the validator's
	leader string
	term   uint64
	slow   time.Duration   // what the leader takes more
	hung   map[string]bool // since it did, a cosigner neither takes nor answers anything
	asked  map[string]int
	pings  int
}

// site is one of them.
type site struct {
	*sites
	name  string
	takes string // for the leader
}

// reach is the way to a site, or from it. What comes while it hangs waits.
func (s *site) reach(ctx context.Context) error {
	for left := away; ; left = time.Millisecond {
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
		s.mu.Lock()
		hung := s.hung[s.name]
		s.mu.Unlock()
		if !hung {
			return nil
		}
	}
}

func (s *site) Sign(ctx context.Context, r *cosignerv1.SignRequest, _ ...grpc.CallOption) (*cosignerv1.SignResponse,
	error) {
	if err := s.reach(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.asked[s.name]++
	leads, takes, to := s.leader == s.name, signs+s.slow, &site{s.sites, s.takes, s.takes}
	s.mu.Unlock()
	if !leads && (r.GetForwarded() || to.name == s.name) {
		err := s.reach(ctx)
		if err == nil {
			err = status.Error(codes.Unavailable, "nobody leads")
		}
		return nil, err
	}
	if !leads {
		answer, err := to.Sign(ctx, &cosignerv1.SignRequest{Message: r.GetMessage(), Forwarded: true})
		if err == nil {
			err = s.reach(ctx)
		}
		return answer, err
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return signed(s.key, r, s.name), s.reach(ctx)
}

func (s *site) RegisterTLSPoint(context.Context, *cosignerv1.RegisterTLSPointRequest,
	...grpc.CallOption) (*cosignerv1.RegisterTLSPointResponse, error) {
	return nil, status.Error(codes.Unimplemented, "")
}

func (s *site) Ping(ctx context.Context, _ *cosignerv1.PingRequest, _ ...grpc.CallOption) (*cosignerv1.PingResponse,
	error) {
	if err := s.reach(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.pings++
	r := &cosignerv1.PingResponse{Leader: s.takes, Term: s.term}
	s.mu.Unlock()
	return r, s.reach(ctx)
}

// elect makes another one the leader; the other sites hear of it as fast as the way is.
func (s *sites) elect(all []*site, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leader, s.term = name, s.term+1
	for _, site := range all {
		if site.name == name {
			site.takes = name
			continue
		}
		time.AfterFunc(away, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			site.takes = name
		})
	}
}

// change changes something.
func (s *sites) change(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
}

// newSites returns an agent that pings the sites, of which cosigner-1 leads.
func newSites(t *testing.T) (*agent.Agent, []*site) {
	all, s := []*site{}, &sites{leader: "cosigner-1", term: 5, hung: map[string]bool{}, asked: map[string]int{},
		key: ed25519.NewKeyFromSeed(make([]byte, 32))}
	var p *agent.Pinger
	c := agent.Config{Name: "node-a", Steady: func() bool { return true }, Nudge: func() { p.Nudge() },
		Validator:   casper.PublicKey(s.key.Public().(ed25519.PublicKey)),
		SignRequest: func(casper.Message, uint64) (s [64]byte, err error) { return },
		Position:    func() (uint64, bool) { return 1, true },
		Observe:     func(string, error, time.Duration) {},
		Asked:       func(casper.Message, *cosignerv1.SignResponse) {}}
	var peers []agent.Peer
	for _, name := range []string{"cosigner-1", "cosigner-2", "cosigner-3"} {
		one := &site{sites: s, name: name, takes: s.leader}
		all = append(all, one)
		c.Cosigners = append(c.Cosigners, agent.Cosigner{Name: name, Client: one})
		peers = append(peers, agent.Peer{Name: name, Role: cluster.Cosigner, Client: one})
	}
	a := agent.New(c)
	p = startPinger(t, agent.PingerConfig{Peers: peers, Heard: a.Pinged, Doubts: a.Doubts})
	time.Sleep(interval / 2)
	return a, all
}

// once has one signature asked for as a node does, which pauses when there was none in time.
func once(t *testing.T, a *agent.Agent) bool {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	_, err := a.Sign(ctx, wire.Request(vote))
	if err != nil {
		time.Sleep(nodePause)
	}
	return err == nil
}

// TestFarLeader: a leader 80 ms away is late once, and the requests after that go to it all the
// same: by way of another one they would all be late. Pings are not brisk for long.
func TestFarLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, all := newSites(t)
		s := all[0].sites
		for n := range 60 {
			late := n%15 < 2 // two in a row
			s.change(func() {
				if s.slow = 0; late {
					s.slow = 100 * time.Millisecond
				}
			})
			if ok := once(t, a); ok == late {
				t.Errorf("request %d: answered: %v", n, ok)
			}
		}
		s.change(func() {
			if s.asked["cosigner-1"] != 60 || s.asked["cosigner-2"]+s.asked["cosigner-3"] > 0 {
				t.Errorf("asked %v", s.asked)
			}
			if s.pings > 100 { // once a second, and two or three rounds after each failure
				t.Errorf("%d pings", s.pings)
			}
		})
	})
}

// TestHungFarLeader: it costs the requests that come until another one leads, as when each late
// answer turned the agent away. The new leader is known within a brisk ping and a round trip of its
// election.
func TestHungFarLeader(t *testing.T) {
	for _, takes := range []time.Duration{300 * time.Millisecond, 700 * time.Millisecond, 1700 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			a, all := newSites(t)
			s := all[0].sites
			if !once(t, a) || a.Leader() != "cosigner-1" {
				t.Fatalf("%s is asked", a.Leader())
			}
			hangs := time.Now()
			s.change(func() { s.hung["cosigner-1"] = true })
			time.AfterFunc(takes, func() { s.elect(all, "cosigner-3") })
			time.AfterFunc(takes+away+lead.Brisk+2*away+time.Millisecond, func() {
				if a.Leader() != "cosigner-3" {
					t.Errorf("%v after the hang %s is asked", time.Since(hangs), a.Leader())
				}
			})
			// One that was under way when the new one was elected may be late as well.
			most := int(takes/(deadline+nodePause)) + 2
			lost := 0
			for !once(t, a) {
				lost++
			}
			if lost > most || time.Since(hangs) > takes+2*(deadline+nodePause) {
				t.Errorf("%d requests were lost in %v, %v at the election", lost, time.Since(hangs), takes)
			}
			t.Logf("elected after %v: %d lost, next signature after %v", takes, lost, time.Since(hangs))
		})
	}
}
