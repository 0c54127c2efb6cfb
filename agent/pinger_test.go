package agent_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/agent"
	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/lead"
)

const (
	interval = time.Second
	timeout  = 500 * time.Millisecond
)

// pinged is a peer that answers as told, and notes when its pings began.
type pinged struct {
	answer func(ctx context.Context, n int) (*cosignerv1.PingResponse, error) // n counts the pings from 0

	mu     sync.Mutex
	began  []time.Time
	last   *cosignerv1.PingRequest
	atOnce int
	most   int // pings at once
}

func (p *pinged) Ping(ctx context.Context, r *cosignerv1.PingRequest, _ ...grpc.CallOption) (*cosignerv1.PingResponse,
	error) {
	p.mu.Lock()
	n := len(p.began)
	p.began, p.last = append(p.began, time.Now()), r
	p.atOnce++
	p.most = max(p.most, p.atOnce)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.atOnce--
	}()
	return p.answer(ctx, n)
}

// after lists how long after start each ping began.
func (p *pinged) after(start time.Time) (list []time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.began {
		list = append(list, t.Sub(start))
	}
	return list
}

// together is how many pings there were at once, at most.
func (p *pinged) together() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

func well(context.Context, int) (*cosignerv1.PingResponse, error) {
	return &cosignerv1.PingResponse{}, nil
}

func down(context.Context, int) (*cosignerv1.PingResponse, error) {
	return nil, status.Error(codes.Unavailable, "connection refused")
}

func hung(ctx context.Context, _ int) (*cosignerv1.PingResponse, error) {
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}

// in answers after as long as listed, the last for ever; a negative time is a loss.
func in(delays ...time.Duration) func(context.Context, int) (*cosignerv1.PingResponse, error) {
	return func(ctx context.Context, n int) (*cosignerv1.PingResponse, error) {
		d := delays[min(n, len(delays)-1)]
		if d < 0 {
			return down(ctx, n)
		}
		time.Sleep(d)
		return well(ctx, n)
	}
}

// startPinger runs a Pinger until the test ends. What is left out of the config is filled in.
func startPinger(t *testing.T, c agent.PingerConfig) *agent.Pinger {
	c.Interval, c.Timeout = interval, timeout
	if c.Health == nil {
		c.Health = func(time.Time) *cosignerv1.NodeHealth { return nil }
	}
	if c.Observe == nil {
		c.Observe = func(string, time.Duration, error) {}
	}
	if c.Heard == nil {
		c.Heard = func(string, lead.Ping, time.Time) {}
	}
	if c.Doubts == nil {
		c.Doubts = func() bool { return false }
	}
	p, ended := agent.NewPinger(c), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		p.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return p
}

// TestPingsEachInterval: the first ping goes out at once, each carries how the node is now and how
// the peers were reached.
func TestPingsEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, peer := time.Now(), &pinged{answer: well}
		startPinger(t, agent.PingerConfig{
			Peers: []agent.Peer{{Name: "cosigner-1", Role: cluster.Cosigner, Client: peer}},
			Health: func(now time.Time) *cosignerv1.NodeHealth {
				return &cosignerv1.NodeHealth{LowestHeight: uint64(now.Sub(start).Seconds())}
			},
		})
		time.Sleep(3*interval + interval/2)
		if got := peer.after(start); !slices.Equal(got, []time.Duration{0, interval, 2 * interval, 3 * interval}) {
			t.Errorf("pinged after %v", got)
		}
		reach := peer.last.GetReach()
		if peer.last.GetHealth().GetLowestHeight() != 3 || len(reach) != 1 || reach[0].GetName() != "cosigner-1" ||
			reach[0].GetSent() != 3 {
			t.Errorf("the fourth ping said %v", peer.last)
		}
	})
}

// TestHungPeer: it costs its own pings only, one at a time, each of which is lost after the
// timeout. So does a client that does not heed its context.
func TestHungPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		quick, stuck, deaf := &pinged{answer: well}, &pinged{answer: hung}, &pinged{answer: in(2500 * time.Millisecond)}
		var mu sync.Mutex
		lost := map[string][]time.Duration{}
		p := startPinger(t, agent.PingerConfig{
			Peers: []agent.Peer{{Name: "stuck", Client: stuck}, {Name: "deaf", Client: deaf}, {Name: "quick", Client: quick}},
			Observe: func(peer string, rtt time.Duration, err error) {
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					lost[peer] = append(lost[peer], rtt)
				}
			},
		})
		time.Sleep(5*interval - time.Millisecond)
		each := []time.Duration{0, interval, 2 * interval, 3 * interval, 4 * interval}
		if got := quick.after(start); !slices.Equal(got, each) {
			t.Errorf("the quick one was pinged after %v", got)
		}
		if got := stuck.after(start); !slices.Equal(got, each) {
			t.Errorf("the hung one was pinged after %v", got)
		}
		if a, b := stuck.together(), deaf.together(); a != 1 || b != 1 {
			t.Errorf("%d and %d pings of one peer at once", a, b)
		}
		if got := deaf.after(start); !slices.Equal(got, []time.Duration{0, 2500 * time.Millisecond}) {
			t.Errorf("the deaf one was pinged after %v", got)
		}
		mu.Lock()
		defer mu.Unlock()
		if got := lost["stuck"]; len(got) != 5 || slices.Max(got) != timeout || len(lost["deaf"]) != 1 ||
			len(lost["quick"]) != 0 {
			t.Errorf("lost %v, want the hung one's five after %v, and the late answer", lost, timeout)
		}
		if r := p.Reach(time.Now())[0]; r.GetLost() != 5 || r.AnsweredAgoMs != nil {
			t.Errorf("the hung one's reach is %v", r)
		}
	})
}

// TestReach: the median of the round-trip times, losses, and the last answer, of the last 60 pings.
func TestReach(t *testing.T) {
	const ms, lost = time.Millisecond, time.Duration(-1)
	for name, c := range map[string]struct {
		answers         []time.Duration
		pings           int
		rtt             time.Duration
		sent, lost, ago uint32 // ago in ms, at half an interval after the last ping began; 0: never
	}{
		"never answered":    {[]time.Duration{lost}, 3, 0, 3, 3, 0},
		"odd":               {[]time.Duration{30 * ms, 10 * ms, 20 * ms}, 3, 20 * ms, 3, 0, 480},
		"even":              {[]time.Duration{10 * ms, 40 * ms, 20 * ms, 30 * ms}, 4, 25 * ms, 4, 0, 470},
		"some lost":         {[]time.Duration{10 * ms, lost, 30 * ms, 20 * ms, lost}, 5, 20 * ms, 5, 2, 1480},
		"at once":           {[]time.Duration{0}, 2, 0, 2, 0, 500},
		"slow once":         {[]time.Duration{400 * ms, ms}, 61, ms, 60, 0, 499},
		"lost of old":       {append(slices.Repeat([]time.Duration{lost}, 60), 10*ms), 90, 10 * ms, 60, 30, 490},
		"quick before slow": {append(slices.Repeat([]time.Duration{ms}, 60), 100*ms), 120, 100 * ms, 60, 0, 400},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := startPinger(t, agent.PingerConfig{Peers: []agent.Peer{{Name: "x", Client: &pinged{answer: in(c.answers...)}}}})
				time.Sleep(time.Duration(c.pings-1)*interval + interval/2)
				r := p.Reach(time.Now())[0]
				if r.GetName() != "x" || r.GetRttUs() != uint64(c.rtt.Microseconds()) || r.GetSent() != c.sent ||
					r.GetLost() != c.lost ||
					r.GetAnsweredAgoMs() != uint64(c.ago) || (r.AnsweredAgoMs == nil) != (c.ago == 0) {
					t.Errorf("got %v, want %+v", r, c)
				}
			})
		})
	}
}

// TestRoles: the highest epoch counts, whoever told it last. An agent is not asked for roles, nor
// is a log that has not begun.
func TestRoles(t *testing.T) {
	tells := func(epochs ...uint64) *pinged {
		return &pinged{answer: func(_ context.Context, n int) (*cosignerv1.PingResponse, error) {
			r := &cosignerv1.Roles{Epoch: epochs[min(n, len(epochs)-1)]}
			if r.Epoch > 0 {
				r.Active = "node-a"
			}
			return &cosignerv1.PingResponse{Roles: r}, nil
		}}
	}
	synctest.Test(t, func(t *testing.T) {
		p := startPinger(t, agent.PingerConfig{Peers: []agent.Peer{
			{Name: "cosigner-1", Role: cluster.Cosigner, Client: tells(0, 1, 4, 2, 5)},
			{Name: "cosigner-2", Role: cluster.Cosigner, Client: tells(0, 1)},
			{Name: "node-b", Role: cluster.Node, Client: tells(9)},
		}})
		time.Sleep(interval / 2)
		if r := p.Roles(); r != nil {
			t.Errorf("before the log has begun: %v", r)
		}
		for _, want := range []uint64{1, 4, 4, 5, 5} {
			time.Sleep(interval)
			if r := p.Roles(); r.GetEpoch() != want || r.GetActive() != "node-a" {
				t.Errorf("got %v, want epoch %d", r, want)
			}
		}
	})
}

// TestHeard: what cosigners answer about the leader is passed on, with how long that takes as a
// rule, and so is that they do not answer.
func TestHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		heard := map[string][]lead.Ping{}
		answer := func(ctx context.Context, n int) (*cosignerv1.PingResponse, error) {
			if n == 2 {
				return down(ctx, n)
			}
			time.Sleep(time.Duration(n+1) * 10 * time.Millisecond)
			return &cosignerv1.PingResponse{Leader: "cosigner-2", Term: 7}, nil
		}
		startPinger(t, agent.PingerConfig{
			Peers: []agent.Peer{{Name: "cosigner-1", Role: cluster.Cosigner, Client: &pinged{answer: answer}},
				{Name: "node-b", Role: cluster.Node, Client: &pinged{answer: answer}}},
			Heard: func(cosigner string, p lead.Ping, _ time.Time) {
				mu.Lock()
				defer mu.Unlock()
				heard[cosigner] = append(heard[cosigner], p)
			},
		})
		time.Sleep(2*interval + interval/2)
		mu.Lock()
		defer mu.Unlock()
		want := []lead.Ping{{RTT: 10 * time.Millisecond, Leader: "cosigner-2", Term: 7},
			{RTT: 15 * time.Millisecond, Leader: "cosigner-2", Term: 7}, {Lost: true, RTT: 15 * time.Millisecond}}
		if len(heard) != 1 || !slices.Equal(heard["cosigner-1"], want) {
			t.Errorf("heard %+v, want %+v", heard, want)
		}
	})
}

// TestNudge: cosigners are pinged at once, others are not; not more often than is brisk, and never
// twice at once.
func TestNudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		quick, stuck, other := &pinged{answer: well}, &pinged{answer: hung}, &pinged{answer: well}
		p := startPinger(t, agent.PingerConfig{Peers: []agent.Peer{
			{Name: "cosigner-1", Role: cluster.Cosigner, Client: quick},
			{Name: "cosigner-2", Role: cluster.Cosigner, Client: stuck},
			{Name: "node-b", Role: cluster.Node, Client: other},
		}})
		const ms = time.Millisecond
		for _, wait := range []time.Duration{250 * ms, ms, ms, lead.Brisk - 2*ms} {
			time.Sleep(wait)
			p.Nudge()
		}
		time.Sleep(interval - time.Since(start) - ms)
		if got := quick.after(start); !slices.Equal(got, []time.Duration{0, 250 * ms, 250*ms + lead.Brisk}) {
			t.Errorf("the quick one was pinged after %v", got)
		}
		if got := stuck.after(start); !slices.Equal(got, []time.Duration{0, timeout}) || stuck.together() != 1 {
			t.Errorf("the hung one was pinged after %v", got)
		}
		if got := other.after(start); len(got) != 1 {
			t.Errorf("the other node was pinged after %v", got)
		}
	})
}

// TestBrisk: while it is in doubt who leads, cosigners are pinged briskly.
func TestBrisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		cosigner, other := &pinged{answer: well}, &pinged{answer: well}
		startPinger(t, agent.PingerConfig{Peers: []agent.Peer{
			{Name: "cosigner-1", Role: cluster.Cosigner, Client: cosigner}, {Name: "node-b", Role: cluster.Node, Client: other},
		}, Doubts: func() bool { return time.Since(start) < 2*lead.Brisk }})
		time.Sleep(interval + interval/2)
		if got := cosigner.after(start); !slices.Equal(got, []time.Duration{0, lead.Brisk, 2 * lead.Brisk, interval}) {
			t.Errorf("the cosigner was pinged after %v", got)
		}
		if got := other.after(start); len(got) != 2 {
			t.Errorf("the other node was pinged after %v", got)
		}
	})
}

// TestPingLog: three losses in a row are worth a line, and so is their end; one is not.
func TestPingLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		startPinger(t, agent.PingerConfig{
			Peers:  []agent.Peer{{Name: "x", Client: &pinged{answer: in(-1, 0, -1, -1, 0, -1, -1, -1, -1, -1, 0)}}},
			Logger: zerolog.New(&log),
		})
		time.Sleep(20 * interval)
		synctest.Wait()
		if s := log.String(); strings.Count(s, "\n") != 2 || !strings.Contains(s, "3 pings in a row") ||
			!strings.Contains(s, "answered again") {
			t.Errorf("logged %q", s)
		}
	})
}

// TestStopWhilePinging: Run waits for its pings, and one that it cut short itself is no loss.
func TestStopWhilePinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		peer := &pinged{answer: hung}
		p := agent.NewPinger(agent.PingerConfig{
			Peers: []agent.Peer{{Name: "x", Client: peer}}, Interval: interval, Timeout: timeout,
			Health:  func(time.Time) *cosignerv1.NodeHealth { return nil },
			Observe: func(_ string, _ time.Duration, err error) { t.Errorf("observed %v", err) },
		})
		time.AfterFunc(timeout/2, cancel)
		p.Run(ctx)
		if peer.atOnce != 0 || p.Reach(time.Now())[0].GetSent() != 0 {
			t.Errorf("%d pings are left, reach is %v", peer.atOnce, p.Reach(time.Now()))
		}
	})
}

// TestPingServer: agents learn how the node is, others nothing.
func TestPingServer(t *testing.T) {
	for _, c := range []struct {
		caller cluster.Member
		known  bool
		want   codes.Code
	}{
		{cluster.Member{Name: "node-b", Role: cluster.Node}, true, codes.OK},
		{cluster.Member{Name: "cosigner-1", Role: cluster.Cosigner}, true, codes.PermissionDenied},
		{cluster.Member{Name: "ops", Role: cluster.Operator}, true, codes.PermissionDenied},
		{cluster.Member{}, false, codes.PermissionDenied},
		{cluster.Member{Role: cluster.Node}, false, codes.PermissionDenied},
	} {
		s := agent.PingServer{
			Caller: func(context.Context) (cluster.Member, bool) { return c.caller, c.known },
			Health: func(time.Time) *cosignerv1.NodeHealth { return &cosignerv1.NodeHealth{ReactorState: "Validate"} },
		}
		told := &hearsay{}
		s.Hearsay = told
		r, err := s.Ping(t.Context(), &cosignerv1.PingRequest{Statements: shown("c1")})
		if c.want == codes.OK && (told.heard["node-b"] != "c1" || string(r.GetStatements()[0].GetText()) != "c2") ||
			c.want != codes.OK && len(told.heard) > 0 {
			t.Errorf("%s %q: heard %v, answered %v", c.caller.Role, c.caller.Name, told.heard, r.GetStatements())
		}
		if status.Code(err) != c.want || (r.GetHealth().GetReactorState() == "Validate") != (c.want == codes.OK) {
			t.Errorf("%s %q: got %v, %v", c.caller.Role, c.caller.Name, r, err)
		}
	}
}

// hearsay is what agents tell each other. It shows a statement whose text is "c2".
type hearsay struct {
	mu    sync.Mutex
	heard map[string]string // text of the last statement, by agent
}

func shown(text string) []*cosignerv1.SignedStatement {
	return []*cosignerv1.SignedStatement{{Text: []byte(text)}}
}

func (*hearsay) ShownToAgents() []*cosignerv1.SignedStatement { return shown("c2") }

func (h *hearsay) HeardAgent(node string, all []*cosignerv1.SignedStatement) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heard == nil {
		h.heard = map[string]string{}
	}
	h.heard[node] = string(all[0].GetText())
}

// TestAgentsTell: agents are pinged with what cosigners stated, and what they answer is heard;
// cosigners are not by this.
func TestAgentsTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := func(context.Context, int) (*cosignerv1.PingResponse, error) {
			return &cosignerv1.PingResponse{Statements: shown("c1")}, nil
		}
		node, cosigner := &pinged{answer: peer}, &pinged{answer: peer}
		told := &hearsay{}
		startPinger(t, agent.PingerConfig{Hearsay: told, Peers: []agent.Peer{
			{Name: "cosigner-1", Role: cluster.Cosigner, Client: cosigner}, {Name: "node-b", Role: cluster.Node, Client: node}}})
		synctest.Wait()
		told.mu.Lock()
		defer told.mu.Unlock()
		if len(told.heard) != 1 || told.heard["node-b"] != "c1" {
			t.Errorf("heard %v", told.heard)
		}
		if len(cosigner.last.GetStatements()) > 0 || string(node.last.GetStatements()[0].GetText()) != "c2" {
			t.Errorf("told %v, and the cosigner %v", node.last, cosigner.last)
		}
	})
}
