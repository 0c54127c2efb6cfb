package cosigner

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
)

// asking is c1's side of a conversation with c2, made by hand.
type asking struct {
	*committee
	ctx context.Context
}

func newAsking(t *testing.T) asking {
	a := asking{newCommittee(t, 2, 3), context.WithValue(t.Context(), callerKey{}, "c1")}
	a.hosts[1].term.Store(7)
	return a
}

func (a asking) server() *Server { return a.hosts[1].server }

// request is what c1 would send to c2 for a share of m.
func (a asking) request(m casper.Message) *cosignerv1.ShareRequest {
	a.t.Helper()
	theirs, err := a.server().Commit(a.ctx, &cosignerv1.CommitRequest{Count: 1, ShareEpoch: 1})
	if err != nil {
		a.t.Fatal(err)
	}
	ours, err := a.hosts[0].server.commit("c1", &cosignerv1.CommitRequest{Count: 1, ShareEpoch: 1})
	if err != nil {
		a.t.Fatal(err)
	}
	message, err := m.AppendBinary(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	c1, c2 := ours.Commitments[0], theirs.Commitments[0]
	return &cosignerv1.ShareRequest{
		Term: 7, ShareEpoch: 1, Message: message, Node: "A", RequestSignature: testSignature[:],
		SessionId: theirs.SessionId, CommitmentIndex: c2.Index,
		Signers: []*cosignerv1.SignerCommitment{asSigner(1, c1), asSigner(2, c2)},
	}
}

func wantCode(t *testing.T, name string, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("%s: %v (%v), want %v", name, got, err, want)
	}
}

func TestShareRefusals(t *testing.T) {
	a := newAsking(t)
	stranger := t.Context() // or one that was not admitted
	c3 := context.WithValue(t.Context(), callerKey{}, "c3")
	tests := []struct {
		name  string
		ctx   context.Context // nil is c1
		spoil func(r *cosignerv1.ShareRequest)
		want  codes.Code
	}{
		{"no cosigner", stranger, nil, codes.PermissionDenied},
		{"one that follows", c3, nil, codes.Aborted},
		{"other share epoch", nil, func(r *cosignerv1.ShareRequest) { r.ShareEpoch = 2 }, codes.Aborted},
		{"older term", nil, func(r *cosignerv1.ShareRequest) { r.Term = 6 }, codes.Aborted},
		{"no message", nil, func(r *cosignerv1.ShareRequest) { r.Message = nil }, codes.InvalidArgument},
		{"32 opaque bytes", nil, func(r *cosignerv1.ShareRequest) { r.Message = make([]byte, 32) }, codes.InvalidArgument},
		{"message with a byte more", nil, func(r *cosignerv1.ShareRequest) {
			r.Message = append(r.Message, 0)
		}, codes.InvalidArgument},
		{"unknown node", nil, func(r *cosignerv1.ShareRequest) { r.Node = "B" }, codes.Unauthenticated},
		{"not signed by the node", nil, func(r *cosignerv1.ShareRequest) {
			r.RequestSignature = make([]byte, 64)
		}, codes.Unauthenticated},
		{"short request signature", nil, func(r *cosignerv1.ShareRequest) {
			r.RequestSignature = make([]byte, 63)
		}, codes.InvalidArgument},
		{"other session", nil, func(r *cosignerv1.ShareRequest) { r.SessionId = make([]byte, 16) }, codes.NotFound},
		{"no session", nil, func(r *cosignerv1.ShareRequest) { r.SessionId = nil }, codes.InvalidArgument},
		{"unknown commitment", nil, func(r *cosignerv1.ShareRequest) { r.CommitmentIndex += 99 }, codes.NotFound},
		{"without us", nil, func(r *cosignerv1.ShareRequest) { r.Signers[1].ShareId = 3 }, codes.InvalidArgument},
		{"too few signers", nil, func(r *cosignerv1.ShareRequest) { r.Signers = r.Signers[1:] }, codes.InvalidArgument},
		{"unsorted signers", nil, func(r *cosignerv1.ShareRequest) {
			r.Signers[0], r.Signers[1] = r.Signers[1], r.Signers[0]
		}, codes.InvalidArgument},
		{"huge share id", nil, func(r *cosignerv1.ShareRequest) { r.Signers[0].ShareId = 1<<32 - 1 }, codes.InvalidArgument},
	}
	for i, tt := range tests {
		m := echo(100+uint32(i), 1)
		r := a.request(m)
		if tt.spoil != nil {
			tt.spoil(r)
		}
		ctx := a.ctx
		if tt.ctx != nil {
			ctx = tt.ctx
		}
		_, err := a.server().Share(ctx, r)
		wantCode(t, tt.name, err, tt.want)
		slot, _ := casper.SlotOf(m)
		if err := a.hosts[1].ledger.Claim(slot, digest(1)); err != nil {
			t.Errorf("%s: the slot was claimed for a request that was refused: %v", tt.name, err)
		}
	}
	a.hosts[1].set(func(h *host) { h.lead = func() held.Lead { return held.Lead{Name: "c3", Term: 7} } })
	_, err := a.server().Share(c3, a.request(echo(2, 1)))
	wantCode(t, "nonce of another requester", err, codes.NotFound)
	a.hosts[1].set(func(h *host) { h.lead = nil })
	if _, err := a.server().Share(a.ctx, a.request(echo(1, 1))); err != nil {
		t.Errorf("the same request unspoilt: %v", err)
	}
	if n := a.server().Stats(); n.Shares != 1 {
		t.Errorf("%d shares left, want 1", n.Shares)
	}
}

func TestShareOtherChainName(t *testing.T) {
	a := newAsking(t)
	m := finality(100).(casper.Finality)
	m.ChainName = casper.ChainNameHash("casper")
	_, err := a.server().Share(a.ctx, a.request(m))
	wantCode(t, "other chain", err, codes.InvalidArgument)
}

func TestShareBySlot(t *testing.T) {
	a := newAsking(t)
	if _, err := a.server().Share(a.ctx, a.request(echo(1, 1))); err != nil {
		t.Fatal(err)
	}
	if _, err := a.server().Share(a.ctx, a.request(echo(1, 1))); err != nil {
		t.Fatal("a second share of the same message:", err)
	}
	_, err := a.server().Share(a.ctx, a.request(echo(1, 2)))
	wantCode(t, "other value", err, codes.FailedPrecondition)
	_, err = a.server().Share(a.ctx, a.request(finality(99)))
	wantCode(t, "below the floor", err, codes.FailedPrecondition)
	slot, _ := casper.SlotOf(echo(1, 1))
	if _, err := a.hosts[1].ledger.Fill(func(yield func(casper.Slot, casper.Hash) bool) {
		yield(slot, digest(5))
	}); err != nil {
		t.Fatal(err)
	}
	_, err = a.server().Share(a.ctx, a.request(echo(1, 1)))
	wantCode(t, "differs", err, codes.FailedPrecondition)

	r := a.request(echo(2, 1))
	a.hosts[1].ledger.failOnce("sync", unix.EIO, false)
	_, err = a.server().Share(a.ctx, r)
	wantCode(t, "disk error", err, codes.Unavailable)
	if n := a.server().Stats(); n.Shares != 2 || n.Refused != 4 {
		t.Errorf("%+v, want 2 shares and 4 refusals", n)
	}
}

func TestShareBeforeGate(t *testing.T) {
	a := newAsking(t)
	r := a.request(echo(1, 1))
	a.server().gate.Store(false)
	_, err := a.server().Share(a.ctx, r)
	wantCode(t, "share", err, codes.Unavailable)
	_, err = a.server().Commit(a.ctx, &cosignerv1.CommitRequest{Count: 1, ShareEpoch: 1})
	wantCode(t, "commitments", err, codes.Unavailable)
	a.server().openGate()
	if _, err := a.server().Share(a.ctx, r); err != nil {
		t.Fatal("a refusal before the gate burnt the nonce:", err)
	}
}

// TestNonceOnlyOnce asks for many shares with one commitment at once, for two
// messages: one share may leave.
func TestNonceOnlyOnce(t *testing.T) {
	a := newAsking(t)
	r := a.request(handshake(tlsPoint(t), tlsPoint(t), 1))
	other := proto.Clone(r).(*cosignerv1.ShareRequest)
	other.Message, _ = echo(5, 5).AppendBinary(nil)
	var left atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			_, err := a.server().Share(a.ctx, []*cosignerv1.ShareRequest{r, other}[i%2])
			if err == nil {
				left.Add(1)
			} else if status.Code(err) != codes.NotFound {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if left.Load() != 1 {
		t.Fatalf("%d shares left for one nonce", left.Load())
	}
}

func TestNoncePool(t *testing.T) {
	a := newAsking(t)
	resets := uint64(0)
	n, keys := newNonces(func() uint64 { return resets }), a.hosts[1].server.config.Keyring.Newest()
	start := time.Unix(1000, 0)
	first, err := n.issue("c1", keys, maxCommit, start)
	if err != nil {
		t.Fatal(err)
	}
	has := func(who string, w waiting, at time.Time, want bool) {
		t.Helper()
		c, ok := n.commitment(recipient{who, 1}, w.index, at)
		if ok != want || ok && c.Hiding != w.nonce.Commitment().Hiding {
			t.Errorf("nonce %d of %s: %v, want %v", w.index, who, ok, want)
		}
	}
	has("c1", first[0], start, true)
	has("c3", first[0], start, false)
	if _, ok := n.commitment(recipient{"c1", 2}, first[0].index, start); ok {
		t.Error("a nonce is there for shares of another epoch")
	}
	resets++
	has("c1", first[0], start, false)
	if _, ok := n.take(recipient{"c1", 1}, first[0].index, start); ok {
		t.Error("took a nonce of before a reset")
	}
	resets--
	has("c1", first[0], start.Add(nonceLife), true)
	has("c1", first[0], start.Add(nonceLife+1), false)
	if _, ok := n.take(recipient{"c1", 1}, first[1].index, start.Add(nonceLife+1)); ok {
		t.Error("took a nonce that is too old")
	}
	if _, ok := n.take(recipient{"c1", 1}, first[2].index, start); !ok {
		t.Error("a fresh nonce is not there")
	}
	if _, ok := n.take(recipient{"c1", 1}, first[2].index, start); ok {
		t.Error("took a nonce twice")
	}
	for range maxOutstanding / maxCommit { // the other requester's flood drops only its own
		if _, err := n.issue("c3", keys, maxCommit, start); err != nil {
			t.Fatal(err)
		}
	}
	has("c1", first[0], start, true)
	for range maxOutstanding / maxCommit {
		if _, err := n.issue("c1", keys, maxCommit, start); err != nil {
			t.Fatal(err)
		}
	}
	has("c1", first[maxCommit-1], start, false)
	if got := len(n.waiting[recipient{"c1", 1}]); got != maxOutstanding {
		t.Errorf("%d outstanding, want %d", got, maxOutstanding)
	}
	if _, err := n.issue("c1", keys, 1, start.Add(2*nonceLife)); err != nil || len(n.waiting[recipient{"c1", 1}]) != 1 {
		t.Errorf("%d left after their life, %v", len(n.waiting[recipient{"c1", 1}]), err)
	}
}

func TestCommitLimits(t *testing.T) {
	a := newAsking(t)
	for _, count := range []uint32{maxCommit + 1, 1<<32 - 1} {
		_, err := a.server().Commit(a.ctx, &cosignerv1.CommitRequest{Count: count, ShareEpoch: 1})
		wantCode(t, "count", err, codes.InvalidArgument)
	}
	_, err := a.server().Commit(t.Context(), &cosignerv1.CommitRequest{Count: 1, ShareEpoch: 1})
	wantCode(t, "stranger", err, codes.PermissionDenied)
}

// FuzzShare feeds arbitrary requests: no panic, and no share but for messages
// that node A signed.
func FuzzShare(f *testing.F) {
	f.Add([]byte{}, []byte{}, uint64(1), uint32(2))
	f.Fuzz(func(t *testing.T, message, point []byte, index uint64, id uint32) {
		a := newAsking(t)
		r := a.request(echo(1, 1))
		r.Message = message
		r.CommitmentIndex = index
		r.Signers[0].HidingEighth, r.Signers[0].ShareId = point, id
		if index%2 == 0 {
			old(r)
			r.Signers[0].Hiding = point
		}
		if _, err := a.server().Share(a.ctx, r); err == nil && len(point) != 32 {
			t.Fatal("a share for a malformed set")
		}
	})
}
