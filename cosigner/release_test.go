package cosigner

import (
	"testing"
	"time"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

// ownRequest is what the first host's Quorum asks its own Server for: a share of claimed, in the
// session over signed.
func ownRequest(t *testing.T, c *committee, claimed, signed casper.Message) (*cosignerv1.ShareRequest, *frost.Session) {
	t.Helper()
	var set []frost.Commitment
	var index uint64
	for i, h := range c.hosts[:2] {
		s := h.server
		fresh, err := s.nonces.issue(c.hosts[0].server.config.Name, s.config.Keyring.Newest(), 1, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if set = append(set, fresh[0].nonce.Commitment()); i == 0 {
			index = fresh[0].index
		}
	}
	s := c.hosts[0].server
	keys := s.config.Keyring.Newest()
	session, err := frost.NewSession(keys.Share.Group(), signed.SignBytes(), set)
	if err != nil {
		t.Fatal(err)
	}
	b, err := claimed.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &cosignerv1.ShareRequest{Term: 1 << 40, ShareEpoch: keys.Epoch, Message: b, Node: "A",
		RequestSignature: testSignature[:], SessionId: s.config.Session[:], CommitmentIndex: index}, session
}

// TestSessionOfOther: a share is of the bytes of the message that is claimed, also for our own
// Quorum, which brings its session along.
func TestSessionOfOther(t *testing.T) {
	c := newCommittee(t, 2, 3)
	s := c.hosts[0].server
	r, session := ownRequest(t, c, echo(7, 1), echo(7, 2))
	if _, err := s.share(t.Context(), ask{s.config.Name, r, session}); err == nil {
		t.Error("a share of bytes that were not claimed left")
	}
	r, session = ownRequest(t, c, echo(7, 1), echo(7, 1))
	if _, err := s.share(t.Context(), ask{s.config.Name, r, session}); err != nil {
		t.Errorf("its own session: %v", err)
	}
}

// TestClaimBeforeNonce: the slot is claimed before the nonce is burnt, so that what the ledger
// refuses uses up none.
func TestClaimBeforeNonce(t *testing.T) {
	c := newCommittee(t, 2, 3)
	s := c.hosts[0].server
	slot, _ := casper.SlotOf(echo(7, 1))
	if err := c.hosts[0].ledger.Claim(slot, digest(9)); err != nil {
		t.Fatal(err)
	}
	r, session := ownRequest(t, c, echo(7, 1), echo(7, 1))
	if _, err := s.share(t.Context(), ask{s.config.Name, r, session}); err == nil {
		t.Fatal("a share of a conflicting slot left")
	}
	if _, ok := s.nonces.take(recipient{s.config.Name, s.config.Keyring.Newest().Epoch}, r.GetCommitmentIndex(),
		time.Now()); !ok {
		t.Error("the nonce is burnt, and the ledger had refused")
	}
}
