package agent_test

import (
	"context"
	"crypto/ed25519"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/agent"
	"casper-cosigner/cluster/clustertest"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/lead"
	"casper-cosigner/rule/wire"
)

// fake is a cosigner that answers as told.
type fake struct {
	name  string
	key   ed25519.PrivateKey // the validator's
	asked int
	last  *cosignerv1.SignRequest
	err   error
	hang  bool
	knows string // who decided
	no    bool   // refuses
	// answers is what it answers instead; may be nil
	answers func(*cosignerv1.SignRequest) *cosignerv1.SignResponse
}

func (f *fake) Sign(ctx context.Context, r *cosignerv1.SignRequest, _ ...grpc.CallOption) (*cosignerv1.SignResponse,
	error) {
	f.asked++
	f.last = r
	if f.hang {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	if f.err != nil {
		return nil, f.err
	}
	if f.answers != nil {
		return f.answers(r), nil
	}
	if f.no {
		return no(f.knows, cosignerv1.RefusalReason_REFUSAL_REASON_UNSPECIFIED), nil
	}
	return signed(f.key, r, f.knows), nil
}

func (f *fake) RegisterTLSPoint(context.Context, *cosignerv1.RegisterTLSPointRequest,
	...grpc.CallOption) (*cosignerv1.RegisterTLSPointResponse, error) {
	f.asked++
	return &cosignerv1.RegisterTLSPointResponse{}, f.err
}

type rig struct {
	*agent.Agent
	cluster   *clustertest.Cluster
	cosigners []*fake
	steady    bool
	key       ed25519.PrivateKey // the validator's
	position  atomic.Uint64      // how far the log is known to be, 0 if nothing is
	nudges    atomic.Int32
	told      []told
	lied      []string
}

func newRig(t *testing.T) *rig {
	public, validator, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{steady: true, key: validator, cluster: clustertest.New(t, casper.PublicKey(public), nil)}
	r.position.Store(7)
	f, key := r.cluster.File, r.cluster.Keys["node-a"]
	c := agent.Config{Name: "node-a", Validator: f.Validator,
		SignRequest: func(m casper.Message, at uint64) ([64]byte, error) { return f.SignRequest(key, "node-a", m, at) },
		SignRegistration: func(point casper.TLSPoint, at uint64) [64]byte {
			return f.SignRegistration(key, "node-a", point, at)
		},
		Position: func() (uint64, bool) { p := r.position.Load(); return p, p > 0 },
		Lied:     func(name string) { r.lied = append(r.lied, name) },
		Steady:   func() bool { return r.steady }, Nudge: func() { r.nudges.Add(1) },
		Observe: func(string, error, time.Duration) {},
		Asked: func(m casper.Message, answer *cosignerv1.SignResponse) {
			r.told = append(r.told, told{m, answer != nil})
		}}
	for _, e := range r.cluster.File.Cosigners {
		f := &fake{name: e.Name, key: validator, knows: "cosigner-1"}
		r.cosigners = append(r.cosigners, f)
		c.Cosigners = append(c.Cosigners, agent.Cosigner{Name: e.Name, Client: f})
	}
	r.Agent = agent.New(c)
	return r
}

func (r *rig) asked() (n [3]int) {
	for i, c := range r.cosigners {
		n[i] = c.asked
		c.asked = 0
	}
	return n
}

var vote = casper.Vote{Round: casper.Round{Era: 3, ID: 4}, Value: true}

// TestSignsRequest: what leaves is signed by the node's key, under the node's name, whatever the
// socket's client wrote.
func TestSignsRequest(t *testing.T) {
	r := newRig(t)
	request := wire.Request(vote)
	request.Node, request.Forwarded, request.RequestSignature = "node-b", true, []byte("forged")
	if _, err := r.Sign(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	sent := r.cosigners[0].last
	if sent.GetNode() != "node-a" || sent.GetForwarded() {
		t.Errorf("sent for node %q, forwarded %v", sent.GetNode(), sent.GetForwarded())
	}
	verify := r.cluster.File.Verifier().VerifyRequest
	if err := verify("node-a", vote, 0, [64]byte(sent.GetRequestSignature())); err != nil {
		t.Error(err)
	}
	if err := verify("node-a", vote, 7, [64]byte(sent.GetDatedSignature())); err != nil || sent.GetAskedAt() != 7 {
		t.Errorf("asked at %d: %v", sent.GetAskedAt(), err)
	}
}

// TestMalformed: what cannot be read is refused here and goes nowhere.
func TestMalformed(t *testing.T) {
	r := newRig(t)
	short := wire.Request(vote)
	short.GetZugVote().Round.ChainspecHash = []byte{1}
	for _, request := range []*cosignerv1.SignRequest{{}, short} {
		answer, err := r.Sign(t.Context(), request)
		if err != nil || answer.GetRefused().GetReason() != cosignerv1.RefusalReason_REFUSAL_REASON_MALFORMED {
			t.Errorf("got %v, %v", answer, err)
		}
	}
	if n := r.asked(); n != [3]int{} {
		t.Errorf("cosigners were asked %v times", n)
	}
}

// TestFollowsLeader: the cosigner that decided is asked first from then on; one that is gone is
// passed over at once.
func TestFollowsLeader(t *testing.T) {
	r := newRig(t)
	sign := func() error { _, err := r.Sign(t.Context(), wire.Request(vote)); return err }
	r.cosigners[0].knows = "cosigner-3"
	r.cosigners[2].knows = "cosigner-3"
	for range 2 {
		if err := sign(); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.asked(); n != [3]int{1, 0, 1} {
		t.Errorf("asked %v, want the decider second", n)
	}
	r.cosigners[2].err = status.Error(codes.Unavailable, "gone")
	r.cosigners[0].knows = "cosigner-1"
	if err := sign(); err != nil {
		t.Fatal(err)
	}
	if n := r.asked(); n != [3]int{1, 0, 1} {
		t.Errorf("asked %v, want one try each until one answers", n)
	}
	r.cosigners[0].err = status.Error(codes.Unavailable, "gone")
	r.cosigners[1].knows = ""
	for _, want := range [][3]int{{1, 1, 0}, {0, 1, 0}} {
		if err := sign(); err != nil {
			t.Fatal(err)
		}
		if n := r.asked(); n != want {
			t.Errorf("asked %v, want %v: nobody begins with one that could do nothing", n, want)
		}
	}
	for _, c := range r.cosigners {
		c.err = status.Error(codes.Unavailable, "no leader")
	}
	if err := sign(); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want Unavailable", err)
	}
	if n := r.asked(); n != [3]int{1, 1, 1} {
		t.Errorf("asked %v, want each once", n)
	}
}

// TestDefiniteErrors are not asked about again elsewhere.
func TestDefiniteErrors(t *testing.T) {
	r := newRig(t)
	r.cosigners[0].err = status.Error(codes.PermissionDenied, "not you")
	if _, err := r.Sign(t.Context(), wire.Request(vote)); status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	if n := r.asked(); n != [3]int{1, 0, 0} {
		t.Errorf("asked %v", n)
	}
}

// TestHungCosigner: it costs one request's deadline, and the next request begins elsewhere, if the
// others answer pings and it does not; also where the node's clock is a moment ahead, so that it
// cancels before our own says that its time is over. A node that gives up early says nothing of the
// cosigner. Without pings it costs two.
func TestHungCosigner(t *testing.T) {
	const deadline = 250 * time.Millisecond
	hung, others, all := lead.Ping{}, []int{1, 2}, []int{0, 1, 2}
	for name, c := range map[string]struct {
		cancels time.Duration // the node
		code    codes.Code
		pinged  []int // who answers a ping after each request
		costs   int   // requests
	}{
		"at the deadline":                 {deadline, codes.DeadlineExceeded, others, 1},
		"a moment before":                 {deadline - time.Millisecond, codes.Canceled, others, 1},
		"the node gives up":               {deadline / 2, codes.Canceled, others, 5},
		"it answers pings":                {deadline, codes.DeadlineExceeded, all, 5},
		"it answers pings, a moment late": {deadline - time.Millisecond, codes.Canceled, all, 5},
		"without pings":                   {deadline, codes.DeadlineExceeded, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.cosigners[0].hang, hung.Leader = true, "cosigner-1"
				for range c.costs {
					ctx, cancel := context.WithTimeout(t.Context(), deadline)
					defer cancel()
					if c.cancels < deadline {
						time.AfterFunc(c.cancels, cancel)
					}
					start := time.Now()
					_, err := r.Sign(ctx, wire.Request(vote))
					if status.Code(err) != c.code || time.Since(start) != c.cancels {
						t.Errorf("got %v after %v, want %v after %v", err, time.Since(start), c.code, c.cancels)
					}
					if n := r.asked(); n != [3]int{1, 0, 0} {
						t.Errorf("asked %v", n)
					}
					time.Sleep(time.Millisecond)
					for _, i := range c.pinged {
						r.Pinged(r.cosigners[i].name, hung, time.Now())
					}
				}
				time.Sleep(nodePause)
				want := [3]int{0, 1, 0}
				if c.costs == 5 {
					r.cosigners[0].hang, want = false, [3]int{1, 0, 0}
				}
				if _, err := r.Sign(t.Context(), wire.Request(vote)); err != nil {
					t.Error(err)
				}
				if n := r.asked(); n != want {
					t.Errorf("then it asked %v, want %v", n, want)
				}
			})
		})
	}
}

// TestFallsSilent: whoever can wait for seconds does not wait for a cosigner that is silent while
// others answer, and the pings that tell are asked for in time.
func TestFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cosigners[0].hang, r.cosigners[1].knows = true, "cosigner-2"
		time.AfterFunc(310*time.Millisecond, func() {
			if n := r.nudges.Load(); n != 1 {
				t.Errorf("%d pings were asked for", n)
			}
			r.Pinged("cosigner-3", lead.Ping{}, time.Now())
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		answer, err := r.Sign(ctx, wire.Request(vote))
		if err != nil || answer.GetDecidedBy() != "cosigner-2" || time.Since(start) != 310*time.Millisecond {
			t.Errorf("got %v, %v after %v", answer, err, time.Since(start))
		}
		if n := r.asked(); n != [3]int{1, 1, 0} || len(r.told) != 1 {
			t.Errorf("asked %v, told %v", n, r.told)
		}
		r.cosigners[0].hang, r.cosigners[1].hang = false, true
		time.AfterFunc(time.Second, func() { r.Pinged("cosigner-2", lead.Ping{}, time.Now()) })
		time.AfterFunc(2*time.Second, cancel)
		if _, err := r.Sign(ctx, wire.Request(vote)); status.Code(err) != codes.Canceled {
			t.Errorf("got %v from one that lives and takes long", err)
		}
	})
}

// TestSilentAndNobodyElse: when no other answer could be in time, the node is told so at once.
func TestSilentAndNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cosigners[0].hang = true
		pinged := func() {
			for _, c := range r.cosigners[1:] {
				r.Pinged(c.name, lead.Ping{RTT: 4 * time.Second}, time.Now())
			}
		}
		pinged()
		time.AfterFunc(time.Second, pinged)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := r.Sign(ctx, wire.Request(vote))
		if status.Code(err) != codes.Unavailable || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		if n := r.asked(); n != [3]int{1, 0, 0} {
			t.Errorf("asked %v", n)
		}
	})
}

// TestOutOfTime: another cosigner is asked only if its answer can come in time.
func TestOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fail(codes.Unavailable)
		r.Pinged("cosigner-2", lead.Ping{RTT: 300 * time.Millisecond}, time.Now())
		r.Pinged("cosigner-3", lead.Ping{RTT: 80 * time.Millisecond}, time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		if _, err := r.Sign(ctx, wire.Request(vote)); status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
		if n := r.asked(); n != [3]int{1, 0, 1} {
			t.Errorf("asked %v", n)
		}
	})
}

// TestPaused: after a pause of the agent nothing is passed on, since its node may have given up.
func TestPaused(t *testing.T) {
	r := newRig(t)
	r.steady = false
	if _, err := r.Sign(t.Context(), wire.Request(vote)); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want Unavailable", err)
	}
	if n := r.asked(); n != [3]int{} {
		t.Errorf("asked %v", n)
	}
}

// TestAsked: each request that cosigners were asked for is told of once, with whether one of them
// said anything to it.
func TestAsked(t *testing.T) {
	answered, unanswered := []told{{vote, true}}, []told{{vote, false}}
	for name, c := range map[string]struct {
		prepare func(*rig)
		cancels time.Duration // the node, whose deadline is 250 ms; 0: it does not
		want    []told
	}{
		"signed":        {func(*rig) {}, 0, answered},
		"refused":       {func(r *rig) { r.cosigners[0].no = true }, 0, answered},
		"by the second": {func(r *rig) { r.cosigners[0].err = status.Error(codes.Unavailable, "gone") }, 0, answered},
		"not let in": {func(r *rig) {
			r.cosigners[0].err = status.Error(codes.PermissionDenied, "not you")
		}, 0, unanswered},
		"nobody is there":  {func(r *rig) { r.fail(codes.Unavailable) }, 0, unanswered},
		"all are too late": {func(r *rig) { r.fail(codes.DeadlineExceeded) }, 0, unanswered},
		"hung":             {func(r *rig) { r.cosigners[0].hang = true }, 0, unanswered},
		"at the deadline":  {func(r *rig) { r.cosigners[0].hang = true }, 249 * time.Millisecond, unanswered},
		"withdrawn":        {func(r *rig) { r.cosigners[0].hang = true }, 100 * time.Millisecond, nil},
		"paused":           {func(r *rig) { r.steady = false }, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c.prepare(r)
				ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
				defer cancel()
				if c.cancels > 0 {
					time.AfterFunc(c.cancels, cancel)
				}
				_, _ = r.Sign(ctx, &cosignerv1.SignRequest{})
				_, _ = r.Sign(ctx, wire.Request(vote))
				if !slices.Equal(r.told, c.want) {
					t.Errorf("told %v, want %v", r.told, c.want)
				}
			})
		})
	}
}

func (r *rig) fail(code codes.Code) {
	for _, c := range r.cosigners {
		c.err = status.Error(code, "")
	}
}
