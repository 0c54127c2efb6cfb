package testnet

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

const (
	hostileAtOnce   = 64 // requests
	hostilePatience = 250 * time.Millisecond
	mostResident    = 64 << 20 // bytes, of each cosigner
	mainEvery       = 20 * time.Millisecond
)

// unanswered says nothing: time was up.
var unanswered = []string{codes.DeadlineExceeded.String(), codes.Unavailable.String(), codes.Canceled.String()}

// hostile is whoever stole the standby's key: it calls the cosigners without an agent.
type hostile struct {
	t      *testing.T
	rig    *rig
	member daemon.Host
	main   daemon.Host // for requests of the main that it got hold of
	leader *grpc.ClientConn
}

func newHostile(r *rig) *hostile {
	r.t.Helper()
	h := &hostile{t: r.t, rig: r, member: readMember(r, Standby), main: readMember(r, Main)}
	c, _ := h.member.Cluster.Cosigner(r.ready().Name)
	var err error
	if h.leader, err = h.member.Cluster.Dial(h.member.Certificate, c.Name, c.Address); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { h.leader.Close() })
	return h
}

func readMember(r *rig, node string) daemon.Host {
	r.t.Helper()
	f, err := daemon.ReadAgentFile(filepath.Join(r.Dir, node, "agent.toml"))
	if err != nil {
		r.t.Fatal(err)
	}
	m, err := f.Host()
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// request is one as the standby's agent would send it.
func (h *hostile) request(m casper.Message) *cosignerv1.SignRequest {
	return signedBy(h.t, h.member, m)
}

func signedBy(t *testing.T, by daemon.Host, m casper.Message) *cosignerv1.SignRequest {
	t.Helper()
	const askedAt = 1 // these logs are short
	old, err := by.Cluster.SignRequest(by.Key(), by.Name, m, 0)
	if err != nil {
		t.Fatal(err)
	}
	dated, err := by.Cluster.SignRequest(by.Key(), by.Name, m, askedAt)
	if err != nil {
		t.Fatal(err)
	}
	r := wire.Request(m)
	r.Node, r.RequestSignature, r.AskedAt, r.DatedSignature = by.Name, old[:], askedAt, dated[:]
	return r
}

// signedAs gives the request the signatures of another one.
func signedAs(r, other *cosignerv1.SignRequest) *cosignerv1.SignRequest {
	r.RequestSignature, r.DatedSignature = other.RequestSignature, other.DatedSignature
	return r
}

// send returns what the leader says: "signed", "bound", a reason, or the name of a gRPC status.
func (h *hostile) send(r *cosignerv1.SignRequest) string {
	ctx, cancel := context.WithTimeout(h.t.Context(), hostilePatience)
	defer cancel()
	response, err := cosignerv1.NewSignerServiceClient(h.leader).Sign(ctx, r)
	var a Answer
	if err != nil {
		a.unknown(err)
		return a.Reason
	}
	a.read(response)
	if m, err := wire.Message(r); err == nil {
		h.rig.witness.note(m, a)
	}
	if a.Kind == Signed || a.Kind == Bound {
		return string(a.Kind)
	}
	return a.Reason
}

// flood sends what next returns until that is nil or ctx ends, and counts the answers.
func (h *hostile) flood(ctx context.Context, next func(i int) casper.Message) map[string]int {
	answers := map[string]int{}
	var mu sync.Mutex
	var sent atomic.Int64
	var senders sync.WaitGroup
	for range hostileAtOnce {
		senders.Go(func() {
			for ctx.Err() == nil {
				m := next(int(sent.Add(1) - 1))
				if m == nil {
					return
				}
				answer := h.send(h.request(m))
				mu.Lock()
				answers[answer]++
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	return answers
}

// TestHostileNodes: a registered node asks for whatever could move a mark, fill memory, or take the
// main's slots. It is refused, and the main gets a signature of each of its own requests meanwhile.
func TestHostileNodes(t *testing.T) {
	const era, walked, ahead, instances = 0, 10_000, 5_000, 1_000
	r := newRig(t, Settings{MinEra: time.Hour, MinBlock: time.Second})
	h := newHostile(r)
	free := freeRounds(era)
	r.until(r.a, free.Next())
	own := free.Round

	h.sendForged(own)
	h.floodBeside(free, "eras walked one by one", []string{"TOO_FAR_AHEAD", "NOT_PREFERRED"}, func(i int) casper.Message {
		return until(i, walked, casper.Vote{Round: inRound(own, uint64(i)+1, 0)})
	})
	h.floodBeside(free, "rounds ahead, the last first", []string{"NOT_PREFERRED"}, func(i int) casper.Message {
		return until(i, ahead, casper.Vote{Round: inRound(own, era, uint32(watermark.MaxRounds-1-i))})
	})
	h.floodBeside(free, "instances of one era", []string{"OTHER_INSTANCE", string(Signed)}, func(i int) casper.Message {
		m := casper.Vote{Round: inRound(own, era, 0)}
		m.KeyBlock = madeUpHash(era, uint64(i)+1)
		return until(i, instances, m)
	})

	handshake := recordedHandshake(t)
	h.floodBeside(free, "handshakes", []string{"TLS_POINT"}, func(int) casper.Message { return handshake })

	for _, m := range []casper.Message{ // what it asked for is still free
		casper.Vote{Round: inRound(own, era, watermark.MaxRounds-1), Value: true},
		casper.Vote{Round: inRound(own, 1, 0), Value: true},
		MadeUpFinality(testChain, era, 1),
	} {
		if a := r.until(r.a, m); a.Kind != Signed {
			t.Errorf("the main's %v was answered with %s", m, a.Kind)
		}
	}
	for _, p := range r.Cosigners {
		used, err := UsageOf(p.PID())
		if err != nil || used.Resident > mostResident {
			t.Errorf("%s: %d MB resident, want at most %d; %v", p.Name, used.Resident>>20, mostResident>>20, err)
		}
		t.Logf("%s: %d MB resident", p.Name, used.Resident>>20)
	}
	if ended := r.Restarts(); len(ended) > 0 {
		t.Errorf("processes ended: %q", ended)
	}
}

func inRound(r casper.Round, era uint64, round uint32) casper.Round {
	r.Era, r.ID = era, round
	return r
}

func until(i, end int, m casper.Message) casper.Message {
	if i >= end {
		return nil
	}
	return m
}

// floodBeside floods for a second at most, while the main asks for one free slot after the other.
func (h *hostile) floodBeside(free *MadeUp, name string, right []string, next func(int) casper.Message) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Second)
	defer cancel()
	var main Latencies
	var asking sync.WaitGroup
	asking.Go(func() {
		for ctx.Err() == nil {
			m, start := free.Next(), time.Now()
			if a := h.rig.until(h.rig.a, m); a.Kind != Signed {
				h.t.Errorf("%s: the main's %v was answered with %s", name, m, a.Kind)
			}
			main = append(main, time.Since(start))
			Pause(ctx, mainEvery) //nolint:errcheck // the loop asks the same
		}
	})
	answers := h.flood(ctx, next)
	cancel()
	asking.Wait()
	h.t.Logf("%s: %v; the main: %d signed, p50 %s, max %s",
		name, answers, len(main), Millis(main.Quantile(0.5)), Millis(main.Max()))
	none, all := 0, 0
	for answer, n := range answers {
		all += n
		switch {
		case slices.Contains(unanswered, answer):
			none += n
		case !slices.Contains(right, answer):
			h.t.Errorf("%s: %d were answered with %s", name, n, answer)
		}
	}
	if none > all/2 {
		h.t.Errorf("%s: %d of %d were not refused, only left waiting", name, none, all)
	}
	if answers[string(Signed)] > 1 {
		h.t.Errorf("%s: %d were signed", name, answers[string(Signed)])
	}
}

// sendForged sends one of each kind of request that no agent would send.
func (h *hostile) sendForged(own casper.Round) {
	h.t.Helper()
	vote := casper.Vote{Round: own}
	finality := func(height uint64, chain string) casper.Message { return MadeUpFinality(chain, own.Era, height) }
	edited := func(m casper.Message, edit func(*cosignerv1.SignRequest)) *cosignerv1.SignRequest {
		r := h.request(m)
		edit(r)
		return r
	}
	// A digest can be sent only as a field that nobody knows: no message of the API has a
	// place for it.
	digest := protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), make([]byte, 32))
	for _, c := range []struct {
		name    string
		request *cosignerv1.SignRequest
		want    string
	}{
		{"the last height", h.request(finality(math.MaxUint64, testChain)), "TOO_FAR_AHEAD"},
		{"era 2^63", h.request(casper.Vote{Round: inRound(own, 1<<63, 0)}), "TOO_FAR_AHEAD"},
		{"the last round", h.request(casper.Vote{Round: inRound(own, own.Era, math.MaxUint32)}), "TOO_FAR_AHEAD"},
		{"another chain", h.request(finality(0, "another")), "UNSUPPORTED"},
		{"its key, the main's name", edited(vote, func(r *cosignerv1.SignRequest) { r.Node = Main }), "PermissionDenied"},
		{"the main's own request", signedBy(h.t, h.main, vote), "PermissionDenied"},
		{"the main's signature", signedAs(h.request(vote), signedBy(h.t, h.main, vote)), "BAD_REQUEST_SIGNATURE"},
		{"a signature of another value", signedAs(h.request(vote), h.request(Other(vote))), "BAD_REQUEST_SIGNATURE"},
		{"another date", edited(vote, func(r *cosignerv1.SignRequest) { r.AskedAt++ }), "BAD_REQUEST_SIGNATURE"},
		{"half a signature", edited(vote, func(r *cosignerv1.SignRequest) {
			r.RequestSignature, r.DatedSignature = r.RequestSignature[:32], r.DatedSignature[:32]
		}), "BAD_REQUEST_SIGNATURE"},
		{"passed on, as by a cosigner", edited(vote, func(r *cosignerv1.SignRequest) {
			r.Forwarded = true
		}), "PermissionDenied"},
		{"no message", edited(vote, func(r *cosignerv1.SignRequest) { r.Message = nil }), "MALFORMED"},
		{"an opaque digest", edited(vote, func(r *cosignerv1.SignRequest) {
			r.Message = nil
			r.ProtoReflect().SetUnknown(digest)
		}), "MALFORMED"},
		{"no round", edited(vote, func(r *cosignerv1.SignRequest) { r.GetZugVote().Round = nil }), "MALFORMED"},
		{"a long hash", edited(vote, func(r *cosignerv1.SignRequest) {
			r.GetZugVote().Round.KeyBlockHash = make([]byte, 33)
		}), "MALFORMED"},
		{"an endless hash", edited(vote, func(r *cosignerv1.SignRequest) {
			r.GetZugVote().Round.KeyBlockHash = make([]byte, 2<<20)
		}), "ResourceExhausted"},
		{"bytes that are no point", edited(vote, func(r *cosignerv1.SignRequest) {
			r.Message = wire.Request(casper.Handshake{}).Message
		}), "TLS_POINT"},
	} {
		if got := h.send(c.request); got != c.want {
			h.t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	for method, want := range map[string]codes.Code{
		cosignerv1.SignerService_Sign_FullMethodName:    codes.Internal, // cannot be decoded
		cosignerv1.CosignerService_Share_FullMethodName: codes.Internal,
		cosignerv1.AdminService_Status_FullMethodName:   codes.Unimplemented,
	} {
		if err := h.invoke(method, []byte("\xff\xff no protobuf")); status.Code(err) != want {
			h.t.Errorf("garbage for %s: got %v, want %v", method, err, want)
		}
	}
	if err := h.invoke(cosignerv1.CosignerService_Share_FullMethodName, nil); status.Code(err) != codes.PermissionDenied {
		h.t.Errorf("a share for a node: got %v", err)
	}
}

// invoke calls a method with bytes as they are.
func (h *hostile) invoke(method string, request []byte) error {
	ctx, cancel := context.WithTimeout(h.t.Context(), OtherPatience)
	defer cancel()
	var response []byte
	return h.leader.Invoke(ctx, method, request, &response, grpc.ForceCodec(asItIs{}))
}

// asItIs is a codec that encodes nothing.
type asItIs struct{}

func (asItIs) Marshal(v any) ([]byte, error) { return v.([]byte), nil }

func (asItIs) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = slices.Clone(b)
	return nil
}

func (asItIs) Name() string { return "proto" }
