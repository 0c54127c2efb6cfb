package daemon_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"filippo.io/age"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/keygen"
	"casper-cosigner/peer"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/statedir"
)

// thief has taken over a cosigner: it has its key, its share and its state, calls the others in its
// name, and gives its own share for anything.
type thief struct {
	*local
	name  string
	share *frost.KeyShare
	calls *peer.Admission
	term  uint64 // the newest that it knows
}

// presence is what a thief shows: the next start of its directory, with more applied than anybody
// saw.
type presence struct {
	dir   *statedir.Dir
	index uint64
}

func (p presence) Presence() statedir.Presence { return p.dir.Presence(p.index, p.index) }

func (presence) Seen(string) (statedir.Sighting, bool) { return statedir.Sighting{}, false }

func (presence) Admit(string, statedir.Presence, statedir.Sighting) error { return nil }

// takeOver stops a cosigner and makes a thief of it.
func (l *local) takeOver(name string) *thief {
	l.t.Helper()
	was := l.status(name)
	_ = l.stop(name)
	dir, err := statedir.Open(filepath.Join(l.path, name, "state"))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { dir.Close() })
	return &thief{
		local: l, name: name, share: l.openShare(name),
		calls: peer.New(name, nil, presence{dir, was.GetAppliedIndex() + 1000}),
	}
}

func (l *local) openShare(name string) *frost.KeyShare {
	l.t.Helper()
	read := func(file string) *os.File {
		f, err := os.Open(filepath.Join(l.path, name, file))
		if err != nil {
			l.t.Fatal(err)
		}
		l.t.Cleanup(func() { f.Close() })
		return f
	}
	identities, err := age.ParseIdentities(read("share.identity"))
	if err != nil {
		l.t.Fatal(err)
	}
	file, err := keygen.OpenShare(read("share.age"), identities...)
	if err != nil {
		l.t.Fatal(err)
	}
	share, err := file.KeyShare()
	if err != nil {
		l.t.Fatal(err)
	}
	return share
}

// sign makes a signature of what the node asked for, with the share of one other cosigner. Its
// error is that one's refusal.
func (h *thief) sign(victim, node string, m casper.Message) (casper.Signature, error) {
	h.t.Helper()
	entry, _ := h.File.Cosigner(victim)
	conn, err := h.File.Dial(h.Certificates[h.name], victim, entry.Address, h.calls.DialOptions(victim)...)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	client, group := cosignerv1.NewCosignerServiceClient(conn), h.share.Group()
	ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Second)
	defer cancel()

	theirs, err := client.Commit(ctx, &cosignerv1.CommitRequest{Count: 1, ShareEpoch: 1})
	if err != nil {
		h.t.Fatal(err)
	}
	given := theirs.GetCommitments()[0]
	nonce, err := h.share.Commit(rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	their, err := frost.ParseEighths(group, entry.Share, given.GetHidingEighth(), given.GetBindingEighth())
	if err != nil {
		h.t.Fatal(err)
	}
	set := []frost.Commitment{nonce.Commitment(), their}
	slices.SortFunc(set, func(a, b frost.Commitment) int { return a.ID - b.ID })
	session, err := frost.NewSession(group, m.SignBytes(), set)
	if err != nil {
		h.t.Fatal(err)
	}
	message, err := m.AppendBinary(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	asked := h.Request(h.t, node, m)
	request := &cosignerv1.ShareRequest{Term: h.term, Index: 1, ShareEpoch: 1, Message: message, Node: node,
		RequestSignature: asked[:], SessionId: theirs.GetSessionId(), CommitmentIndex: given.GetIndex()}
	for _, c := range set {
		e, _ := c.Eighths()
		if c.ID == entry.Share {
			e = frost.Eighths{Hiding: [32]byte(given.GetHidingEighth()), Binding: [32]byte(given.GetBindingEighth())}
		}
		request.Signers = append(request.Signers, &cosignerv1.SignerCommitment{ShareId: uint32(c.ID),
			HidingEighth: e.Hiding[:], BindingEighth: e.Binding[:]})
	}
	answer, err := client.Share(ctx, request)
	if err != nil {
		return casper.Signature{}, err
	}
	own, err := h.share.Sign(nonce, session)
	if err != nil {
		h.t.Fatal(err)
	}
	signature, err := session.Aggregate(map[int][32]byte{h.share.ID(): own, entry.Share: [32]byte(answer.GetShare())})
	if err != nil {
		h.t.Fatal(err)
	}
	return signature, nil
}

// TestCompromisedFollower: two sound nodes ask for different values of one slot, and a cosigner
// that was taken over has the requests of both. It asks one sound cosigner for a share of the one
// value, and the other for a share of the other, and adds its own. It gets none, not even of what
// the log holds: it does not lead, and nobody's nonce is used for it.
func TestCompromisedFollower(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	leader := l.leader()
	follower, taken := others(leader)[0], others(leader)[1]
	for _, name := range all[:3] {
		l.waitReady(name)
	}
	h := l.takeOver(taken)
	h.term = l.status(leader).GetTerm() // in which another one leads
	one, other := echo(1, 1, 1), echo(1, 1, 2)

	signed := map[casper.Message]bool{}
	try := func(victim, node string, m casper.Message) {
		t.Helper()
		signature, err := h.sign(victim, node, m)
		if err == nil && l.validator.Verify(m, signature) {
			signed[m] = true
			t.Logf("%s gave its share of %v", victim, m)
		} else {
			t.Logf("%s: %v", victim, err)
		}
	}
	// Nobody has claimed the slot.
	try(leader, "node-a", one)
	try(follower, "node-b", other)
	if len(signed) > 0 {
		t.Errorf("signed, and the log holds neither: %v", signed)
	}
	// The log gets one, by the leader and the follower.
	l.mustSign(a, one)
	signed[one] = true
	for _, victim := range []string{leader, follower} {
		try(victim, "node-b", other)
		for node, m := range map[string]casper.Message{"node-a": one, "node-b": other} {
			if _, err := h.sign(victim, node, m); status.Code(err) != codes.Aborted {
				t.Errorf("%s: got %v, want the refusal of who does not lead", victim, err)
			}
		}
		try(victim, "node-a", one)
	}
	if len(signed) != 1 {
		t.Errorf("%d values of one slot are signed", len(signed))
	}
}
