package peer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

// rooms stands for what a Server passes on to.
type rooms struct {
	fails error
	mu    sync.Mutex
	kept  map[casper.Hash]casper.Signature
}

func (r *rooms) Barrier(context.Context) (uint64, error) { return 42, r.fails }

func (r *rooms) Keep(d casper.Hash, s casper.Signature) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[d] = s
}

func (r *rooms) Reports() *cosignerv1.GatherResponse {
	return &cosignerv1.GatherResponse{ListeningMs: 7}
}

func TestServer(t *testing.T) {
	r := &rooms{kept: map[casper.Hash]casper.Signature{}}
	s := &Server{Log: r, Signatures: r, Reports: r}
	if b, err := s.Barrier(t.Context(), &cosignerv1.BarrierRequest{}); err != nil || b.GetIndex() != 42 {
		t.Errorf("barrier %v, %v; want 42", b, err)
	}
	r.fails = errors.New("this cosigner does not lead")
	_, err := s.Barrier(t.Context(), &cosignerv1.BarrierRequest{})
	wantCode(t, "a barrier of one that does not lead", err, codes.Unavailable)
	if g, err := s.Gather(t.Context(), &cosignerv1.GatherRequest{}); err != nil || g.GetListeningMs() != 7 {
		t.Errorf("got %v, %v; want the reports", g, err)
	}
	for _, size := range [][2]int{{31, 64}, {32, 63}, {0, 0}} {
		_, err := s.Keep(t.Context(), &cosignerv1.KeepRequest{Signatures: []*cosignerv1.KeptSignature{
			{Digest: make([]byte, size[0]), Signature: make([]byte, size[1])},
		}})
		wantCode(t, "wrong size", err, codes.InvalidArgument)
	}
	digest, signature := casper.Hash{1}, casper.Signature{2}
	_, err = s.Keep(t.Context(), &cosignerv1.KeepRequest{Signatures: []*cosignerv1.KeptSignature{
		{Digest: digest[:], Signature: signature[:]}}})
	if err != nil || len(r.kept) != 1 || r.kept[digest] != signature {
		t.Errorf("kept %v, %v", r.kept, err)
	}
}

// fake is another cosigner.
type fake struct {
	cosignerv1.PeerServiceClient
	index uint64
	err   error
	hung  bool
	calls int // of Keep
	rooms
}

func (f *fake) Barrier(context.Context, *cosignerv1.BarrierRequest, ...grpc.CallOption) (*cosignerv1.BarrierResponse,
	error) {
	return &cosignerv1.BarrierResponse{Index: f.index}, f.err
}

func (f *fake) Keep(ctx context.Context, r *cosignerv1.KeepRequest, _ ...grpc.CallOption) (*cosignerv1.KeepResponse,
	error) {
	if f.hung {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	f.mu.Lock()
	f.calls++
	f.mu.Unlock()
	return (&Server{Signatures: &f.rooms}).Keep(ctx, r)
}

// TestBarriers: whoever leads is asked, this cosigner's own log if that does.
func TestBarriers(t *testing.T) {
	leader := ""
	b := &Barriers{Name: "c1", Log: &rooms{}, Leader: func() string { return leader },
		Others: map[string]cosignerv1.PeerServiceClient{"c2": &fake{index: 7}, "c3": &fake{err: errNoWrite}}}
	for name, want := range map[string]uint64{"c1": 42, "c2": 7, "c3": 0, "c4": 0, "": 0} {
		leader = name
		if index, err := b.Barrier(t.Context()); index != want || (err == nil) != (want > 0) {
			t.Errorf("while %q leads: %d, %v; want %d", name, index, err, want)
		}
	}
}

// TestSpread: one that hangs keeps no signature from another.
func TestSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		well, hung := &fake{rooms: rooms{kept: map[casper.Hash]casper.Signature{}}}, &fake{hung: true}
		s := NewSpread(map[string]cosignerv1.PeerServiceClient{"c2": hung, "c3": well})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		for i := range 1000 { // more than wait for the hung one
			s.Offer(casper.Hash{byte(i), byte(i >> 8)}, casper.Signature{byte(i)})
			if i%100 == 99 {
				time.Sleep(spreadPause)
				synctest.Wait()
			}
		}
		well.mu.Lock()
		if len(well.kept) != 1000 || well.kept[casper.Hash{5}] != (casper.Signature{5}) {
			t.Errorf("%d signatures kept, want 1000", len(well.kept))
		}
		well.mu.Unlock()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestSpreadTogether: signatures that are finished one after the other do not cost a call each, and
// the last one does not wait for a next.
func TestSpreadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		well := &fake{rooms: rooms{kept: map[casper.Hash]casper.Signature{}}}
		s := NewSpread(map[string]cosignerv1.PeerServiceClient{"c2": well})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		for i := range 100 {
			s.Offer(casper.Hash{byte(i)}, casper.Signature{})
			time.Sleep(spreadPause / 4)
		}
		time.Sleep(spreadPause)
		synctest.Wait()
		well.mu.Lock()
		if len(well.kept) != 100 || well.calls > 30 {
			t.Errorf("%d signatures kept after %d calls, want 100 after at most 30", len(well.kept), well.calls)
		}
		well.mu.Unlock()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
