package cosigner

import (
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/keygen"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// resplit gives a host a process with its share of another split of the same key.
func (c *committee) resplit(i int) {
	c.t.Helper()
	_, others, err := keygen.Split(sha512.Sum512_256([]byte("seed")), c.group.Threshold(), len(c.hosts), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	name := c.hosts[i].name
	k, err := NewKeyring(name, Keys{Epoch: 1, Share: others[c.holders()[name]-1], Holders: c.holders()})
	if err != nil {
		c.t.Fatal(err)
	}
	c.restartWith(i, k)
}

// stageKeyless runs a test in virtual time with a quorum of 2 of 3 that runs; no node is stock. The
// named host is of another split from the start on, if there is one.
func stageKeyless(t *testing.T, apart int, play func(t *testing.T, c *committee, q *Quorum)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 2, 3)
		c.nodes["B"] = false
		if apart >= 0 {
			c.resplit(apart)
		}
		q, stop := c.leadFilled()
		defer stop()
		play(t, c, q)
	})
}

// TestOtherSplit: a cosigner whose share is of another split is told by name before anything is to
// be signed, and asked for no share; the others sign without a failed attempt. Once it has a share
// of theirs it is asked again, within a second or so.
func TestOtherSplit(t *testing.T) {
	stageKeyless(t, -1, func(t *testing.T, c *committee, q *Quorum) {
		c.resplit(2) // while it gave commitments before
		time.Sleep(5 * time.Minute)
		if s := q.Status()[2]; s.Split == nil || s.Ready || s.Stock != 0 || !strings.Contains(s.LastError, "another split") {
			t.Errorf("c3 is %+v", s)
		}
		for i := range 10 {
			c.mustSign(q, echo(uint32(i), 1))
		}
		if s := q.Stats(); s.Retried+s.Hedged+s.BadShares != 0 {
			t.Errorf("%+v, want no trouble", s)
		}
		c.hosts[1].set(func(h *host) { h.fault = dead })
		asked := c.hosts[2].called("Commit")
		err := c.sign(q, echo(10, 1))
		wantIs(t, err, ErrNoQuorum)
		var split *SplitError
		if !errors.As(err, &split) || !strings.Contains(err.Error(), "cosigner c3: its share is of another split") {
			t.Errorf("failed with %v, which should name c3", err)
		}
		if shares, more := c.hosts[2].called("Share"), c.hosts[2].called("Commit")-asked; shares+more != 0 {
			t.Errorf("c3 was asked for %d shares, and for commitments %d times for a signature", shares, more)
		}
		c.restart(2)
		time.Sleep(2 * time.Second)
		c.mustSign(q, echo(11, 1))
	})
}

// TestOtherSplitJustNow: commitments of a process with a share of our split are still in hand when
// one with another share answers in its place. No wrong share is made, and none is lost.
func TestOtherSplitJustNow(t *testing.T) {
	stageKeyless(t, -1, func(t *testing.T, c *committee, q *Quorum) {
		c.hosts[1].set(func(h *host) { h.fault = after(time.Millisecond) }) // c3 is asked first
		c.resplit(2)
		for i := range 10 {
			c.mustSign(q, echo(uint32(i), 1))
		}
		if s := q.Stats(); s.BadShares != 0 || s.Retried > 2 {
			t.Errorf("%+v, want no wrong share", s)
		}
	})
}

// TestOtherSplitLeads: the one that leads is alone with its split. It can sign nothing, says so of
// each other one, does not get ready to, and knows that the others could.
func TestOtherSplitLeads(t *testing.T) {
	stageKeyless(t, 0, func(t *testing.T, c *committee, q *Quorum) {
		wantIs(t, q.Ready(), ErrNoQuorum)
		err := c.sign(q, echo(1, 1))
		wantIs(t, err, ErrNoQuorum)
		for _, name := range []string{"c2", "c3"} {
			if !strings.Contains(err.Error(), "cosigner "+name+": its share is of another split") {
				t.Errorf("failed with %v, which does not name %s", err, name)
			}
		}
		if s := q.Stats(); s.BadShares != 0 || !q.Outvoted() {
			t.Errorf("%+v, outvoted %t; want no bad shares, and that", s, q.Outvoted())
		}
	})
}

// TestThreeSplits: nobody could do better than who leads.
func TestThreeSplits(t *testing.T) {
	stageKeyless(t, 1, func(t *testing.T, c *committee, q *Quorum) {
		if q.Outvoted() {
			t.Error("outvoted by one")
		}
		c.resplit(2)
		time.Sleep(5 * time.Minute)
		wantIs(t, c.sign(q, echo(1, 1)), ErrNoQuorum)
		if q.Outvoted() {
			t.Error("outvoted by two that could not sign either")
		}
	})
}

// TestOtherSplitAttests: an attestation is as good whatever share its giver holds, so that a stock
// node is served with it. It counts no longer than it answers.
func TestOtherSplitAttests(t *testing.T) {
	stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
		c.resplit(1)
		c.hosts[2].set(func(h *host) { h.fault = dead })
		time.Sleep(5 * time.Minute)
		if err := q.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		if err := c.attest(q, echo(1, 1)); err != nil {
			t.Error(err)
		}
		c.hosts[1].set(func(h *host) { h.fault = dead })
		time.Sleep(time.Minute)
		wantIs(t, q.Ready(), ErrNoQuorum)
	})
}

// TestOtherSplitUntold: with one that does not tell its split it is as it was: found by its share.
func TestOtherSplitUntold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 2, 3)
		c.resplit(1)
		c.hosts[1].old = true
		q, stop := c.leadFilled()
		defer stop()
		for i := range 10 {
			c.mustSign(q, echo(uint32(i), 1))
		}
		if s := q.Status()[1]; q.Stats().BadShares != 1 || s.Split != nil {
			t.Errorf("%+v, %+v; want a bad share of c2", q.Stats(), s)
		}
	})
}

// TestCommitAmongSplits: who shows another split gets our fingerprint and no nonce is used for it;
// who shows none gets commitments.
func TestCommitAmongSplits(t *testing.T) {
	c := newCommittee(t, 2, 3)
	ours := c.group.Fingerprint()
	for _, tt := range []struct {
		split []byte
		want  int
	}{{nil, 2}, {ours[:], 2}, {ours[:7], 0}, {make([]byte, 8), 0}} {
		r, err := c.hosts[0].server.commit("c2", &cosignerv1.CommitRequest{Count: 2, ShareEpoch: 1, Split: tt.split})
		if err != nil || len(r.GetCommitments()) != tt.want || string(r.GetSplit()) != string(ours[:]) {
			t.Errorf("to %x: %v, %v; want %d commitments and our split", tt.split, r, err, tt.want)
		}
	}
}
