package cosigner

import (
	"context"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"

	"casper-cosigner/keygen"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

func TestKeyringRefusesContradictions(t *testing.T) {
	c := newCommittee(t, 2, 3)
	with := func(change func(holders map[string]int)) Keys {
		k := Keys{Epoch: 1, Share: c.keys[0], Holders: c.holders()}
		change(k.Holders)
		return k
	}
	sound := with(func(map[string]int) {})
	for want, keys := range map[string][]Keys{
		"no share":                       nil,
		"two shares of epoch 1":          {sound, sound},
		"our share is number 1":          {with(func(h map[string]int) { delete(h, "c1") })},
		"said to hold number 2":          {with(func(h map[string]int) { h["c1"] = 2 })},
		"hold one share":                 {with(func(h map[string]int) { h["c2"] = 3 })},
		"1 holders, and 2 shares are ne": {with(func(h map[string]int) { delete(h, "c2"); delete(h, "c3") })},
	} {
		if _, err := NewKeyring("c1", keys...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestKeyringTwoEpochs: shares of two splits do not mix. New signatures are made with the newest,
// an older one is served as long as it is there, and an unknown one is refused by name.
func TestKeyringTwoEpochs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 2, 3)
		_, second, err := keygen.Split(sha512.Sum512_256([]byte("seed")), 2, 3, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range c.hosts {
			k, err := NewKeyring(h.name, Keys{Epoch: 1, Share: c.keys[i], Holders: c.holders()},
				Keys{Epoch: 2, Share: second[i], Holders: c.holders()})
			if err != nil {
				t.Fatal(err)
			}
			c.restartWith(i, k)
		}
		old, err := NewKeyring("c1", Keys{Epoch: 1, Share: c.keys[0], Holders: c.holders()})
		if err != nil {
			t.Fatal(err)
		}
		q, stop := c.leadFilled()
		defer stop()
		c.mustSign(q, echo(1, 1))
		q.config.Keyring = old // while its stock is of epoch 2
		c.mustSign(q, echo(2, 1))
		if s := q.Stats(); s.BadShares != 0 {
			t.Errorf("%+v, want no bad shares", s)
		}
		a := asking{c, context.WithValue(t.Context(), callerKey{}, "c1")}
		_, err = a.server().Commit(a.ctx, &cosignerv1.CommitRequest{Count: 1, ShareEpoch: 3})
		wantCode(t, "unknown epoch", err, codes.Aborted)
		if !strings.Contains(err.Error(), "share epoch 3 is unknown here, ours is [1 2]") {
			t.Errorf("the refusal does not name the epoch: %v", err)
		}
		var unknown *EpochError
		if _, err := old.At(2); !errors.As(err, &unknown) || unknown.Epoch != 2 {
			t.Errorf("got %v", err)
		}
	})
}
