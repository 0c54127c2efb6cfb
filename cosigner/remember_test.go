package cosigner

import (
	"errors"
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// TestRemembersMore: while somebody is known to remember more than this cosigner does, neither a
// share nor a commitment leaves, for itself as for others, however long the gate has been open.
func TestRemembersMore(t *testing.T) {
	c := newCommittee(t, 2, 3)
	s := c.hosts[0].server
	r, session := ownRequest(t, c, echo(7, 1), echo(7, 1))
	own := ask{caller: s.config.Name, request: r, session: session}
	s.config.Remembers = func() error { return errors.New("an agent remembers more") }
	if _, err := s.share(t.Context(), own); err == nil {
		t.Error("a share left")
	}
	if _, err := s.commit("c2", &cosignerv1.CommitRequest{Count: 1, ShareEpoch: r.GetShareEpoch()}); err == nil {
		t.Error("a commitment left")
	}
	if s.Ready() == nil {
		t.Error("it says that it is ready")
	}
	s.config.Remembers = func() error { return nil }
	if _, err := s.share(t.Context(), own); err != nil {
		t.Errorf("once nobody does: %v", err)
	}
}
