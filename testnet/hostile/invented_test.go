package hostile

import (
	"context"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/rule/witness"
	"casper-cosigner/testnet"
)

// far is more than any honest member states.
const far = 1 << 40

// invented is a statement of a cosigner that nobody made, signed by the key.
func (n *Node) invented(key ed25519.PrivateKey, of string, cluster witness.ID) *cosignerv1.SignedStatement {
	return wire.Statement(witness.Sign(key, witness.Statement{Validator: n.Cluster.Validator, Cluster: cluster, Name: of,
		Directory: witness.ID{1}, Boot: far, Session: witness.ID{2}, Term: far, Applied: far, Resets: far,
		Newest: watermark.Mark{Era: far, Height: far}, Round: 1 << 20}))
}

// stranger is a key that is nobody's.
func stranger() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// haunt pings all cosigners with statements, over and over, as long as the test runs.
func (r *rig) haunt(n *Node, statements []*cosignerv1.SignedStatement) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	r.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for testnet.Pause(ctx, 50*time.Millisecond) == nil {
			for _, name := range r.names {
				once, end := context.WithTimeout(ctx, time.Second)
				_, _ = n.Ping(once, name, &cosignerv1.PingRequest{Health: &cosignerv1.NodeHealth{}, Statements: statements})
				end() // who is down is pinged again
			}
		}
	}()
}

// TestInventedStatements: a hostile agent shows statements of eras that nobody signed, in the name
// of every cosigner and of the cosigners of another cluster. Nobody is kept down by that, also not
// from starting again.
func TestInventedStatements(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.stop(testnet.Standby)
	n := r.node(testnet.Standby)
	var all []*cosignerv1.SignedStatement
	for _, name := range r.names {
		all = append(all, n.invented(stranger(), name, witness.ID(n.Cluster.ID)), n.invented(n.Key(), name,
			witness.ID(n.Cluster.ID)), n.invented(stranger(), name, witness.ID{3}))
	}
	r.haunt(n, all)
	r.signSome(2)
	r.stop(r.names...)
	r.start(r.names...)
	r.ready()
	r.signSome(4)
	r.sound(r.names...)
}

// TestStolenKeyIsOneVoice: whoever holds one cosigner's key states with it what he likes, in that
// one's name and in the others'. It counts as one of them, which is fewer than a threshold.
func TestStolenKeyIsOneVoice(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.signSome(2)
	r.stop(testnet.Standby)
	c, n := r.takeOver("c3"), r.node(testnet.Standby)
	var all []*cosignerv1.SignedStatement
	for _, name := range r.names {
		all = append(all, n.invented(c.Key(), name, witness.ID(n.Cluster.ID)), n.invented(c.Key(), name, witness.ID{3}))
	}
	r.haunt(n, all)
	r.signSome(2)
	honest := r.names[:2]
	r.stop(honest...)
	r.start(honest...)
	r.signSome(4)
	r.sound(honest...)
	if !slices.ContainsFunc(r.heard(n, "c1"), func(s witness.Signed) bool { return s.Name == "c3" && s.Applied == far }) {
		t.Error("c1 never took in what c3's key signed: the test proves nothing")
	}
}

// heard returns what a cosigner tells of all statements that it knows.
func (r *rig) heard(n *Node, from string) []witness.Signed {
	r.t.Helper()
	answer, err := n.Ping(r.t.Context(), from, &cosignerv1.PingRequest{Health: &cosignerv1.NodeHealth{}})
	if err != nil {
		r.t.Fatal(err)
	}
	return wire.ReadStatements(answer.GetStatements())
}
